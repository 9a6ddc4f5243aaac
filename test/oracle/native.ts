import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { FX_BYTES, initialFx } from './fxState.js';
import { CODE_PAGES, type Case, DATA_BYTES, entryIp, entryOf, type Outcome } from './layout.js';

/** Can this machine serve as the oracle? */
export function nativePossible(): boolean { return process.platform === 'linux' && process.arch === 'x64' && spawnSync('gcc', ['--version']).status === 0; }

/** Is the processor one of Intel's? What the SDM leaves open is measured on those. */
export function nativeIsIntel(): boolean { return existsSync('/proc/cpuinfo') && readFileSync('/proc/cpuinfo', 'latin1').includes('GenuineIntel'); }

/** The built harness; rebuilt if its source is newer. @param root the repository */
export function buildHarness(root: string): string {
  const source = path.join(root, 'test/oracle/native/harness.c'), folder = path.join(root, '.cache/oracle'), program = path.join(folder, 'harness');
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(folder, { recursive: true });
    execFileSync('gcc', ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source], { stdio: 'inherit' });
  }
  return program;
}

const TEST_BYTES = 8 + 8 + 8 + 128 + 8 + 64 + FX_BYTES, OUTCOME_BYTES = 21 * 8 + FX_BYTES + DATA_BYTES;
/** The harness's sign that a case did not end within a second. */
export const TIMEOUT = 0xffff;

/** Runs the cases of a batch (each in its own slot) on the processor. @param image the code of all slots, see `batchImage` */
export function runNative(program: string, cases: readonly Case[], image: Uint8Array): Outcome[] {
  const input = Buffer.alloc(8 + image.length + cases.length * TEST_BYTES);
  input.writeUInt32LE(cases.length, 0);
  input.writeUInt32LE(image.length, 4);
  input.set(image, 8);
  cases.forEach((c, n) => {
    const at = 8 + image.length + n * TEST_BYTES;
    input.writeBigUInt64LE(BigInt(entryIp(c)), at);
    input.writeBigUInt64LE(BigInt(c.flags), at + 8);
    input.writeBigUInt64LE(BigInt(c.bits), at + 16);
    c.gpr.forEach((value, i) => input.writeBigUInt64LE(value, at + 24 + 8 * i));
    input.writeUInt32LE(c.seed, at + 152);
    input.writeUInt32LE(c.patches.length, at + 156);
    c.patches.forEach((p, i) => {
      input.writeBigUInt64LE(BigInt(p.address), at + 160 + 16 * i);
      input.writeBigUInt64LE(p.value, at + 168 + 16 * i);
    });
    input.set(initialFx(c.fxSeed ?? 0), at + 224);
  });
  const output = execFileSync(program, { input, maxBuffer: 1 << 28 });
  if (output.length !== cases.length * OUTCOME_BYTES) throw new Error(`the harness gave ${output.length} bytes for ${cases.length} cases`);
  return cases.map((c, n) => {
    const at = n * OUTCOME_BYTES, u64 = (i: number) => output.readBigUInt64LE(at + 8 * i);
    const vector = Number(u64(18)), trap = vector === 3;
    return {
      // Outside 64-bit code the upper halves are undefined (SDM Vol. 1, 3.4.1.1).
      gpr: Array.from({ length: 16 }, (_, i) => c.bits === 64 ? u64(i) : u64(i) & 0xffffffffn), rip: trap ? u64(16) - 1n : u64(16), flags: Number(u64(17) & 0xcd5n), vector,
      // For addresses of the kernel's half Linux pretends that they are mapped.
      error: vector === 14 && u64(20) >> 63n ? Number(u64(19)) & ~1 : vector >= 12 && vector <= 14 ? Number(u64(19)) : 0, address: vector === 14 ? u64(20) : 0n,
      fx: new Uint8Array(output.subarray(at + 168, at + 168 + FX_BYTES)), memory: new Uint8Array(output.subarray(at + 168 + FX_BYTES, at + OUTCOME_BYTES)),
    };
  });
}

/** The code pages of a batch. */
export function batchImage(cases: readonly Case[]): Uint8Array {
  const image = new Uint8Array(CODE_PAGES * 0x1000).fill(0xcc);
  for (const c of cases) image.set(c.code, entryOf(c) - 0x40000000);
  return image;
}
