import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The repository: benchmarks are bundled to another place, so it comes from outside. */
export const root = process.env.BENCH_ROOT ?? process.cwd();
export const cache = path.join(root, '.cache/bench');
export const kernelFile = path.join(root, 'dist/guest/kaiser.elf');

export type GuestSource = 'bench' | 'system' | 'legacy';

/** Builds a guest of bench/guest; gives the ELF file. WORKLOAD and COUNT are explained in its source. */
export function assemble(source: GuestSource, workload: number, count: number): string {
  mkdirSync(cache, { recursive: true });
  const file = path.join(cache, `${source}-${workload}-${count}.elf`);
  execFileSync('gcc', [source === 'legacy' ? '-m32' : '-m64', '-nostdlib', '-static', '-no-pie', '-Wl,--build-id=none', '-Wl,-z,max-page-size=4096', '-Wl,-z,noexecstack,--no-warn-rwx-segments', `-DWORKLOAD=${workload}`, `-DCOUNT=${count}`,
    '-T', path.join(root, 'bench/guest/bench.ld'), '-o', file, path.join(root, `bench/guest/${source}.S`)], { stdio: ['ignore', 'inherit', 'inherit'] });
  return file;
}

/** The guest kernel's image. @throws Error if it has not been built */
export function kernelImage(): Uint8Array {
  if (!existsSync(kernelFile)) throw new Error('The guest kernel is not built: run `npm run build` first.');
  return readFileSync(kernelFile);
}
