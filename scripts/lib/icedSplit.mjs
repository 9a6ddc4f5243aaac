import { copyFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Problem, root } from './run.mjs';

const require = createRequire(import.meta.url);
const LIBRARY = './iced_x86.cjs';

/**
 * A plugin for esbuild that takes iced-x86 out of a bundle: its enumerations become numbers, and the library itself, most of which is
 * glue to its WebAssembly, is a file of its own that `library()` loads when something asks for it (src/machine/translate/icedLibrary.ts).
 */
export const icedSplit = {
  name: 'iced split',
  setup(build) {
    build.onResolve({ filter: /^iced-x86$/ }, () => ({ path: 'enumerations', namespace: 'iced' }));
    build.onLoad({ filter: /.*/, namespace: 'iced' }, () => ({ contents: enumerations(), loader: 'ts' }));
    build.onResolve({ filter: /iced_x86\.cjs$/ }, () => ({ path: LIBRARY, external: true }));
    build.onLoad({ filter: /[\\/]icedLibrary\.ts$/ }, async ({ path: file }) => {
      const text = await readFile(file, 'utf8');
      const contents = text.replace("import * as iced from 'iced-x86'", "import type * as iced from 'iced-x86'").replace('return iced;', `return require('${LIBRARY}');`);
      if (contents.includes('return iced;') || !contents.includes('import type')) throw new Problem(`${file} is not written as scripts/lib/icedSplit.mjs expects it.`);
      return { contents, loader: 'ts' };
    });
  },
};

/** iced's enumerations as TypeScript, whose members esbuild replaces by their numbers. */
function enumerations() {
  const members = value => Object.entries(value).filter(([name, number]) => typeof number === 'number' && /^[A-Za-z_]\w*$/.test(name));
  return Object.entries(require('iced-x86'))
    .filter(([, value]) => typeof value === 'object' && members(value).length)
    .map(([name, value]) => `export enum ${name} { ${members(value).map(([member, number]) => `${member} = ${number}`).join(', ')} }\n`).join('');
}

/** Writes the library with its WebAssembly to a folder. */
export async function buildIced(folder) {
  const { build } = await import('esbuild');
  const from = path.join(root, 'node_modules/iced-x86');
  await build({ entryPoints: [path.join(from, 'iced_x86.js')], outfile: path.join(folder, LIBRARY), format: 'cjs', platform: 'node', target: 'node20', minify: true, logLevel: 'warning' });
  copyFileSync(path.join(from, 'iced_x86_bg.wasm'), path.join(folder, 'iced_x86_bg.wasm'));
}
