import { describe, expect, it } from 'vitest';
import type { Debuggee } from '../../src/dap/debuggee.js';
import { checkInvariants, GuestReader, type KaiserAbi, predicates, readAbi } from '../../src/kaiser/index.js';
import { readerOf, rootOf, walk } from '../../src/paging/index.js';
import { boot, BUSY, FILE, firstBroken, runTo, toUserMode } from './invariantMachine.js';

const read = ({ target }: Debuggee, cpu: number, name: string): bigint => target.readRegister(cpu, name)!;
const guestOf = ({ target, symbols }: Debuggee): GuestReader => new GuestReader(readAbi(symbols) as KaiserAbi, symbols, readerOf(target.physicalView()));

/** Changes a word of physical memory through the direct map, as a debugger does. */
function changeWord(debuggee: Debuggee, physical: number, change: (word: bigint) => bigint): void {
  const guest = guestOf(debuggee), { target } = debuggee, bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, BigInt.asUintN(64, change(target.physicalView().getBigUint64(physical, true))), true);
  if (!target.writeMemory(0, guest.abi.physmapBase + BigInt(physical), new Uint8Array(bytes.buffer), guest.initRoot()!)) throw new Error('the word cannot be written');
}

const kernelRoot = (debuggee: Debuggee, cpu: number): number => rootOf(read(debuggee, cpu, 'cr3')) & ~0x1000;
const changeCr3 = (debuggee: Debuggee, cpu: number, change: (cr3: bigint) => bigint): void => debuggee.target.writeRegister(cpu, 'cr3', change(read(debuggee, cpu, 'cr3')));
/** The first slot of the user half that is in use. */
const usedSlot = (debuggee: Debuggee, root: number): number => root + 8 * Array.from({ length: 256 }, (_, slot) => slot).find(slot => debuggee.target.physicalView().getBigUint64(root + slot * 8, true) & 1n)!;

describe('a rule of KAISER is found broken', () => {
  interface Case { append?: string; lines?: string[]; more?: object; hazard?: string; until?: number; text: RegExp; spoil?: (debuggee: Debuggee) => Promise<unknown> }
  const inUser = (spoil: (debuggee: Debuggee, cpu: number) => void) => async (debuggee: Debuggee) => spoil(debuggee, await toUserMode(debuggee));
  const cases: Record<string, Case> = {
    P1: { spoil: inUser((it, cpu) => changeCr3(it, cpu, cr3 => cr3 & ~0x1800n)), text: /runs user code at 0x[0-9a-f]+.* on the kernel half, though KAISER is on for it/ },
    P2: { append: 'kaiser=off', spoil: inUser((it, cpu) => changeCr3(it, cpu, cr3 => cr3 | 0x1800n)), text: /on the shadow half, though KAISER is off for it/ },
    P3: { spoil: inUser((it, cpu) => changeCr3(it, cpu, cr3 => cr3 & ~0x800n)), hazard: 'H21', text: /has 0x[0-9a-f]+ in CR3: bit 12 says the shadow half, but PCID 0x\d is that of the kernel half/ },
    P4: { spoil: inUser((it, cpu) => changeCr3(it, cpu, cr3 => guestOf(it).initRoot()! | 0x1000n | cr3 & 0xfffn)), hazard: 'H27', text: /has the pair at 0x[0-9a-f]+ in CR3 and should have that at 0x[0-9a-f]+/ },
    P5: { append: 'kaiser_design=naive', lines: ['spin &', 'toggle 100'], text: /runs kernel code at 0x[0-9a-f]+ \(sync_registers\) on the shadow half/ },
    P6: { append: 'kaiser=off kaiser_without=nonglobal', lines: ['spin &', `echo 1 > ${FILE}`, 'storm 0'], hazard: 'H13', text: /goes to user mode and can use a translation of .*\(global/ },
    P7: { append: 'kaiser=off kaiser_without=nonglobal', lines: ['spin &', `echo 1 > ${FILE}`, 'storm 0'], hazard: 'H13', text: /keeps a global translation of/ },
    P8: { append: 'kaiser=off kaiser_without=mirror', hazard: 'H14', text: /differ in slot 255: 0x[0-9a-f]+ in the kernel half, 0x0 in the shadow half/ },
    P9: { spoil: inUser((it, cpu) => changeWord(it, usedSlot(it, kernelRoot(it, cpu)), word => word & ~(1n << 63n))), text: /KAISER is on, but slot \d+ of the kernel half at 0x[0-9a-f]+ is not poisoned/ },
    P10: { append: 'kaiser_without=flush', lines: ['touch 1000 &', 'forks 10000 &', 'toggle 100'], hazard: 'H12', until: 6_000_000, text: /out of date: by the tables it may be executed. No flush of it is pending/ },
    P11: {
      spoil: async it => {
        const cpu = await runTo(it, 'exit_sysret'), { abi } = guestOf(it);
        it.target.writeMemory(cpu, guestOf(it).percpuBase(cpu)! + abi.offsetFlushMask, Uint8Array.of(0xfe, 0, 0, 0, 0, 0, 0, 0), guestOf(it).initRoot()!);
        // The CPU stands at the exit, which a probe would pass by.
        it.invariants.start({ rate: 'entries', wants: predicate => predicate === 'P11' });
        expect(it.invariants.stepped(cpu)).toBe(true);
      },
      hazard: 'H11', text: /goes to user mode under PCID 0x80\d, whose flush the kernel has asked for/,
    },
    P12: { append: 'kaiser=off kaiser_without=entry_stack', hazard: 'H18', text: /entered from user mode by .* with its frame at 0xffff8880[0-9a-f]+; its entry and IST stacks lie from/ },
    P13: { append: 'kaiser=off kaiser_without=vectors', more: { cpus: 4 }, lines: ['spin &', 'spin &', 'spin &', `echo 1 > ${FILE}`, 'storm 0'], hazard: 'H17', text: /the target of SYSCALL at 0x[0-9a-f]+ \(entry_syscall64_plain\) is not mapped/ },
    P14: {
      append: 'nofsgsbase kaiser_without=paranoid_exit', hazard: 'paranoid_exit',
      spoil: async it => {
        const cpu = await runTo(it, 'exit_sysret_cr3');
        it.target.step(cpu);
        it.target.injectNmi(cpu);
      },
      text: /leaves a paranoid entry at exit_nmi to 0x[0-9a-f]+ \(.*\) with 0x[0-9a-f]+ in CR3 and came with 0x[0-9a-f]+: it found KAISER on both times/,
    },
    P15: { lines: ['storm 0'], spoil: inUser((it, cpu) => changeWord(it, (usedSlot(it, kernelRoot(it, cpu)) | 0x1000), () => 0n)), hazard: 'H14', text: /is to execute user code at 0x4[0-9a-f]+.* on the shadow half, which does not map it: only the kernel half does/ },
    P16: { spoil: inUser((it, cpu) => changeWord(it, kernelRoot(it, cpu) + 0x1000 + 8 * 300, () => 0x1003n)), text: /Slot 300 \(0x[0-9a-f]+\) of the shadow half at 0x[0-9a-f]+ is 0x1003; the kernel's own has 0x0/ },
    P17: {
      append: 'kaiser=off kaiser_design=per_cpu_word kaiser_without=offline', hazard: 'H28', text: /CPU 1 finds KAISER off, CPU 0 finds it on/,
      lines: ['echo 1 > /sys/kernel/debug/cpus-online', `echo 1 > ${FILE}`, 'echo 2 > /sys/kernel/debug/cpus-online', 'storm 0'],
    },
    P18: {
      append: 'kaiser_design=per_cpu_word', lines: ['storm 0'], hazard: 'H22', text: /is about to ask its own word at 0x[0-9a-f]+ .* with the GS base 0x1000, and its data is at/,
      spoil: async it => it.target.writeRegister(await runTo(it, 'irq_entry', cpu => (read(it, cpu, 'cr3') & 0x1000n) !== 0n), 'kernel_gs_base', 0x1000n),
    },
    P22: { append: 'kaiser_without=user_pcids,flush', lines: ['touch 1000 &', 'touch 1000 &', 'forks 10000 &', 'toggle 100'], until: 15_000_000, hazard: 'H11', text: /for the first time since KAISER was switched on with a translation of 0x[0-9a-f]+ \(PCID 0x80\d.*\) from before/ },
    P23: {
      spoil: async it => {
        const cpu = await runTo(it, 'exit_iret_cr3');
        it.target.writeRegister(cpu, 'rdi', 0x123000n);
        it.invariants.start({ rate: 'entries', wants: predicate => predicate === 'P23' });
        expect(it.invariants.stepped(cpu)).toBe(true);
      },
      hazard: 'H6', text: /is about to write 0x[0-9a-f]+ from RDI to CR3 at 0x[0-9a-f]+ \(exit_iret_cr3\): no address space has a pair at 0x122000/,
    },
    P24: { lines: [`echo 0 > ${FILE}`], until: 60_000_000, spoil: async it => { await runTo(it, 'kaiser_shell_ready'); it.target.hold(1, true); }, text: /The toggle that CPU 0 began at position \d+, to switch KAISER off, has not come to its end after \d+ steps\. CPU 1 has not answered the request to stop; it is at/ },
  };

  it.each(Object.entries(cases))('%s', async (predicate, { append = '', lines = ['storm 0'], more, hazard, until = 5_000_000, text, spoil }) => {
    const debuggee = await boot(append, lines, more);
    await spoil?.(debuggee);
    const broken = debuggee.invariants.broken ?? await firstBroken(debuggee, until, [predicate]);
    expect(broken).toMatchObject({ predicate, text: expect.stringMatching(text) as string });
    expect(broken!.hazard).toBe(hazard);
  }, 60_000);

  it('and each predicate has a test of its own, here or among those of verdicts on exceptions', () => {
    expect(Object.keys(cases)).toEqual(predicates.filter(({ id, part }) => part !== 'exceptions' || id in cases).map(({ id }) => id));
  });

  it('a stale translation: a page that the tables have given away', async () => {
    const debuggee = await boot('', ['storm 0']);
    const cpu = await toUserMode(debuggee), { target } = debuggee;
    const used = target.tlb(cpu).find(entry => entry.linear < 1n << 47n && entry.rights.write)!;
    const { steps } = walk(readerOf(target.physicalView()), kernelRoot(debuggee, cpu), used.linear, { ...debuggee.kaiser.machineView()!.features });
    changeWord(debuggee, steps.at(-1)!.entryAddress, word => word ^ 0x5000n);
    const [found] = checkInvariants(debuggee.kaiser.machineView()!, predicate => predicate === 'P10');
    expect(found).toMatchObject({ predicate: 'P10', cpu, text: expect.stringContaining('out of date: the tables lead to') as string });
  });
});

describe('no rule is found broken', () => {
  it.each([
    ['stop_machine', {}], ['boot_flag', {}], ['alternatives', {}], ['static_branch', {}], ['deferred_poison', { cpus: 3 }], ['cr3_driven', {}], ['per_cpu_word', { cpus: 4 }], ['one_way', {}],
    ['per_process', {}],
  ] as const)('under %s with everything running and toggles, at entries and exits', async (design, more) => {
    const debuggee = await boot(`kaiser_design=${design}`, ['toggle 100 &', ...BUSY], more);
    expect(await firstBroken(debuggee, 3_000_000)).toBeUndefined();
    expect(debuggee.target.position).toBe(3_000_000);
  }, 120_000);

  it.each(['nopcid', 'nopge', 'noinvpcid', 'kaiser=off', 'kaiser_without=user_pcids'])('with %s', async append => {
    expect(await firstBroken(await boot(append, ['toggle 100 &', ...BUSY]), 2_600_000)).toBeUndefined();
  }, 120_000);

  it.each(['', 'nofsgsbase', 'kaiser_design=static_branch'])('while NMIs and machine checks come at any moment: "%s"', async append => {
    const debuggee = await boot(append, ['toggle 100 &', 'storm 0 &', 'touch 1000 &', 'spin &']), { target } = debuggee;
    const next = (position: number): unknown => target.addAlarm(position, () => {
      if (position % 3 === 0) target.injectMachineCheck(position % 2);
      else target.injectNmi(position % 2);
      next(position + 2011);
    });
    next(2_000_003);
    expect(await firstBroken(debuggee, 2_400_000)).toBeUndefined();
    expect(target.position).toBe(2_400_000);
  }, 120_000);

  it('at every instruction of system calls, faults, interrupts and a toggle', async () => {
    const debuggee = await boot('', ['touch 3 &', 'storm 5', `echo 0 > ${FILE}`, `echo 1 > ${FILE}`]);
    await runTo(debuggee, 'kaiser_shell_ready');
    expect(await firstBroken(debuggee, debuggee.target.position + 6000, undefined, 'instructions')).toBeUndefined();
    await runTo(debuggee, 'kaiser_toggle_begin');
    expect(await firstBroken(debuggee, debuggee.target.position + 6000, undefined, 'instructions')).toBeUndefined();
    await runTo(debuggee, 'kaiser_toggle_end');
    expect(await firstBroken(debuggee, debuggee.target.position + 3000, undefined, 'instructions')).toBeUndefined();
  }, 120_000);
});

describe('checks', () => {
  it('change nothing of the machine’s course, at any rate', async () => {
    const script = ['storm 20', `echo 0 > ${FILE}`, 'touch 3', `echo 1 > ${FILE}`];
    const [free, entries, instructions] = await Promise.all([boot('', script), boot('', script), boot('', script)]);
    const end = 2_050_000;
    await free.target.run({ until: end });
    await firstBroken(entries, end);
    await instructions.target.run({ until: end - 2000 });
    await firstBroken(instructions, end, undefined, 'instructions');
    expect([entries.target.stateHash(), instructions.target.stateHash()]).toEqual([free.target.stateHash(), free.target.stateHash()]);
  }, 60_000);

  it('leave nothing behind when they are switched off', async () => {
    const debuggee = await boot('kaiser=off kaiser_without=mirror', ['storm 10', 'poweroff']);
    expect(await firstBroken(debuggee, 5_000_000)).toBeDefined();
    debuggee.invariants.stop();
    expect(debuggee.invariants.runOptions).toEqual({});
    expect((await debuggee.target.run()).kind).toBe('exit');
  });

  it('tell a rule once for each CPU', async () => {
    const debuggee = await boot('kaiser=off kaiser_without=mirror', ['storm 10', 'poweroff']);
    const told: unknown[] = [];
    for (let broken = await firstBroken(debuggee, 5_000_000); broken && told.length < 10; broken = await firstBroken(debuggee, 5_000_000)) {
      told.push(`${broken.predicate} ${broken.cpu}`);
      debuggee.invariants.broken = undefined;
    }
    expect(told).toEqual([...new Set(told)]);
  });
});
