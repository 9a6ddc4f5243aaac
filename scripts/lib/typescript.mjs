// Loads a TypeScript module of the sources into a script, through esbuild.
import { build } from 'esbuild';
import path from 'node:path';
import { root } from './run.mjs';

/** Bundles `file` (relative to the repository) in memory and imports it. It may not import `vscode`. */
export async function importTypeScript(file) {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, file)], bundle: true, platform: 'node', format: 'esm', target: 'node20', write: false, logLevel: 'warning',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);
}
