import { expect, it } from 'vitest';
import { runOnQemu, runScript } from './run.js';

const SCRIPT = [
  'echo hello', 'ps', 'touch 40', 'forks 5', 'storm 200', 'cat /sys/kernel/debug/x86/kaiser-enabled',
  'echo 0 > /sys/kernel/debug/x86/kaiser-enabled', 'cat /sys/kernel/debug/x86/kaiser-enabled', 'storm 50',
  'echo 1 > /sys/kernel/debug/x86/kaiser-enabled', 'toggle 3', 'nosuch', 'echo 2 > /sys/kernel/debug/x86/kaiser-enabled', 'poweroff 7',
];

// QEMU's TCG has no PCID, so the machine does without it here.
it.each([1, 2])('prints what QEMU prints for the same script with %i CPU(s), and ends with the same code', async cpus => {
  const ours = runScript('nopcid', SCRIPT, { cpus });
  const theirs = await runOnQemu('nopcid', SCRIPT, cpus);
  expect(ours.output).toBe(theirs.output);
  expect(ours.stop).toEqual({ kind: 'exit', cpu: expect.any(Number) as number, code: 7 });
  expect(theirs.code).toBe(7);
}, 180_000);

it('prints the same with PCID and without', () => {
  expect(runScript('', SCRIPT).output).toBe(runScript('nopcid', SCRIPT).output);
});
