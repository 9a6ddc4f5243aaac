// `npm test`: installs what is missing, builds, lints, type-checks, runs the unit tests and then the tests in the
// real editor. The last line is `N passed, N failed`; a failed step counts as one failure.
// Arguments name the parts to run: `npm test -- unit`, `npm test -- editor`; none runs them all.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Problem, root, run, runMain, runStatus } from './lib/run.mjs';
import { offerTools, requireBrowser, requireNode, requireNpmPackages, requireTools } from './lib/requirements.mjs';

const parts = ['lint', 'typecheck', 'unit', 'editor'];

let passed = 0;
let failed = 0;

await runMain(async () => {
  const chosen = process.argv.slice(2);
  const unknown = chosen.find(part => !parts.includes(part));
  if (unknown) throw new Problem(`There is no part "${unknown}". The parts are ${parts.join(', ')}.`);
  const wanted = part => chosen.length === 0 || chosen.includes(part);

  requireNode();
  requireNpmPackages();
  requireTools(['gcc', 'libc', 'make', 'qemu']);
  if (wanted('unit')) offerTools(['bochs'], 'the comparison with Bochs, which is not installed');
  if (wanted('unit')) offerTools(['unicorn'], 'the comparison with Unicorn, which is not installed');
  let browser;
  if (wanted('editor')) {
    browser = await requireBrowser();
    if (process.env.VSCODE !== 'desktop') (await import('./editor/install.mjs')).requireEditor();
  }
  if (!step('build', () => run(process.execPath, ['scripts/build.mjs']))) return finish();
  if (wanted('lint')) step('lint', () => run('npm', ['run', '--silent', 'lint']));
  if (wanted('typecheck')) step('type check', () => run('npm', ['run', '--silent', 'typecheck']));
  if (wanted('unit')) vitest('unit tests', []);
  if (wanted('editor')) vitest('tests in the editor', ['--config', 'test/vscode/vitest.config.ts'], { CHROMIUM: browser });
  finish();
});

/** Runs one step that passes or fails as a whole; answers whether it passed. */
function step(name, action) {
  console.log(`== ${name}`);
  try {
    action();
    return true;
  } catch (error) {
    console.error(error instanceof Problem ? error.message : error);
    failed++;
    return false;
  }
}

/** Runs vitest and adds its counts. */
function vitest(name, args, env = {}) {
  console.log(`== ${name}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-test-'));
  const report = path.join(folder, 'report.json');
  const status = runStatus(process.execPath, [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...args,
    '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], { env: { ...process.env, ...env } });
  let counts = { numPassedTests: 0, numFailedTests: 0 };
  try {
    counts = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.error(`No report of the ${name} was written.`);
  }
  rmSync(folder, { recursive: true, force: true });
  passed += counts.numPassedTests;
  // A file that cannot be loaded, or a run without a test, fails without a failed test.
  failed += counts.numFailedTests || (status !== 0 || counts.numPassedTests === 0 ? 1 : 0);
}

function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
