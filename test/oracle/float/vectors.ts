import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Random } from '../random.js';
import { APPROXIMATE, type FloatForm, floatForms, generate } from './generate.js';
import { AT, FloatState, STATE_BYTES } from './layout.js';
import { buildFloatHarness, runFloatNative } from './native.js';

/** Recorded cases: what an Intel processor did, so that the comparison runs anywhere. */

const FILE = 'test/oracle/float/vectors.json.gz';
/** Cases of every form. */
const EACH = 2;

/** A line of the file: form, runs of bytes that are not zero in the start, runs of bytes that the instruction has changed. */
type Line = [code: string, start: [number, string][], changed: [number, string][]];

/** Register operands beyond ST(2) add nothing. */
function recorded(form: FloatForm): boolean {
  return !APPROXIMATE.has(form.mnemonic) && !/st\([13-7]\)/.test(form.text.replace('st(0)', ''));
}

/** Records cases of all forms on this processor; gives their number. */
export function recordFloat(root: string, seed: number): number {
  const random = new Random(seed), cases = floatForms().filter(recorded).flatMap(form => Array.from({ length: EACH }, () => thin(form, generate(random, form))));
  const outcomes = runFloatNative(buildFloatHarness(root), cases);
  const lines = cases.map((c, n): Line => [Buffer.from(c.code).toString('hex'), runs(new Uint8Array(STATE_BYTES), c.bytes), runs(c.bytes, outcomes[n]!.bytes)]);
  writeFileSync(path.join(root, FILE), gzipSync(lines.map(line => JSON.stringify(line)).join('\n'), { level: 9 }));
  return lines.length;
}

/** Empties what most instructions do not touch, so that the file stays small. */
function thin(form: FloatForm, s: FloatState): FloatState {
  const x87 = form.unit === 'x87', first = x87 || /mm\d/.test(form.text.replaceAll('xmm', '')) ? 3 : 0;
  for (let i = first; i < (first ? 7 : 8); i++) s.setSt(i, BigInt(i));
  if (x87) s.bytes.fill(0, AT.xmm, AT.memory);
  else s.bytes.fill(0, AT.opcode, AT.mxcsr);
  s.bytes.fill(0, AT.xmm + 32, AT.memory);
  s.bytes.fill(0, AT.memory + (x87 && !form.text.includes('[') ? 0 : 16));
  if (x87) s.view.setUint32(AT.mxcsr, 0x1f80, true);
  return s;
}

function runs(before: Uint8Array, after: Uint8Array): [number, string][] {
  const found: [number, string][] = [];
  for (let n = 0; n < after.length; n++) {
    if (before[n] === after[n]) continue;
    const start = n;
    while (n < after.length && before[n] !== after[n]) n++;
    found.push([start, Buffer.from(after.subarray(start, n)).toString('hex')]);
  }
  return found;
}

/** The recorded cases. */
export function readFloatVectors(root: string): { form: FloatForm; start: FloatState; expected: FloatState }[] {
  const forms = new Map(floatForms().map(form => [Buffer.from(form.code).toString('hex'), form]));
  return gunzipSync(readFileSync(path.join(root, FILE))).toString().split('\n').map(text => {
    const [code, start, changed] = JSON.parse(text) as Line, form = forms.get(code);
    if (!form) throw new Error(`${FILE} has an instruction that is none of the forms: ${code}`);
    const before = new FloatState();
    for (const [at, bytes] of start) before.bytes.set(Buffer.from(bytes, 'hex'), at);
    const expected = before.copy();
    for (const [at, bytes] of changed) expected.bytes.set(Buffer.from(bytes, 'hex'), at);
    return { form, start: before, expected };
  });
}
