// `npm run oracle:unicorn`: compares random instruction sequences with Unicorn.
import { build } from 'esbuild';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './lib/run.mjs';

const outfile = path.join(root, '.cache/unicorn/run.mjs');
await build({
  entryPoints: [path.join(root, 'test/unicorn/run.ts')], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', external: ['iced-x86'], sourcemap: 'inline', logLevel: 'error',
});
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = main(root, process.argv.slice(2));
