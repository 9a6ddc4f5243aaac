import path from 'node:path';
import { expect, it } from 'vitest';
import { makeMachine } from '../../src/cli/machineOptions.js';
import { validateLaunch } from '../../src/dap/launchArguments.js';

const io = { stdout: () => {}, stderr: () => {}, installFolder: path.resolve(import.meta.dirname, '../..') };

/** Offset of `users` in struct file (guest/fs/file.h). */
const USERS = 8n;

it('an open file counts its users right, wherever a CPU stands still that counts one less', async () => {
  const forks = Array.from({ length: 3 }, () => 'forks 30 &');
  const { target, symbols } = await makeMachine(validateLaunch({ cpus: 4, script: [...forks, 'wait', 'poweroff'] }), io);
  await target.run({ until: 1_000_000 });
  const { address: start, size } = symbols.table.byName('file_put')!;
  let arrivals = 0;
  for (const { address } of target.disassemble(0, start, Number(size))) {
    if (address >= start + BigInt(size)) break;
    target.addProbe(address, cpu => {
      // Not the shell's and the programs' first steps, and of the rest one in seven, for long enough that others come by.
      if (++arrivals < 500 || arrivals % 7 !== 0) return;
      target.hold(cpu, true);
      target.addAlarm(target.position + 5000, () => { target.hold(cpu, false); });
    });
  }
  expect(await target.run({ until: 200_000_000 })).toMatchObject({ kind: 'exit', code: 0 });
  expect(arrivals).toBeGreaterThan(1000);
  // Descriptors 0 to 2 of the shell.
  expect(target.readMemory(0, symbols.table.addressOf('files')! + USERS, 4)).toEqual(Uint8Array.of(3, 0, 0, 0));
}, 120_000);
