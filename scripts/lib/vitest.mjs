// Runs vitest for scripts/test.mjs and counts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root, runStatus } from './run.mjs';

/**
 * Runs tests and counts them.
 * @param {string} name what messages call these tests
 * @param {string[]} args arguments for `vitest run`
 * @param {object} [options]
 * @param {Record<string, string | undefined>} [options.env] variables beside those of this process
 * @param {boolean} [options.secondTry] run each file that fails once more by itself, and count that run in its place
 * @returns {{ passed: number, failed: number, secondTry: string[] }} counts of tests, and the files that passed on the second try
 *   only; a file that cannot be loaded, a run without a test, and an error outside of all tests count as one failure each
 */
export function runVitest(name, args, { env = {}, secondTry = false } = {}) {
  const { status, files } = runOnce(name, args, env);
  const onSecondTry = [];
  const counted = files.map(file => {
    if (!secondTry || file.failed === 0) return file;
    const label = path.basename(file.path);
    console.log(`== ${label} has failed: once more by itself`);
    const again = runOnce(name, [...args, file.path], env);
    const result = again.files.find(one => one.path === file.path);
    if (!result || result.failed > 0 || again.status !== 0) {
      console.log(`failed twice: ${label}`);
      return { ...file, ...result, failed: Math.max(1, result?.failed ?? 0) };
    }
    onSecondTry.push(label);
    return result;
  });
  const sum = key => counted.reduce((total, file) => total + file[key], 0);
  const passed = sum('passed');
  const failed = sum('failed');
  const isOutsideOfTests = status !== 0 && files.every(file => file.failed === 0);
  return { passed, failed: failed + (isOutsideOfTests || (passed === 0 && failed === 0) ? 1 : 0), secondTry: onSecondTry };
}

/** One run: its exit code, and for each file how many of its tests passed and failed. */
function runOnce(name, args, env) {
  const folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-test-'));
  const report = path.join(folder, 'report.json');
  const status = runStatus(process.execPath, [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...args,
    '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], { env: { ...process.env, ...env } });
  let results = [];
  try {
    results = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    console.error(`No report of the ${name} was written.`);
  }
  rmSync(folder, { recursive: true, force: true });
  const files = results.map(({ name: file, status: outcome, assertionResults }) => {
    const count = wanted => assertionResults.filter(one => one.status === wanted).length;
    // A file that cannot be loaded, or whose preparation fails, fails without a failed test.
    return { path: file, passed: count('passed'), failed: count('failed') || (outcome === 'failed' ? 1 : 0) };
  });
  return { status, files };
}
