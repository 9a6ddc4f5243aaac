// Builds dist/: the extension and the command line by esbuild, the guest kernel by make.
// `--no-guest` leaves the kernel out, `--to FOLDER` writes the bundles alone to that folder, `--watch` keeps bundling as sources change.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Problem, root, run, runMain } from './lib/run.mjs';
import { buildIced, icedSplit } from './lib/icedSplit.mjs';
import { prebuiltModules } from './lib/prebuilt.mjs';
import { requireNpmPackages, requireTools } from './lib/requirements.mjs';

/** What is bundled: output name -> entry module. */
const entries = {
  extension: 'src/entry/desktop.ts',
  cli: 'src/entry/commandLine.ts',
  kaiserscope: 'src/cli/main.ts',
  run: 'src/cli/runMain.ts',
};

/** Bundles the entries that exist, with iced-x86 beside them. */
export async function bundle({ watch = false, dist = path.join(root, 'dist') } = {}) {
  const esbuild = await import('esbuild');
  mkdirSync(dist, { recursive: true });
  const entryPoints = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(path.join(root, file))));
  const options = {
    absWorkingDir: root,
    entryPoints,
    outdir: dist,
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
  await buildIced(dist);
  for (const name of Object.keys(entries)) if (!entryPoints[name]) rmSync(path.join(dist, `${name}.cjs`), { force: true });
  if (watch) {
    const context = await esbuild.context({ ...options, plugins: [icedSplit], logLevel: 'info' });
    await context.watch();
    return;
  }
  try {
    await esbuild.build({ ...options, plugins: [icedSplit, await prebuiltModules()] });
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

/** Boots the kernel once, after which V8's code cache of the command line stands in dist/ (src/entry/codeCache.ts). */
function keepCompiled() {
  const dist = path.join(root, 'dist');
  for (const file of readdirSync(dist)) if (file.endsWith('.cache')) rmSync(path.join(dist, file));
  if (existsSync(path.join(dist, 'guest/kaiser.elf'))) run(process.execPath, [path.join(dist, 'cli.cjs'), 'run', '--line', 'poweroff', '--max-instructions', '20000000'], { stdio: 'ignore' });
}

export async function build({ guest = true } = {}) {
  requireNpmPackages();
  if (guest) buildGuest();
  await bundle();
  keepCompiled();
}

if (process.argv[1] === import.meta.filename) {
  await runMain(async () => {
    const args = process.argv.slice(2), to = args.indexOf('--to');
    if (args.includes('--watch') || to >= 0) {
      requireNpmPackages();
      await bundle(to >= 0 ? { dist: path.resolve(args[to + 1]) } : { watch: true });
    } else {
      await build({ guest: !args.includes('--no-guest') });
    }
  });
}
