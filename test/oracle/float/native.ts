import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { FloatState, STATE_BYTES } from './layout.js';

/** Builds the harness if its source is newer. @param root the repository */
export function buildFloatHarness(root: string): string {
  const source = path.join(root, 'test/oracle/float/harness.c'), folder = path.join(root, '.cache/oracle'), program = path.join(folder, 'float-harness');
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(folder, { recursive: true });
    execFileSync('gcc', ['-O1', '-mno-red-zone', '-Wall', '-Wextra', '-Werror', '-o', program, source], { stdio: 'inherit' });
  }
  return program;
}

/** Runs cases on the processor. */
export function runFloatNative(program: string, cases: readonly FloatState[]): FloatState[] {
  const input = Buffer.alloc(4 + cases.length * STATE_BYTES);
  input.writeUInt32LE(cases.length, 0);
  cases.forEach((c, n) => input.set(c.bytes, 4 + n * STATE_BYTES));
  const output = execFileSync(program, { input, maxBuffer: 1 << 28 });
  if (output.length !== cases.length * STATE_BYTES) throw new Error(`the harness gave ${output.length} bytes for ${cases.length} cases`);
  return cases.map((_, n) => new FloatState(new Uint8Array(output.subarray(n * STATE_BYTES, (n + 1) * STATE_BYTES))));
}
