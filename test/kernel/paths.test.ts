import { describe, expect, it } from 'vitest';
import { runOnQemu, runScript } from './run.js';

/** What each program prints at its end when every round did what it should. */
const PROGRAMS = ['compat 200', 'signals 200', 'ldt 20'] as const;
const ends = (program: string): string => `${program.replace(' ', ': ')} ok`;

describe('ways in and out that only some programs use', () => {
  it.each(PROGRAMS)('%s comes through, with KAISER on and off, with PCID and without', program => {
    for (const append of ['', 'nopcid', 'kaiser=off', 'nofsgsbase', 'kaiser_design=per_cpu_word', 'kaiser_design=cr3_driven', 'kaiser_design=alternatives']) {
      const { output, stop } = runScript(append, [program, 'poweroff']);
      expect(output).toContain(ends(program));
      expect(stop).toMatchObject({ kind: 'exit', code: 0 });
    }
  }, 120_000);

  it.each(['stop_machine', 'deferred_poison', 'cr3_driven', 'per_cpu_word', 'static_branch'])('all of them at once survive toggles of %s', design => {
    const { output, stop } = runScript(`kaiser_design=${design}`,
      ['compat 0 &', 'ldt 0 &', 'signals 100000 &', 'forks 100000 &', 'toggle 10', 'poweroff'], { schedule: { kind: 'random', quantum: 500, seed: 5 } }, 400_000_000);
    expect(output).toContain('toggle: 10 ok');
    expect(output).not.toMatch(/fault|panic|something else/);
    expect(stop).toMatchObject({ kind: 'exit', code: 0 });
  }, 300_000);

  it('print the same on QEMU, where 32-bit programs of AMD take SYSCALL', async () => {
    const { output, code } = await runOnQemu('', [...PROGRAMS, 'poweroff 7']);
    for (const program of PROGRAMS) expect(output).toContain(ends(program));
    expect(code).toBe(7);
  }, 60_000);
});

describe('an LDT that only the kernel half maps', () => {
  it('kills when KAISER is switched on', () => {
    const script = ['ldt 0 &', 'storm 10000', 'echo 1 > /sys/kernel/debug/x86/kaiser-enabled', 'storm 10000', 'poweroff'];
    expect(runScript('kaiser=off', script, {}, 100_000_000).stop).toMatchObject({ kind: 'exit', code: 0 });
    expect(runScript('kaiser=off kaiser_without=ldt', script, {}, 100_000_000).stop).toMatchObject({ kind: 'exit', code: 99 });
  }, 120_000);
});
