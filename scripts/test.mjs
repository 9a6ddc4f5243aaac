// `npm test`: installs what is missing, builds, lints, type-checks, runs the unit tests and then the tests in the
// real editor. The last line is `N passed, N failed`; a failed step counts as one failure. A file of the tests in the
// editor that fails has a second try by itself; what passed only then is listed in the line before the last.
// Arguments name the parts to run: `npm test -- unit`, `npm test -- editor`; none runs them all.
import { Problem, run, runMain } from './lib/run.mjs';
import { offerTools, requireBrowser, requireNode, requireNpmPackages, requireTools } from './lib/requirements.mjs';
import { runVitest } from './lib/vitest.mjs';

const parts = ['lint', 'typecheck', 'unit', 'editor'];

let passed = 0;
let failed = 0;
/** Files of tests that failed and then passed. */
const secondTries = [];

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
  if (wanted('editor')) {
    // An editor has to be as quick as a person expects it, which on a machine that does much else it may once not be.
    vitest('tests in the editor', ['--config', 'test/vscode/vitest.config.ts'], { env: { CHROMIUM: browser }, secondTry: true });
  }
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
function vitest(name, args, options) {
  console.log(`== ${name}`);
  const counts = runVitest(name, args, options);
  passed += counts.passed;
  failed += counts.failed;
  secondTries.push(...counts.secondTry);
}

function finish() {
  if (secondTries.length > 0) console.log(`passed on the second try: ${secondTries.join(', ')}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
