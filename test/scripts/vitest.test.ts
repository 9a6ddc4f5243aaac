import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Runs files of tests, of which each word stands for a test, as scripts/test.mjs does; `once` fails the first time only. */
function run(files: Record<string, string>, secondTry: boolean): { passed: number; failed: number; secondTry: string[]; output: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-vitest-'));
  folders.push(folder);
  const body: Record<string, string> = {
    good: '() => {}',
    bad: '() => { throw new Error(\'bad\'); }',
    once: `() => { if (!existsSync('${folder}/mark')) { writeFileSync('${folder}/mark', ''); throw new Error('the first time'); } }`,
  };
  for (const [name, words] of Object.entries(files)) {
    const tests = words.split(' ').map(word => body[word] ? `it('${word}', ${body[word]});` : `throw new Error('${word}');`);
    writeFileSync(path.join(folder, `${name}.test.mjs`), `import { existsSync, writeFileSync } from 'node:fs';\n${tests.join('\n')}\n`);
  }
  const script = `
    import { runVitest } from '${pathToFileURL(path.resolve('scripts/lib/vitest.mjs')).href}';
    const counts = runVitest('tests', ['--root', '${folder}', '--globals'], { secondTry: ${secondTry} });
    console.log('COUNTS ' + JSON.stringify(counts));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return { ...JSON.parse(/^COUNTS (.*)$/m.exec(stdout)![1]!), output: stdout };
}

describe('the counts of npm test', () => {
  it('counts a file that passes on the second try as passed, and names it', () => {
    const { passed, failed, secondTry } = run({ steady: 'good good', shaky: 'good once' }, true);
    expect({ passed, failed, secondTry }).toEqual({ passed: 4, failed: 0, secondTry: ['shaky.test.mjs'] });
  });

  it('fails for a file that fails twice, with the counts of its second run', () => {
    const { passed, failed, secondTry, output } = run({ steady: 'good', broken: 'good once bad' }, true);
    expect({ passed, failed, secondTry }).toEqual({ passed: 3, failed: 1, secondTry: [] });
    expect(output).toContain('failed twice: broken.test.mjs');
  });

  it('gives no second try where none is wanted', () => {
    const { passed, failed, secondTry } = run({ shaky: 'good once' }, false);
    expect({ passed, failed, secondTry }).toEqual({ passed: 1, failed: 1, secondTry: [] });
  });

  it('counts a file that cannot be loaded as one failure', () => {
    expect(run({ steady: 'good', broken: 'unloadable' }, true)).toMatchObject({ passed: 1, failed: 1 });
  });
});
