import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Builds the guest of the random system programs and gives the path of its ELF file. @param tests the folder `test` of the repository */
export function buildSystem(tests: string): string {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'kaiserscope-random-')), 'system.elf');
  execFileSync('gcc', ['-m64', '-O1', '-ffreestanding', '-fno-pic', '-no-pie', '-fno-stack-protector', '-fcf-protection=none', '-mgeneral-regs-only', '-fno-asynchronous-unwind-tables', '-nostdlib', '-static',
    '-Wall', '-Wextra', '-Werror', '-Wno-main', '-Wno-unused-function', '-Wno-array-bounds', '-Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments', `-Wl,-T,${tests}/fixtures/kernels/pvh.ld`,
    '-o', file, path.join(tests, 'random/system.S'), path.join(tests, 'random/system.c')], { stdio: ['ignore', 'inherit', 'inherit'] });
  return file;
}
