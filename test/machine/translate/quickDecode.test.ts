import { describe, expect, it } from 'vitest';
import { CodeMode } from '../../../src/machine/cpu/layout.js';
import { allFeatures } from '../../../src/machine/cpu/features.js';
import { commonInstructions } from '../../../src/machine/translate/commonInstructions.js';
import { libraryDecode } from '../../../src/machine/translate/decode.js';
import { InstructionSet, wholeInstructionSet } from '../../../src/machine/translate/instructionSet.js';
import { quickDecode } from '../../../src/machine/translate/quickDecode.js';
import { randomBytes, randomNumbers } from './randomCode.js';

const MODES = { '64-bit': CodeMode.Long, '32-bit': CodeMode.Code32 | CodeMode.Stack32, '16-bit': 0, 'real mode': CodeMode.Real };

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
