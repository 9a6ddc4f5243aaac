import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { allForms } from './forms.js';
import { initialFx } from './fxState.js';
import { type Generated, Generator } from './generate.js';
import { type Bits, DATA, entryIp, initialMemory, type Outcome, SLOTS } from './layout.js';
import { batchImage, buildHarness, runNative, TIMEOUT } from './native.js';
import { expectedOutcome } from './run.js';

/**
 * Recorded outcomes of a processor, so that any machine can compare with them: for each case one line of JSON with what it
 * starts from and what has changed, the whole compressed.
 */
interface Recording {
  file: string;
  /** Which forms: with x87, MMX or SSE state, or without. */
  vector: boolean;
  /** Instructions of the x87. `float/vectors.ts` has each of their forms with values that matter; here they come in sequences and with faults. */
  x87?: boolean;
  /** For code of each size: cases of each form, every how manieth form, number of sequences. */
  parts: readonly { bits: Bits; each: number; every: number; sequences: number }[];
}
const RECORDINGS: readonly Recording[] = [
  { file: 'vectors.json.gz', vector: false, parts: [{ bits: 64, each: 2, every: 1, sequences: 350 }, { bits: 32, each: 1, every: 1, sequences: 50 }, { bits: 16, each: 1, every: 1, sequences: 50 }] },
  { file: 'vectorsSse.json.gz', vector: true, parts: [{ bits: 64, each: 1, every: 1, sequences: 220 }, { bits: 32, each: 1, every: 2, sequences: 40 }, { bits: 16, each: 1, every: 4, sequences: 20 }] },
  { file: 'vectorsX87.json.gz', vector: true, x87: true, parts: [{ bits: 64, each: 1, every: 4, sequences: 40 }, { bits: 32, each: 1, every: 6, sequences: 20 }, { bits: 16, each: 1, every: 6, sequences: 20 }] },
];

interface Recorded {
  bits: Bits; text: string; code: string; flags: number; gpr: string[]; seed: number; patches: [number, string][]; undefined: number; steps: number;
  /** Vector, error code, address, RIP from the entry on, flags. */
  end: [number, number, string, string, number];
  registers: Record<number, string>;
  /** Seed of the x87, MMX and SSE state, 0 for that of a new program, and runs of its bytes that have changed. */
  fxSeed?: number; fx?: Record<number, string>;
  /** Runs of changed bytes by their offset in the data pages. */
  memory: Record<number, string>;
}

/** Records cases on the processor that this runs on, in the files whose name matches; gives their number. */
export function record(root: string, seed: number, files: RegExp): number {
  return RECORDINGS.reduce((sum, r) => files.test(r.file) ? sum + recordFile(root, seed, r) : sum, 0);
}

function recordFile(root: string, seed: number, { file, vector, x87, parts }: Recording): number {
  const program = buildHarness(root), lines: string[] = [];
  let batch: Generated[] = [];
  const flush = () => {
    const outcomes = runNative(program, batch, batchImage(batch));
    batch.forEach((c, n) => {
      // The slot of a case is its number in its batch, when it is read as when it is recorded.
      if (outcomes[n]!.vector === TIMEOUT) throw new Error(`does not end: ${c.text}`);
      lines.push(JSON.stringify(pack(c, outcomes[n]!)));
    });
    batch = [];
  };
  const add = (c: Generated) => {
    batch.push(c);
    if (batch.length === SLOTS - 1) flush();
  };
  for (const { bits, each, every, sequences } of parts) {
    const forms = allForms(bits).filter(form => form.vector === vector && form.x87 === (x87 ?? false)), generator = new Generator(seed + bits, bits, forms);
    for (const form of forms.filter((_, n) => n % every === 0)) {
      for (let n = 0, tries = 0; n < each && tries < 50; tries++) {
        const made = generator.single(batch.length, form);
        if (made) { add(made); n++; }
      }
    }
    for (let n = 0; n < sequences; n++) add(generator.sequence(batch.length, 2 + n % 7));
  }
  flush();
  writeFileSync(path.join(root, 'test/oracle', file), gzipSync(lines.join('\n'), { level: 9 }));
  return lines.length;
}

/** The recorded cases, each in a slot of its batch. */
export function readVectors(root: string): { c: Generated; expected: Outcome }[][] {
  const batches: { c: Generated; expected: Outcome }[][] = [];
  for (const { file } of RECORDINGS) {
    gunzipSync(readFileSync(path.join(root, 'test/oracle', file))).toString().split('\n').forEach((line, n) => {
      const slot = n % (SLOTS - 1);
      if (slot === 0) batches.push([]);
      batches[batches.length - 1]!.push(unpack(JSON.parse(line) as Recorded, slot));
    });
  }
  return batches;
}

function pack(c: Generated, o: Outcome): Recorded {
  const registers: Record<number, string> = {};
  o.gpr.forEach((value, n) => { if (value !== c.gpr[n]) registers[n] = value.toString(16); });
  return {
    bits: c.bits, text: c.text, code: Buffer.from(c.code).toString('hex'), flags: c.flags, gpr: c.gpr.map(v => v.toString(16)), seed: c.seed,
    patches: c.patches.map(p => [p.address - DATA, p.value.toString(16)]), undefined: expectedOutcome(c, o).undefinedFlags, steps: c.instructions,
    end: [o.vector, o.error, o.address.toString(16), (o.rip - BigInt(entryIp(c))).toString(16), o.flags], registers, memory: changes(initialMemory(c), o.memory),
    ...(c.fxSeed ? { fxSeed: c.fxSeed, fx: changes(initialFx(c.fxSeed), o.fx) } : {}),
  };
}

/** Runs of bytes that differ, by their offset. */
function changes(before: Uint8Array, after: Uint8Array): Record<number, string> {
  const runs: Record<number, string> = {};
  for (let n = 0; n < before.length; n++) {
    if (before[n] === after[n]) continue;
    const start = n;
    while (n < before.length && before[n] !== after[n]) n++;
    runs[start] = Buffer.from(after.subarray(start, n)).toString('hex');
  }
  return runs;
}

function changed(before: Uint8Array, runs: Record<number, string>): Uint8Array {
  const after = before.slice();
  for (const [offset, bytes] of Object.entries(runs)) after.set(Buffer.from(bytes, 'hex'), Number(offset));
  return after;
}

function unpack(r: Recorded, slot: number): { c: Generated; expected: Outcome } {
  const hex = (text: string) => text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
  const c: Generated = {
    text: r.text, code: new Uint8Array(Buffer.from(r.code, 'hex')), slot, bits: r.bits, flags: r.flags, gpr: r.gpr.map(hex), seed: r.seed,
    patches: r.patches.map(([offset, value]) => ({ address: DATA + offset, value: hex(value) })), undefinedFlags: r.undefined, undefinedAt: {}, instructions: r.steps,
    cutRegisters: false, fxSeed: r.fxSeed,
  };
  const memory = changed(initialMemory(c), r.memory), fx = changed(initialFx(c.fxSeed ?? 0), r.fx ?? {});
  const gpr = c.gpr.map((value, n) => n in r.registers ? hex(r.registers[n]!) : value);
  return {
    c, expected: { gpr, rip: BigInt.asUintN(64, BigInt(entryIp(c)) + hex(r.end[3])), flags: r.end[4], vector: r.end[0], error: r.end[1], address: hex(r.end[2]), fx, memory },
  };
}
