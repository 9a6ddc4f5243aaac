import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { differences } from './compare.js';
import { Emulated } from './emulated.js';
import { type Case, CODE, CODE_PAGES, DATA, SLOT_ENTRY } from './layout.js';
import { buildHarness, nativePossible, runNative } from './native.js';

const root = path.resolve(fileURLToPath(import.meta.url), '../../..');

/** Compiles vectors.c to an image whose entry is its first byte. */
function build(optimization: string): Uint8Array {
  const folder = path.join(root, '.cache/oracle'), elf = path.join(folder, `vectors${optimization}.elf`), image = path.join(folder, `vectors${optimization}.bin`);
  mkdirSync(folder, { recursive: true });
  execFileSync('gcc', [
    optimization, '-Wall', '-Wextra', '-Werror', '-mssse3', '-mno-red-zone', '-ffreestanding', '-fno-stack-protector', '-fno-pic', '-fcf-protection=none', '-nostdlib', '-static',
    `-Wl,-Ttext=0x${CODE.toString(16)},--build-id=none,-N,-e,entry,--no-warn-rwx-segments`, '-o', elf, path.join(root, 'test/oracle/native/vectors.c'),
  ]);
  execFileSync('objcopy', ['-O', 'binary', elf, image]);
  return readFileSync(image);
}

describe.skipIf(!nativePossible())('programs of a compiler with SSE', () => {
  it.each(['-O2', '-O3'])('leave behind what they leave on the processor (%s)', optimization => {
    const program = build(optimization), image = new Uint8Array(CODE_PAGES * 0x1000).fill(0xcc), emulated = new Emulated();
    image.set(program);
    const jump = image.length - SLOT_ENTRY;
    // jmp to the image, from the slot at the end: cases start in a slot.
    image.set([0xe9, ...new Uint8Array(Int32Array.of(-jump - 5).buffer)], jump);
    emulated.loadCode(image);
    for (let seed = 1; seed <= 12; seed++) {
      // States in which no x87 exception waits.
      const c: Case = {
        code: new Uint8Array(), slot: jump >> 8, bits: 64, flags: 0, gpr: Array.from({ length: 16 }, (_, n) => n === 4 ? BigInt(DATA + 0x1f00) : 0n), seed, patches: [], fxSeed: 10 + seed,
      };
      const [native] = runNative(buildHarness(root), [c], image);
      expect(native!.vector).toBe(3);
      const interpreted = emulated.interpret(c, 1_000_000), steps = emulated.steps;
      expect(differences(native!, interpreted)).toEqual([]);
      // Hot blocks are translated on the way.
      expect(differences(interpreted, emulated.run(c, steps))).toEqual([]);
      expect(emulated.steps).toBe(steps);
    }
    expect(emulated.machine.translator.counts.regions).toBeGreaterThan(5);
  });
});
