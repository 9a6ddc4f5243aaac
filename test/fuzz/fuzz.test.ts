import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

it('random code, images and launch arguments bring forth no host error, hang, trespass or difference (a sample)', { timeout: 120_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/fuzz.mjs', '--seconds', '8', '--seed', '20171101'], { cwd: root })
    .catch((error: { stdout: string }) => ({ stdout: error.stdout }));
  expect(stdout).toMatch(/^\d+ launch arguments, \d+ images, \d+ programs with \d+ steps .*: 0 findings .*\n$/);
});
