import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type CrashFacts, decodeCr3, type ExceptionRecord, findEntryPoints, GuestReader, judge, type KaiserAbi, readAbi } from '../../src/kaiser/index.js';
import { diffTables, featuresOf, listRanges, type PageRange, readerOf } from '../../src/paging/index.js';
import { type Frame, loadSymbols, parseElf, unwind } from '../../src/symbols/index.js';
import { createMachineTarget } from '../../src/target/machineTarget.js';
import type { Target } from '../../src/target/target.js';

/** The built-in kernel (make -C guest) on the machine: what these libraries say of it must be so. */
const path = fileURLToPath(new URL('../../dist/guest/kaiser.elf', import.meta.url));
const image = new Uint8Array(readFileSync(path));
const symbols = loadSymbols(parseElf(image, 'kaiser.elf'));
const abi = readAbi(symbols) as KaiserAbi;
const points = findEntryPoints(symbols);
const addressOf = (name: string): bigint => symbols.table.addressOf(name)!;

interface Guest { target: Target; guest: GuestReader; output(): string }

async function boot(commandLine: string, lines: readonly string[]): Promise<Guest> {
  const target = await createMachineTarget({
    image, imageName: 'kaiser.elf', cpus: 2, ramSize: 64 << 20, commandLine, quantum: 1000, schedule: { kind: 'round-robin', seed: 0 },
    features: { pcid: true, invpcid: true, pge: true, smep: true, smap: true, fsgsbase: true },
    consoleInput: lines.map((line) => `${line}\n`).join(''),
  });
  let output = '';
  target.onConsole((text) => { output += text; });
  return { target, guest: new GuestReader(abi, symbols, readerOf(target.physicalView())), output: () => output };
}

function features(target: Target, cpu: number): ReturnType<typeof featuresOf> {
  return featuresOf({ cr0: target.readRegister(cpu, 'cr0')!, cr4: target.readRegister(cpu, 'cr4')!, efer: target.readRegister(cpu, 'efer')! });
}

function facts({ target, guest }: Guest, event: CrashFacts['event'], cpu: number, exceptions: readonly ExceptionRecord[]): CrashFacts {
  const info = target.cpu(cpu);
  const register = (name: string): bigint | undefined => target.readRegister(cpu, name);
  return {
    event, cpu, exceptions, pcidEnabled: info.pcidEnabled, paired: true, kaiser: guest.state(), reader: readerOf(target.physicalView()),
    features: features(target, cpu), symbols, entryPoints: points, rsp: info.rsp, registers: register,
    idt: register('idtr_base'), gdt: register('gdtr_base'), tss: register('tr_base'),
  };
}

/** Runs with a judgement at every exception; stops at the first that is an explosion. */
async function runJudged(machine: Guest, until: number): Promise<ReturnType<typeof judge>> {
  let verdict: ReturnType<typeof judge>;
  machine.target.setExceptionStops((exception) => {
    verdict = judge(facts(machine, 'exception', exception.cpu, [...machine.target.recentExceptions(exception.cpu), exception]));
    return verdict !== undefined;
  });
  await machine.target.run({ until });
  return verdict;
}

describe('the built-in kernel\'s image', () => {
  it('is read without problems', () => expect(symbols.problems).toEqual([]));

  it('has all names that the debugger relies on, on the instructions that they promise', () => {
    const paths = ['syscall64', 'page_fault', 'general_protection', 'divide_error', 'invalid_opcode', 'timer', 'ipi_tlb', 'ipi_call', 'ipi_resched', 'syscall32', 'sysenter', 'int80', 'nmi', 'double_fault', 'debug', 'breakpoint', 'machine_check'];
    const names = (kind: string): string[] => points.filter((point) => point.kind === kind).map((point) => point.symbol);
    expect(names('entry')).toEqual(expect.arrayContaining(paths.map((one) => `entry_${one}`)));
    expect(names('cr3').sort()).toEqual(['entry_error_cr3', 'entry_irq_cr3', 'entry_paranoid_cr3', 'entry_syscall32_cr3', 'entry_syscall64_cr3', 'entry_sysenter_cr3', 'exit_espfix_kernel_cr3',
      'exit_espfix_user_cr3', 'exit_iret_cr3', 'exit_paranoid_cr3', 'exit_sysret32_cr3', 'exit_sysret_cr3']);
    expect(names('exit')).toEqual(expect.arrayContaining(['exit_sysret', 'exit_iret_user', 'exit_iret_kernel', 'exit_iret_espfix', 'exit_sysret32', 'exit_nmi']));
    for (const point of points.filter((one) => one.kind === 'cr3')) {
      const code = symbols.bytesAt(point.address, 4)!;
      const rex = (code[0]! & 0xf0) === 0x40 ? 1 : 0;
      expect([point.symbol, code[rex], code[rex + 1], code[rex + 2]! & 0xf8]).toEqual([point.symbol, 0x0f, 0x22, 0xd8]);
    }
    for (const name of ['kaiser_toggle_begin', 'kaiser_toggle_end', 'kaiser_shell_ready']) expect(symbols.table.byName(name)?.kind).toBe('function');
    expect(symbols.lines.resolveFile('/anywhere/guest/entry/syscall.S')).toHaveLength(1);
  });
});

describe('the booted kernel', () => {
  it('shows its tasks, its state and pairs of tables that mirror and poison as they should', async () => {
    const machine = await boot('', []);
    machine.target.setBreakpoints([{ address: addressOf('kaiser_shell_ready') }]);
    const stop = await machine.target.run({ until: 20_000_000 });
    expect(stop.kind).toBe('breakpoint');
    const { target, guest } = machine;
    expect(guest.state()).toMatchObject({ design: 'stop_machine', enabled: 1, flag: 1, onlineCpus: 2 });
    const shell = guest.tasks().find((task) => task.pid === 1)!;
    expect(shell.comm).toBe('sh');
    expect(guest.currentTask(stop.cpu)).toEqual(shell);
    const cr3 = decodeCr3(target.cpu(stop.cpu).cr3, { pcidEnabled: true });
    expect(cr3).toMatchObject({ half: 'kernel', root: shell.kernelRoot });

    const { ranges } = diffTables(readerOf(target.physicalView()), Number(cr3.kernelRoot), Number(cr3.shadowRoot), features(target, stop.cpu));
    const user = ranges.filter((range) => range.start < 0x8000_0000_0000n);
    expect(user.length).toBeGreaterThan(0);
    for (const range of user) expect(range).toMatchObject({ shared: true, poisoned: true, where: range.shadow?.rights.execute ? 'differs' : 'both' });
    const at = (name: string) => ranges.find((range) => addressOf(name) >= range.start && addressOf(name) < range.end);
    expect(at('entry_syscall64')).toMatchObject({ where: 'both', kernel: { rights: { user: false, write: false, execute: true, global: true } } });
    expect(at('kaiser_asm_do_switch')).toMatchObject({ where: 'both' });
    expect(at('do_page_fault')).toMatchObject({ where: 'kernel only' });
    expect(ranges.find((range) => range.start === 0xffff_8880_0000_0000n)).toMatchObject({ where: 'kernel only' });
    expect(ranges.filter((range) => range.where === 'shadow only')).toEqual([]);
  });

  it('prints in its own page_tables files what we read from its memory', async () => {
    const machine = await boot('', ['cat /sys/kernel/debug/page_tables/current_kernel', 'echo between', 'cat /sys/kernel/debug/page_tables/current_user', 'poweroff 0']);
    const stop = await machine.target.run({ until: 50_000_000 });
    expect(stop.kind).toBe('exit');
    const shell = machine.guest.tasks().find((task) => task.pid === 1)!;
    const [kernelText, shadowText] = machine.output().split('between\n$ cat');
    for (const [text, root] of [[kernelText!, shell.kernelRoot!], [shadowText!, shell.kernelRoot! | 0x1000n]] as const) {
      const theirs = [...text.matchAll(/^0x(f\w{15})-0x(\w{16}) +\w+ (USR|   ) (RW|ro).*(NX|x ) (pte|pmd|pud)/gm)]
        .map((line) => [BigInt(`0x${line[1]}`), BigInt(`0x${line[2]}`), line[3] === 'USR', line[4] === 'RW', line[5] === 'x ', { pte: 1, pmd: 2, pud: 3 }[line[6]!]]);
      const show = (range: PageRange) => [range.start, range.end, range.rights.user, range.rights.write, range.rights.execute, range.level];
      const ours = listRanges(readerOf(machine.target.physicalView()), Number(root), features(machine.target, 0), { provenance: false }).ranges;
      expect(theirs.length).toBeGreaterThan(10);
      expect(ours.filter((range) => range.start >> 63n !== 0n).map(show)).toEqual(theirs);
    }
  });

  it('is unwound from wherever it stands to the beginning of a program or of a kernel task', async () => {
    const { target } = await boot('', ['ps', 'storm 0 &', 'touch 50', 'forks 100']);
    await target.run({ until: 450_000 });
    const ends = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      await target.run({ until: target.position + 4987 });
      for (const cpu of [0, 1]) {
        const { rip, rsp, rbp, cr3 } = target.cpu(cpu);
        const read = (address: bigint, size: number): Uint8Array | undefined => target.readMemory(cpu, address, size) ?? target.readMemory(cpu, address, size, cr3 & ~0x1fffn);
        const frames: Frame[] = unwind({ rip, rsp, rbp, rcx: target.readRegister(cpu, 'rcx')! }, read, symbols);
        const last = frames[frames.length - 1]!;
        const name = symbols.table.functionAt(last.lookup)?.symbol.name ?? 'nowhere';
        ends.set(name, (ends.get(name) ?? 0) + 1);
      }
    }
    const count = (...names: string[]): number => names.reduce((sum, name) => sum + (ends.get(name) ?? 0), 0);
    // exec and exit: the address space, and the stack in it, is being taken down. getpid, storm_main: RSP is a scratch
    // register, or RBP the kernel's already, for a few instructions of a system call.
    expect(count('user_start', 'secondary_main', 'ret_from_fork', 'exec', 'exit', 'getpid', 'fork', 'wait', 'storm_main')).toBeGreaterThanOrEqual(590);
    expect(count('user_start', 'secondary_main', 'ret_from_fork')).toBeGreaterThan(400);
  });
});

describe('toggling', () => {
  it('by the naive design while the other CPU is in user mode is told as a missed switch, with the interrupt that led to it', async () => {
    const machine = await boot('kaiser_design=naive', ['spin &', 'toggle 5', 'poweroff 0']);
    const verdict = await runJudged(machine, 60_000_000);
    expect(verdict).toMatchObject({ hazard: 'H1', predicate: 'P20' });
    expect(verdict!.text).toMatch(/^CPU 1 entered from user mode by (?:the timer interrupt \(entry_timer\)|a TLB shootdown interrupt \(entry_ipi_tlb\)), found kaiser off, stayed on the shadow CR3 and .*, which it does not map\./);
  });

  it('by the naive design that has gone off is still told once the CPU only spins', async () => {
    const machine = await boot('kaiser_design=naive', ['spin &', 'toggle 5', 'poweroff 0']);
    let faults = 0;
    machine.target.setExceptionStops((exception) => exception.cpl === 0 && exception.cpu === 1 && (exception.cr3 & 0x1000n) !== 0n && ++faults > 500);
    const stop = await machine.target.run({ until: 60_000_000 });
    expect(stop.kind).toBe('exception');
    const verdict = judge(facts(machine, 'spin', 1, machine.target.recentExceptions(1)))!;
    expect(verdict.hazard).toBe('H1');
    expect(verdict.text).toMatch(/^CPU 1 entered from user mode by .*interrupt \(entry_\w+\), found kaiser off, stayed on the shadow CR3 and went on to 0x[0-9a-f]+ \(sync_registers\), which it does not map\..*without end/);
  });

  it('on by the naive design poisons the next program under user code that still runs on the kernel CR3', async () => {
    const machine = await boot('kaiser_design=naive kaiser=off', ['spin &', 'echo 1 > /sys/kernel/debug/x86/kaiser-enabled', 'poweroff 0']);
    const verdict = await runJudged(machine, 60_000_000);
    expect(verdict).toMatchObject({ hazard: 'H4', predicate: 'P21' });
    expect(verdict!.text).toContain('user code ran on the kernel CR3');
  });

  it.each(['', 'nopcid'])('by stop_machine (%s) gives nothing to tell, nor do faults, forks and system calls', async (append) => {
    const machine = await boot(append, ['storm 300 &', 'toggle 5', 'touch 20', 'forks 10', 'nothing', 'poweroff 0']);
    expect(await runJudged(machine, 100_000_000)).toBeUndefined();
    expect(machine.output()).toContain('toggle: 5 ok');
    expect(machine.output()).toContain('forks: 10 ok');
  });
});
