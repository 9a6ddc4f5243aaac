import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCached } from '../../src/entry/codeCache.js';

let folder: string, file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-cache-'));
  file = path.join(folder, 'script.cjs');
});
afterEach(() => { rmSync(folder, { recursive: true, force: true }); });

/** Runs a script of that text, which sets `module.exports`, and gives it; `keep` keeps what was compiled. */
function run(text: string | undefined, keep = true): unknown {
  if (text !== undefined) writeFileSync(file, text);
  const module = { exports: {} } as NodeJS.Module;
  const keepCompiled = runCached(file, { require: createRequire(file), module, directory: folder });
  if (keep) keepCompiled();
  return module.exports;
}
const caches = () => readdirSync(folder).filter(name => name.endsWith('.cache'));
const text = (answer: number) => `const { sep } = require('node:path'); module.exports = { answer: (() => ${answer})(), sep, __filename, __dirname };`;

describe('a script with a code cache', () => {
  it('is given the scope of a CommonJS module', () => {
    expect(run(text(42))).toEqual({ answer: 42, sep: path.sep, __filename: file, __dirname: folder });
  });

  it('keeps one file beside the script, for one version of V8, and does not write it again', () => {
    run(text(42));
    expect(caches()).toEqual([`script.${process.versions.v8}-${process.arch}.cache`]);
    const cache = path.join(folder, caches()[0]!), bytes = readFileSync(cache);
    utimesSync(cache, 1, 1);
    run(undefined);
    expect(readFileSync(cache)).toEqual(bytes);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('is run anew after it has changed, if only in one digit', () => {
    run(text(42));
    expect(run(text(43))).toMatchObject({ answer: 43 });
    expect(run(undefined)).toMatchObject({ answer: 43 });
  });

  it('runs with a cache that is empty, cut off or of another kind', () => {
    run(text(42));
    const cache = path.join(folder, caches()[0]!), { length } = readFileSync(cache);
    for (const size of [length - 8, 40, 17, 16, 3, 0]) {
      truncateSync(cache, size);
      expect(run(undefined, false)).toMatchObject({ answer: 42 });
    }
    writeFileSync(cache, 'no cache at all, but longer than its header');
    expect(run(undefined)).toMatchObject({ answer: 42 });
    expect(readFileSync(cache)).toHaveLength(length);
  });

  it('runs where nothing can be written', () => {
    writeFileSync(file, text(42));
    const module = { exports: {} } as NodeJS.Module;
    const keep = runCached(file, { require: createRequire(file), module, directory: folder });
    rmSync(folder, { recursive: true });
    expect(keep).not.toThrow();
    expect(module.exports).toMatchObject({ answer: 42 });
  });
});

describe('the command line as it is built', () => {
  it('boots the same machine without a cache, with a new one, and from it', { timeout: 60_000 }, () => {
    const root = path.resolve(import.meta.dirname, '../..');
    execFileSync(process.execPath, [path.join(root, 'scripts/build.mjs'), '--no-guest', '--to', path.join(folder, 'dist')]);
    const boot = () => execFileSync(process.execPath, [path.join(folder, 'dist/cli.cjs'), 'run', path.join(root, 'dist/guest/kaiser.elf'), '--max-instructions', '100000', '--json'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const boots = [1, 2, 3].map(() => {
      try {
        return boot();
      } catch (error) {
        // Exit code 4: the limit was reached.
        expect(error).toMatchObject({ status: 4 });
        return (error as { stdout: string }).stdout;
      }
    });
    expect(JSON.parse(boots[0]!)).toMatchObject({ position: 100_000, stateHash: expect.stringMatching(/^[0-9a-f]{16}$/) as string });
    expect(new Set(boots).size).toBe(1);
    expect(readdirSync(path.join(folder, 'dist')).filter(name => name.endsWith('.cache'))).toHaveLength(1);
  });
});
