import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkInvariants, GuestReader, type KaiserAbi, type MachineView, readAbi, type Violation } from '../../src/kaiser/index.js';
import { featuresOf, readerOf } from '../../src/paging/index.js';
import { loadSymbols, parseElf } from '../../src/symbols/index.js';
import { createMachineTarget } from '../../src/target/machineTarget.js';
import type { Target, TargetConfiguration } from '../../src/target/target.js';

const image = new Uint8Array(readFileSync(fileURLToPath(new URL('../../dist/guest/kaiser.elf', import.meta.url))));
const symbols = loadSymbols(parseElf(image, 'kaiser.elf'));
const FILE = '/sys/kernel/debug/x86/kaiser-enabled';
const BUSY = ['storm 0 &', 'forks 100000 &', 'touch 1000 &', 'ldt 0 &', 'compat 0 &', 'spin &'];

/** The machine between two instructions. `toggling` is kept by probes on the kernel's marks around a toggle. */
async function boot(commandLine: string, lines: readonly string[], changes: Partial<TargetConfiguration> = {}): Promise<{ target: Target; view: () => MachineView }> {
  const target = await createMachineTarget({
    image, imageName: 'kaiser.elf', cpus: 2, ramSize: 64 << 20, commandLine, quantum: 300, schedule: { kind: 'random', seed: 1 },
    features: { pcid: true, invpcid: true, pge: true, smep: true, smap: true, fsgsbase: true }, consoleInput: lines.map(line => `${line}\n`).join(''), ...changes,
  });
  let toggling = 0;
  target.addProbe(symbols.table.addressOf('kaiser_toggle_begin')!, () => { toggling++; });
  target.addProbe(symbols.table.addressOf('kaiser_toggle_end')!, () => { toggling--; });
  const reader = readerOf(target.physicalView());
  const guest = new GuestReader(readAbi(symbols) as KaiserAbi, symbols, reader);
  const register = (cpu: number, name: string): bigint => target.readRegister(cpu, name) ?? 0n;
  return {
    target,
    view: () => ({
      guest, symbols, reader, ramSize: target.ramSize, toggling: toggling > 0, position: target.position,
      features: featuresOf({ cr0: register(0, 'cr0'), cr4: register(0, 'cr4'), efer: register(0, 'efer') }),
      cpus: Array.from({ length: target.cpuCount }, (_, index) => {
        const { state, rip, cpl, cr3, pagingOn, pcidEnabled } = target.cpu(index);
        return {
          index, live: state === 'running' || state === 'halted', rip, cpl, cr3, pagingOn, pcidEnabled,
          register: name => target.readRegister(index, name), tlb: () => target.tlb(index),
        };
      }),
    }),
  };
}

interface Walk extends Partial<TargetConfiguration> { from?: number; until?: number; every?: number; parts?: Parameters<typeof checkInvariants>[1] }

/** Stops every so many steps, an odd number so that it falls everywhere, and gives the first rules found broken. */
async function firstViolations(commandLine: string, lines: readonly string[], { from = 0, until = 5_000_000, every = 29_989, parts, ...changes }: Walk = {}): Promise<Violation[]> {
  const { target, view } = await boot(commandLine, lines, changes);
  for (let at = from + every; at < until; at += every) {
    const stop = await target.run({ until: at });
    const found = checkInvariants(view(), parts);
    if (found.length) return found;
    if (stop.kind !== 'limit') return [];
  }
  return [];
}

describe('the rules of KAISER', () => {
  it.each([
    ['stop_machine', {}], ['static_branch', {}], ['deferred_poison', {}], ['cr3_driven', {}], ['per_cpu_word', { cpus: 4 }], ['per_process', {}], ['alternatives', {}], ['per_cpu_cr3', {}], ['static_branch_stopped', {}],
  ] as const)('hold all the time under %s with everything running and toggles', async (design, changes) => {
    expect(await firstViolations(`kaiser_design=${design}`, [...BUSY, 'toggle 100'], changes)).toEqual([]);
  }, 120_000);

  it.each(['nopcid', 'nopge', 'noinvpcid', 'kaiser=off'])('hold with %s', async append => {
    expect(await firstViolations(append, [...BUSY, 'toggle 100'])).toEqual([]);
  }, 120_000);

  // A CPU that nobody stops is on the kernel half until it next leaves, with all that its TLB has of it: what P1 allows it is no breach of P6.
  it('hold for a CPU that stays in user mode while entries that believe CR3 are switched on', async () => {
    const { target, view } = await boot('kaiser=off kaiser_design=cr3_driven', ['spin &', `toggle 20`, 'poweroff']);
    const found: Violation[] = [];
    let seen = 0;
    target.addProbe(symbols.table.addressOf('on_each_cpu')!, cpu => {
      const now = view();
      if (!now.toggling || !now.guest.state().flag || !now.cpus.some(one => one.index !== cpu && one.cpl === 3)) return;
      seen++;
      found.push(...checkInvariants(now, ['tlbs']));
    });
    await target.run({ until: 60_000_000 });
    expect(seen).toBeGreaterThan(5);
    expect(found).toEqual([]);
  }, 120_000);

  it.each<[string, string, string, string[], Walk?]>([
    ['P1 or P5', 'naive', 'kaiser_design=naive', ['spin &', 'toggle 100']],
    ['P7', 'without nonglobal', 'kaiser=off kaiser_without=nonglobal', ['spin &', `echo 1 > ${FILE}`, 'storm 0']],
    ['P8', 'without mirror', 'kaiser=off kaiser_without=mirror', ['spin &', `echo 1 > ${FILE}`, 'storm 0']],
    ['P13', 'without vectors', 'kaiser=off kaiser_without=vectors', ['spin &', 'spin &', 'spin &', `echo 1 > ${FILE}`, 'storm 0'], { from: 380_000, every: 307, cpus: 4, parts: ['cpus'] }],
    ['P13', 'without entry_stack', 'kaiser=off kaiser_without=entry_stack', ['spin &', `echo 1 > ${FILE}`, 'storm 0'], { from: 380_000, every: 97, parts: ['cpus'] }],
    ['P17', 'without offline', 'kaiser=off kaiser_design=per_cpu_word kaiser_without=offline', ['echo 1 > /sys/kernel/debug/cpus-online', `echo 1 > ${FILE}`, 'echo 2 > /sys/kernel/debug/cpus-online', 'storm 0']],
  ])('%s is broken %s', async (predicates, _what, append, lines, walk = { every: 997 }) => {
    const found = await firstViolations(append, lines, walk);
    expect(found.map(one => one.text)).not.toEqual([]);
    expect(predicates.split(' or ')).toContain(found[0]!.predicate);
  }, 120_000);
});
