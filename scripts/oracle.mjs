// `npm run oracle:native`: compares random instructions on the processor, in the interpreter and in translated regions.
import { build } from 'esbuild';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './lib/run.mjs';

const outfile = path.join(root, '.cache/oracle/run.mjs');
await build({
  entryPoints: [path.join(root, 'test/oracle/run.ts')], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', external: ['iced-x86'], sourcemap: 'inline',
});
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = main(root, process.argv.slice(2));
