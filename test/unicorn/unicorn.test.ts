import path from 'node:path';
import { expect, it } from 'vitest';
import { buildDriver, compareWithUnicorn } from './unicorn.js';

const program = buildDriver(path.resolve(import.meta.dirname, '../..'));
if (!program) console.log('skipped: the comparison with Unicorn, which needs gcc and libunicorn-dev.');

it.skipIf(!program)('random integer programs leave the same behind as in Unicorn (a sample; known differences have a reason each)', { timeout: 60_000 }, () => {
  const report = compareWithUnicorn(program!, { count: 2000, seed: 20171101, keep: 5 });
  expect(report.failures.join('\n')).toBe('');
  expect(report.cases).toBe(2000);
  // The comparison means something only if programs run to their end as well as fault.
  expect(report.faults).toBeGreaterThan(200);
  expect(report.faults).toBeLessThan(1200);
});
