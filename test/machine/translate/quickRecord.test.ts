import { describe, expect, it } from 'vitest';
import { allFeatures } from '../../../src/machine/cpu/features.js';
import { CodeMode } from '../../../src/machine/cpu/layout.js';
import { libraryDecode } from '../../../src/machine/translate/decode.js';
import { decodeOne, endsBlock } from '../../../src/machine/translate/decoded.js';
import { InstructionSet, wholeInstructionSet } from '../../../src/machine/translate/instructionSet.js';
import { QuickRecords } from '../../../src/machine/translate/quickRecord.js';
import { RECORD_SIZE, RecordWriter } from '../../../src/machine/translate/record.js';
import { definedKey, templateKey } from '../../../src/machine/translate/templateModule.js';
import type { Templates } from '../../../src/machine/translate/templates.js';
import { randomBytes, randomNumbers } from './randomCode.js';

const QUICK = 0, PLAIN = RECORD_SIZE, CODE = 2 * RECORD_SIZE, HANDLER = 77;

/** Two records and code behind them, and a writer that takes the key of a template for its index. */
function setUp(set: InstructionSet = wholeInstructionSet) {
  const u8 = new Uint8Array(CODE + 64), templates = { find: definedKey } as unknown as Templates;
  return { u8, quick: new QuickRecords(u8, new Int32Array(u8.buffer), set, templates), writer: new RecordWriter(u8.buffer) };
}

const addresses = [0x1000n, 0xffff_ff80n, 0xffff_fffdn, 0x7fff_ffff_f000n, 0xffff_ffff_8100_0fffn, 0xffff_ffff_ffff_fff9n, 0xffff_ffff_ffff_ff00n];
const modes = [CodeMode.Long, CodeMode.Long | CodeMode.SseOn, CodeMode.Long | CodeMode.Watched | CodeMode.FpuOff, CodeMode.Long | CodeMode.AlignmentCheck | CodeMode.SseOn];

describe('records from bytes', () => {
  it('are those of decoded instructions, to the last bit', () => {
    const { u8, quick, writer } = setUp(), random = randomNumbers(0x2026);
    let known = 0, ends = 0;
    for (let n = 0; n < 100_000; n++) {
      const bytes = randomBytes(random, CodeMode.Long), ip = addresses[random(addresses.length)]!, mode = modes[random(modes.length)]!;
      u8.fill(random(256));
      u8.set(bytes, CODE);
      const insn = decodeOne(bytes, ip, ip, mode), before = u8.slice(QUICK, PLAIN);
      // By then the form is known, if it is one that can be.
      quick.low = Number(ip & 0xffffffffn);
      quick.high = Number(ip >> 32n) | 0;
      const length = quick.write(QUICK, CODE, CODE + bytes.length, mode, HANDLER);
      if (!length) {
        if (Buffer.compare(u8.subarray(QUICK, PLAIN), before)) throw new Error(hex(bytes));
        continue;
      }
      known++;
      if (quick.ends) ends++;
      if (!insn?.meaning.definition || insn.meaning.definition.regionOnly) throw new Error(`${hex(bytes)} has no definition`);
      writer.write(PLAIN, insn, templateKey(insn), HANDLER);
      if (Buffer.compare(u8.subarray(QUICK, PLAIN), u8.subarray(PLAIN, CODE))) expect({ bytes: hex(bytes), ip, record: hex(u8.subarray(QUICK, PLAIN)) }).toEqual({ bytes: hex(bytes), ip, record: hex(u8.subarray(PLAIN, CODE)) });
      if (length !== insn.length || quick.ends !== endsBlock(insn) || (BigInt(quick.high >>> 0) << 32n | BigInt(quick.low)) !== insn.next) throw new Error(hex(bytes));
    }
    expect(known).toBeGreaterThan(15_000);
    expect(ends).toBeGreaterThan(1000);
  });

  it('are left to others for what the processor lacks, for system instructions and registers of other classes', () => {
    const movbe = [0x0f, 0x38, 0xf0, 0x07], popcnt = [0xf3, 0x0f, 0xb8, 0xc1], others = [[0x0f, 0x20, 0xd8], [0x8e, 0xd8], [0x0f, 0x58, 0xc1], [0xf3, 0x48, 0xa5], [0xff, 0x2f], [0xf3, 0x0f, 0x2c, 0x07], [0x67, 0x8b, 0x07]];
    const { u8, quick } = setUp(new InstructionSet({ ...allFeatures, popcnt: false } as typeof allFeatures));
    for (const bytes of [movbe, popcnt, ...others]) {
      u8.set(bytes, CODE);
      libraryDecode(Uint8Array.from(bytes), 0n, 0n, CodeMode.Long | CodeMode.SseOn, wholeInstructionSet);
      expect([hex(bytes), quick.write(QUICK, CODE, CODE + 15, CodeMode.Long | CodeMode.SseOn, HANDLER)]).toEqual([hex(bytes), 0]);
    }
  });

  it('are left to others around the end of the address space, and where bytes are missing', () => {
    const { u8, quick } = setUp(), call = [0xe8, 1, 2, 3, 4];
    libraryDecode(Uint8Array.from(call), 0n, 0n, CodeMode.Long, wholeInstructionSet);
    u8.set(call, CODE);
    for (let end = 1; end <= 5; end++) expect(quick.write(QUICK, CODE, CODE + end, CodeMode.Long, HANDLER)).toBe(end === 5 ? 5 : 0);
    quick.low = 0xfffffffb;
    quick.high = -1;
    expect(quick.write(QUICK, CODE, CODE + 5, CodeMode.Long, HANDLER)).toBe(0);
    expect([quick.low, quick.high]).toEqual([0xfffffffb, -1]);
  });
});

const hex = (bytes: Iterable<number>) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ');
