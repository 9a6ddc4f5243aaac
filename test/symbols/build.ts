import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));

/** Runs a tool of the toolchain and returns what it printed. */
export function run(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A folder that is removed with `remove`. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'kaiserscope-symbols-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

const sources = ['main.c', 'other.c', 'entry.S'];

/** Compiles and links the fixture kernel with the given flags; returns the path of the image. */
export function buildKernel(folder: string, name: string, ...flags: string[]): string {
  const objects = sources.map((source) => {
    const object = join(folder, `${name}-${source}.o`);
    run('gcc', '-c', join(fixtures, source), '-o', object, '-ffreestanding', '-fno-pic', '-mcmodel=kernel', '-mno-red-zone', '-fno-stack-protector',
      '-fcf-protection=none', '-mgeneral-regs-only', ...flags);
    return object;
  });
  const image = join(folder, `${name}.elf`);
  run('gcc', '-nostdlib', '-static', '-no-pie', '-Wl,--build-id=none', '-T', join(fixtures, 'link.ld'), '-o', image, ...objects);
  return image;
}

export function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}
