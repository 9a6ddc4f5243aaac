import { expect, it } from 'vitest';
import * as L from '../../src/machine/cpu/layout.js';
import type { Machine } from '../../src/machine/machine.js';
import { boot, runScript } from './run.js';

/** The hash without the clock: walks cost cycles, and where TLBs forget they are not counted. */
function hashWithoutClock(machine: Machine): string {
  for (const cpu of machine.cpus) cpu.set(L.EXTRA_CYCLES, 0n);
  return machine.stateHash();
}

it('a machine whose TLBs forget is in the state of one whose TLBs are flushed before every step', () => {
  const forgets = boot('', { cpus: 1, tlb: 'forget' }).machine, flushed = boot('', { cpus: 1 }).machine;
  for (const machine of [forgets, flushed]) machine.devices.uart.feed(new TextEncoder().encode('fault 3\nforks 1\nstorm 5\n'));
  const cpu = flushed.cpus[0]!;
  for (const position of [100_000, 600_000]) {
    expect(forgets.run(position)).toBeUndefined();
    while (flushed.position < position) {
      flushed.mmu.flushAll(cpu, { globals: true });
      flushed.run(flushed.position + 1);
    }
    flushed.mmu.flushAll(cpu, { globals: true });
    expect(hashWithoutClock(forgets)).toBe(hashWithoutClock(flushed));
  }
  expect(forgets.mmu.entries(forgets.cpus[0]!)).toEqual([]);
}, 240_000);

it('a kernel that forgets its flushes explodes where TLBs retain, and does not where they forget', () => {
  const script = ['forks 30 &', 'touch 300 &', 'execs 10 &', 'fault 10 &', 'toggle 60', 'poweroff'];
  const run = (tlb: 'retain' | 'forget', append: string) => runScript(append, script, { cpus: 1, tlb }, 60_000_000);
  expect(run('retain', 'kaiser_without=flush,user_pcids').output).not.toContain('toggle: 60 ok');
  for (const [tlb, append] of [['forget', 'kaiser_without=flush,user_pcids'], ['retain', '']] as const) {
    const { output, stop } = run(tlb, append);
    expect(output).toContain('toggle: 60 ok');
    expect(output).not.toContain('segmentation fault');
    expect(stop).toMatchObject({ kind: 'exit', code: 0 });
  }
}, 240_000);

it('a snapshot of a machine whose TLBs forget takes the same course again', () => {
  const { machine } = boot('', { tlb: 'forget' });
  machine.devices.uart.feed(new TextEncoder().encode('forks 3\nstorm 50\n'));
  machine.run(350_000);
  const snapshots = [machine.takeSnapshot()];
  machine.run(500_000);
  snapshots.push(machine.takeSnapshot());
  machine.run(700_000);
  const end = machine.stateHash();
  for (const snapshot of [...snapshots, ...snapshots]) {
    machine.restore(snapshot);
    machine.run(700_000);
    expect(machine.stateHash()).toBe(end);
  }
});
