import { expect, it } from 'vitest';
import { machineWith, run } from './code.js';

it('a loop is translated once, wherever turns happen to begin in it', () => {
  // Nine increments and a jump back, in turns of 7 steps of two CPUs.
  const machine = machineWith({ 0: [...Array.from({ length: 9 }, (_, n) => [0x48, 0xff, 0xc0 + n % 4]).flat(), 0xeb, 0xe3] }, { cpus: 2, quantum: 7 });
  machine.translator.tuning = { queueAt: 32, compileAt: 64, batch: 100 };
  run(machine, 100_000);
  expect(machine.translator.counts.regions).toBe(1);
  for (const cpu of machine.cpus) expect(cpu.gpr(0) + cpu.gpr(1) + cpu.gpr(2) + cpu.gpr(3)).toBe(BigInt(cpu.steps - Math.floor(cpu.steps / 10)));
});
