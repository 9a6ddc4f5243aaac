import { expect, it } from 'vitest';
import { SpinWatch } from '../../src/dap/spinWatch.js';
import { runCli } from '../cli/runCli.js';

const fault = { cpu: 0, vector: 14, errorCode: 4, address: 8n, rip: 0x40_1000n, cr3: 0x1000n };

/** After how many of these exceptions the watch says that the CPU spins; 0: after none of 5,000. */
function spinsAfter(cpl: number, digest: (n: number) => number): number {
  let n = 0;
  const watch = new SpinWatch(() => digest(n));
  while (++n <= 5000) if (watch.observe({ ...fault, cpl, position: 100 * n })) return n;
  return 0;
}

it('finds a CPU that takes the same exception again and again', () => {
  expect(spinsAfter(0, n => n)).toBe(2000);
  expect(spinsAfter(3, () => 7)).toBe(2000);
});

it('lets a program alone whose registers say that it gets on', () => {
  expect(spinsAfter(3, n => n)).toBe(0);
});

it('lets a program alone that handles thousands of its own exceptions', async () => {
  const { code, stdout } = await runCli('run', '--cpus', '1', '--line', 'signals 3000', '--line', 'poweroff');
  expect([code, stdout.includes('signals: 3000 ok')]).toEqual([0, true]);
}, 60_000);
