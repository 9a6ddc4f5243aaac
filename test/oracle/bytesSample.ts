import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type BytesCase, bytesCase, type Comparison, registersOf } from './bytes.js';
import { type Bits, entryIp, initialMemory, type Outcome, SLOTS } from './layout.js';
import { batchImage, buildHarness, runNative, TIMEOUT } from './native.js';
import { Random } from './random.js';

/** What a processor did with random bytes, recorded so that any host can compare with it: one line of JSON for each case. */
const FILE = 'bytes.json.gz';
const CASES = 500;

interface Recorded {
  slot: number; bits: Bits; code: string; flags: number; registers: number; seed: number; rep: boolean; comparison: Comparison; undefined: number; text: string;
  /** Vector, error code, address, RIP from the entry on, flags. */
  end: [number, number, string, number, number];
  gpr: Record<number, string>;
  memory: Record<number, string>;
}

/** Records cases on the processor that this runs on; gives their number. */
export function recordBytes(root: string, seed: number): number {
  const program = buildHarness(root), lines: string[] = [];
  for (const bits of [64, 32, 16] as const) {
    const random = new Random(seed + bits);
    for (let left = CASES; left > 0;) {
      const batch: BytesCase[] = [];
      while (batch.length < Math.min(SLOTS - 1, left)) {
        const made = bytesCase(random, batch.length, bits);
        // Most of random bytes are plain #UD, of which a part is enough.
        if (made && (made.text !== '(invalid)' || random.chance(0.2))) batch.push(made);
      }
      runNative(program, batch, batchImage(batch)).forEach((outcome, n) => {
        if (outcome.vector !== TIMEOUT && Math.abs(Number(outcome.rip) - entryIp(batch[n]!)) < 0x80) lines.push(JSON.stringify(pack(batch[n]!, outcome)));
      });
      left -= batch.length;
    }
  }
  writeFileSync(path.join(root, 'test/oracle', FILE), gzipSync(lines.join('\n'), { level: 9 }));
  return lines.length;
}

/** The recorded cases in batches, each in the slot that it had, with what the processor did. */
export function readBytes(root: string): { cases: BytesCase[]; outcomes: Outcome[] }[] {
  const lines = gunzipSync(readFileSync(path.join(root, 'test/oracle', FILE))).toString().split('\n'), batches: { cases: BytesCase[]; outcomes: Outcome[] }[] = [];
  let last = Infinity;
  for (const line of lines) {
    const { c, outcome } = unpack(JSON.parse(line) as Recorded);
    if (c.slot <= last) batches.push({ cases: [], outcomes: [] });
    last = c.slot;
    const batch = batches[batches.length - 1]!;
    batch.cases.push(c);
    batch.outcomes.push(outcome);
  }
  return batches;
}

function pack(c: BytesCase, o: Outcome): Recorded {
  const gpr: Record<number, string> = {}, memory: Record<number, string> = {}, before = initialMemory(c);
  o.gpr.forEach((value, n) => { if (value !== c.gpr[n]) gpr[n] = value.toString(16); });
  for (let n = 0; n < before.length; n++) {
    if (before[n] === o.memory[n]) continue;
    const start = n;
    while (n < before.length && before[n] !== o.memory[n]) n++;
    memory[start] = Buffer.from(o.memory.subarray(start, n)).toString('hex');
  }
  return {
    slot: c.slot, bits: c.bits, code: Buffer.from(c.code).toString('hex'), flags: c.flags, registers: c.registerSeed, seed: c.seed, rep: c.rep, comparison: c.comparison, undefined: c.undefinedFlags, text: c.text,
    end: [o.vector, o.error, o.address.toString(16), Number(BigInt.asIntN(64, o.rip - BigInt(entryIp(c)))), o.flags], gpr, memory,
  };
}

function unpack(r: Recorded): { c: BytesCase; outcome: Outcome } {
  const code = new Uint8Array(Buffer.from(r.code, 'hex'));
  const c: BytesCase = {
    code, slot: r.slot, bits: r.bits, flags: r.flags, gpr: registersOf(r.registers, r.bits, code, r.rep), registerSeed: r.registers, seed: r.seed, patches: [], text: r.text,
    undefinedFlags: r.undefined, undefinedAt: {}, instructions: 1, cutRegisters: r.bits === 64 && r.rep && code.includes(0x67), rep: r.rep, comparison: r.comparison,
  };
  const memory = initialMemory(c);
  for (const [offset, bytes] of Object.entries(r.memory)) memory.set(Buffer.from(bytes, 'hex'), Number(offset));
  return {
    c, outcome: {
      gpr: c.gpr.map((value, n) => n in r.gpr ? BigInt(`0x${r.gpr[n]!}`) : value), rip: BigInt.asUintN(64, BigInt(entryIp(c)) + BigInt(r.end[3])), flags: r.end[4],
      vector: r.end[0], error: r.end[1], address: BigInt(`0x${r.end[2]}`), fx: new Uint8Array(0), memory,
    },
  };
}
