// `npm run oracle:qemu`: compares random system programs with QEMU.
import { build } from 'esbuild';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './lib/run.mjs';

const outfile = path.join(root, '.cache/random/run.mjs');
await build({
  entryPoints: [path.join(root, 'test/random/run.ts')], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', external: ['iced-x86'], sourcemap: 'inline', logLevel: 'error',
});
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = await main(root, process.argv.slice(2));
