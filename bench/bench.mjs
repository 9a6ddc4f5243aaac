// `npm run bench`: every row of the speed table in docs/performance.md, measured against QEMU's TCG in the same run, and how
// speed grows with CPUs, quantum, memory, processes and breakpoints. `npm run bench -- --help` tells the options.
import { build } from 'esbuild';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, runMain } from '../scripts/lib/run.mjs';

await runMain(async () => {
  const outdir = path.join(root, '.cache/bench');
  mkdirSync(outdir, { recursive: true });
  await build({
    entryPoints: [path.join(root, 'bench/main.ts')], outdir, outExtension: { '.js': '.mjs' }, bundle: true, format: 'esm', platform: 'node',
    target: 'node20', external: ['iced-x86'], sourcemap: 'inline', logLevel: 'error',
  });
  process.env.BENCH_ROOT = root;
  const { main } = await import(pathToFileURL(path.join(outdir, 'main.mjs')).href);
  process.exitCode = await main(process.argv.slice(2));
});
