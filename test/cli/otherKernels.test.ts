import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { buildKernel } from '../fixtures/kernels.js';
import { runCli } from './runCli.js';

it('runs a 32-bit multiboot kernel with modules and passes its code on', async () => {
  const kernel = buildKernel('timer', ['multiboot.S', 'timer.c'], 'multiboot.ld', 32), module = path.join(path.dirname(kernel), 'module');
  writeFileSync(module, 'abc');
  const { code, stdout, stderr } = await runCli('run', kernel, '--append', 'some words', '--module', module, '--module', `${module}=its text`);
  expect(stdout).toContain('command line some words\nmodule size 00000003\nmodule sum 00000126\nmodule page offset 00000000\nmodule size 00000003\n');
  expect(stdout).toMatch(/end\n$/);
  expect([code, stderr]).toEqual([5, expect.stringContaining('5')]);
});
