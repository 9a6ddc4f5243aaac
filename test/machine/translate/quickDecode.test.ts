import { describe, expect, it } from 'vitest';
import { CodeMode } from '../../../src/machine/cpu/layout.js';
import { allFeatures } from '../../../src/machine/cpu/features.js';
import { commonInstructions } from '../../../src/machine/translate/commonInstructions.js';
import { libraryDecode } from '../../../src/machine/translate/decode.js';
import { InstructionSet, wholeInstructionSet } from '../../../src/machine/translate/instructionSet.js';
import { quickDecode } from '../../../src/machine/translate/quickDecode.js';

const MODES = { '64-bit': CodeMode.Long, '32-bit': CodeMode.Code32 | CodeMode.Stack32, '16-bit': 0, 'real mode': CodeMode.Real };
const PREFIXES = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

/** A generator of numbers below a bound (xorshift). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Bytes for an instruction: a few prefixes, mostly in order, an opcode of any map, and random ones behind. */
function randomBytes(random: (below: number) => number, mode: number): Uint8Array {
  const bytes: number[] = [];
  for (let n = random(4) ? random(8) ? 0 : 1 : random(6); n > 0; n--) bytes.push(PREFIXES[random(PREFIXES.length)]!);
  if (mode & CodeMode.Long && random(2)) bytes.push(0x40 | random(16));
  const map = random(16);
  if (map >= 10) bytes.push(0x0f);
  if (map === 15) bytes.push(random(2) ? 0x38 : 0x3a);
  while (bytes.length < 15) bytes.push(random(256));
  return Uint8Array.from(bytes).subarray(0, random(4) ? 15 : random(16));
}

describe('the quick decoder', () => {
  it.each(Object.entries(MODES))('agrees with the library on everything it has learned from it: %s', (_, mode) => {
    const random = randomNumbers(0x2017_1101 + mode);
    let quick = 0;
    for (let n = 0; n < 100_000; n++) {
      const bytes = randomBytes(random, mode), ip = BigInt(random(2 ** 31)) << BigInt(random(33)) & (mode & CodeMode.Long ? 0xffffffffffffffffn : 0xffffn), linear = ip + 0x1000n;
      const found = quickDecode(bytes, ip, linear, mode, wholeInstructionSet);
      const expected = libraryDecode(bytes, ip, linear, mode, wholeInstructionSet);
      if (found === undefined) continue;
      quick++;
      if (!Object.is(JSON.stringify(found, text), JSON.stringify(expected, text))) expect({ bytes: hex(bytes), found }).toEqual({ bytes: hex(bytes), found: expected });
    }
    expect(quick).toBeGreaterThan(25_000);
  });

  it('knows the common instructions after one look at each, without prefixes in other orders or numbers', () => {
    let known = 0, count = 0;
    for (const [mode, text] of commonInstructions) {
      const all = Uint8Array.from(text.match(/../g)!, byte => parseInt(byte, 16));
      for (let at = 0; at < all.length;) {
        const bytes = all.subarray(at, at + 15), insn = libraryDecode(bytes, 0n, 0n, mode, wholeInstructionSet);
        if (typeof insn === 'string') throw new Error(hex(bytes));
        if (quickDecode(bytes, 0n, 0n, mode, wholeInstructionSet)) known++;
        count++;
        at += insn.length;
      }
    }
    expect(known / count).toBeGreaterThan(0.95);
  });

  it('leaves to the library what the processor lacks', () => {
    const invpcid = Uint8Array.of(0x66, 0x0f, 0x38, 0x82, 0x03), without = new InstructionSet({ ...allFeatures, invpcid: false });
    expect(libraryDecode(invpcid, 0n, 0n, CodeMode.Long, wholeInstructionSet)).toMatchObject({ length: 5 });
    expect(quickDecode(invpcid, 0n, 0n, CodeMode.Long, wholeInstructionSet)).toMatchObject({ length: 5 });
    expect(quickDecode(invpcid, 0n, 0n, CodeMode.Long, without)).toBeUndefined();
    expect(libraryDecode(invpcid, 0n, 0n, CodeMode.Long, without)).toBe('invalid');
  });

  it('decodes in the middle of memory as it does at its start, and looks at nothing behind the end', () => {
    const call = [0xe8, 1, 2, 3, 4], memory = Uint8Array.from([0xff, 0xff, ...call, 0xff]);
    const alone = libraryDecode(Uint8Array.from(call), 5n, 6n, CodeMode.Long, wholeInstructionSet);
    expect(quickDecode(memory, 5n, 6n, CodeMode.Long, wholeInstructionSet, 2, 7)).toEqual(alone);
    for (let end = 2; end < 7; end++) expect(quickDecode(memory, 5n, 6n, CodeMode.Long, wholeInstructionSet, 2, end)).toBe('truncated');
  });

  it('says that bytes are missing wherever an instruction is cut off', () => {
    const whole = Uint8Array.of(0x65, 0x48, 0x81, 0x84, 0x88, 0, 0x10, 0, 0, 1, 2, 3, 4);
    libraryDecode(whole, 0n, 0n, CodeMode.Long, wholeInstructionSet);
    for (let length = 0; length < whole.length; length++) expect(quickDecode(whole.subarray(0, length), 0n, 0n, CodeMode.Long, wholeInstructionSet)).toBe('truncated');
    expect(quickDecode(whole, 0n, 0n, CodeMode.Long, wholeInstructionSet)).toMatchObject({ length: 13, immediate: 0x04030201n });
  });
});

function hex(bytes: Uint8Array): string { return Buffer.from(bytes).toString('hex'); }
/** Numbers of any size as text. */
function text(_: string, value: unknown): unknown { return typeof value === 'bigint' ? `${value}n` : value; }
