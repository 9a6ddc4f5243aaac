// Builds dist/: the extension and the command line by esbuild, the guest kernel by make.
// `--no-guest` leaves the kernel out, `--watch` keeps bundling as sources change.
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Problem, root, run, runMain } from './lib/run.mjs';
import { requireNpmPackages, requireTools } from './lib/requirements.mjs';

/** What is bundled: output name -> entry module. */
const entries = {
  extension: 'src/entry/desktop.ts',
  cli: 'src/cli/main.ts',
};

/** Bundles the entries that exist and puts iced-x86's WebAssembly beside them, where its loader looks for it. */
export async function bundle({ watch = false } = {}) {
  const esbuild = await import('esbuild');
  const dist = path.join(root, 'dist');
  mkdirSync(dist, { recursive: true });
  const entryPoints = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(path.join(root, file))));
  const options = {
    absWorkingDir: root,
    entryPoints,
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode'],
    sourcemap: true,
    sourcesContent: false,
    // Names stay, so that a stack trace in a report can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'warning',
  };
  copyFileSync(path.join(root, 'node_modules/iced-x86/iced_x86_bg.wasm'), path.join(dist, 'iced_x86_bg.wasm'));
  for (const name of Object.keys(entries)) if (!entryPoints[name]) rmSync(path.join(dist, `${name}.cjs`), { force: true });
  if (watch) {
    const context = await esbuild.context({ ...options, logLevel: 'info' });
    await context.watch();
    return;
  }
  try {
    await esbuild.build(options);
  } catch {
    throw new Problem('The sources could not be bundled; the errors are above.');
  }
  if (entryPoints.cli) chmodSync(path.join(dist, 'cli.cjs'), 0o755);
}

/** Builds dist/guest/kaiser.elf; make decides whether there is something to do. */
export function buildGuest() {
  requireTools(['gcc', 'make']);
  run('make', ['--no-print-directory', '-C', 'guest']);
}

export async function build({ guest = true } = {}) {
  requireNpmPackages();
  if (guest) buildGuest();
  await bundle();
}

if (process.argv[1] === import.meta.filename) {
  await runMain(async () => {
    if (process.argv.includes('--watch')) {
      requireNpmPackages();
      await bundle({ watch: true });
    } else {
      await build({ guest: !process.argv.includes('--no-guest') });
    }
  });
}
