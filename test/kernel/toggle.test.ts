import { describe, expect, it } from 'vitest';
import type { MachineOptions } from '../../src/machine/machine.js';
import { type Run, runScript } from './run.js';

/** Toggles off and on `count` times with a process in system calls on both CPUs. */
function underStorm(design: string, count: number, options: Partial<MachineOptions> = {}, limit = count * 10_000_000): Run {
  return runScript(`kaiser_design=${design}`, ['storm 0 &', 'storm 0 &', `toggle ${count}`, 'cat /sys/kernel/debug/x86/kaiser-enabled', 'poweroff 0'], options, limit);
}

describe('stop_machine', () => {
  it.each<[string, number, Partial<MachineOptions>]>([
    ['with PCID', 1000, {}],
    ['without PCID', 100, { features: { pcid: false, invpcid: false } }],
    ['in random turns of 1 to 199 steps', 50, { schedule: { kind: 'random', quantum: 100, seed: 11 } }],
  ])('survives toggles in both directions under storm on both CPUs, %s: %i of them', (_name, count, options) => {
    const run = underStorm('stop_machine', count, options);
    expect(run.output).toContain(`toggle: ${count} ok`);
    expect(run.stop).toMatchObject({ kind: 'exit', code: 0 });
  }, 900_000);
});

describe('naive', () => {
  // The correct design needs 42 million steps for this; a CPU that only faults would go on for ever.
  it('does not survive them', () => {
    expect(underStorm('stop_machine', 100, {}, 100_000_000).output).toContain('toggle: 100 ok');
    expect(underStorm('naive', 100, {}, 100_000_000).output).not.toContain('toggle: 100 ok');
  }, 900_000);
});
