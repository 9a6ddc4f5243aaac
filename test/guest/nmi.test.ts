import path from 'node:path';
import { expect, it } from 'vitest';
import { makeMachine } from '../../src/cli/machineOptions.js';
import { validateLaunch } from '../../src/dap/launchArguments.js';

const io = { stdout: () => {}, stderr: () => {}, installFolder: path.resolve(import.meta.dirname, '../..') };

it.each(['', 'nopcid', 'kaiser=off', 'nofsgsbase'])('an NMI leaves all of ESP as it was, on a 16-bit stack of the LDT too (%s)', async append => {
  const { target } = await makeMachine(validateLaunch({ cpus: 1, append, script: ['ldt 3', 'poweroff'] }), io);
  let text = '', nmis = 0;
  target.onConsole(more => { text += more; });
  const nmi = (): void => {
    if (target.cpu(0).cpl === 3) nmis++;
    target.injectNmi(0);
    target.addAlarm(target.position + 977, nmi);
  };
  target.addAlarm(390_000, nmi);
  expect(await target.run({ until: 20_000_000 })).toMatchObject({ kind: 'exit', code: 0 });
  expect(text).toContain('ldt: 3 ok\n');
  expect(nmis).toBeGreaterThan(50);
}, 60_000);
