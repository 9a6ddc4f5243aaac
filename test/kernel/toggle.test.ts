import { describe, expect, it } from 'vitest';
import { runScript } from './run.js';

describe('stop_machine', () => {
  it.each([
    ['with PCID', {}], ['without PCID', { features: { pcid: false, invpcid: false } }], ['in small random turns', { schedule: { kind: 'random', quantum: 37, seed: 11 } as const }],
  ])('survives 1,000 toggles in both directions under storm on both CPUs, %s', (_name, options) => {
    const run = runScript('kaiser_design=stop_machine', ['storm 0 &', 'storm 0 &', 'toggle 1000', 'cat /sys/kernel/debug/x86/kaiser-enabled', 'poweroff 0'], options, 20_000_000_000);
    expect(run.output).toContain('toggle: 1000 ok');
    expect(run.stop).toMatchObject({ kind: 'exit', code: 0 });
  }, 600_000);
});

describe('naive', () => {
  it('does not survive toggles under storm on both CPUs', () => {
    const run = runScript('kaiser_design=naive', ['storm 0 &', 'storm 0 &', 'toggle 1000', 'poweroff 0'], {}, 1_000_000_000);
    expect(run.output).not.toContain('toggle: 1000 ok');
  }, 600_000);
});
