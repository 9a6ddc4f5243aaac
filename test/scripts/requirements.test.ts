import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const folders: string[] = [];

/** Runs a script of the project where only the named programs are on the PATH. */
function runWith(programs: string[], script: string, args: string[] = [], env: Record<string, string> = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-path-'));
  folders.push(folder);
  for (const program of programs) {
    const found = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, path.join(folder, program));
  }
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env: { PATH: folder, HOME: folder, ...env } });
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('the scripts on a machine that lacks something', () => {
  it.each(['scripts/build.mjs', 'scripts/start.mjs', 'scripts/test.mjs'])('%s names what is missing and fails without a stack trace', script => {
    const { status, stderr } = runWith(['sh'], script);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^Missing: gcc, make(, qemu-system-x86)?\. Install them and run this again:/m);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('says which part of the tests there is when a wrong one is asked for', () => {
    const { status, stderr } = runWith(['sh'], 'scripts/test.mjs', ['units']);
    expect(status).toBe(1);
    expect(stderr).toBe('There is no part "units". The parts are lint, typecheck, unit, editor.\n');
  });

  it('refuses a CHROMIUM that does not exist', () => {
    const { status, stderr } = runWith(['sh', 'gcc', 'make', 'qemu-system-x86_64'], 'scripts/test.mjs', ['editor'], { CHROMIUM: '/no/such/browser' });
    expect(status).toBe(1);
    expect(stderr).toContain('CHROMIUM names /no/such/browser, which does not exist.');
  });
});
