// The long form of the comparison of floating-point instructions: `npm run oracle:native -- --float --count N [--seed S] [--form REGEXP]`;
// `--float --record` records the sample that runs anywhere.
import { Mnemonic } from 'iced-x86';
import { Random } from '../random.js';
import { FloatEmulated } from './emulated.js';
import { APPROXIMATE, type FloatForm, floatForms, generate, INEXACT } from './generate.js';
import { AT, describe, differences, FloatState } from './layout.js';
import { buildFloatHarness, runFloatNative } from './native.js';
import { recordFloat } from './vectors.js';

export interface FloatReport {
  cases: number;
  /** Cases of transcendental functions that had a result, and those of them whose last bit differs. */
  transcendental: number;
  lastBit: number;
  failures: { form: string; text: string }[];
}

const BATCH = 2000;

/** Compares `count` random cases on the processor, by the interpreter and by translated code. */
export function compareFloat(options: { root: string; count: number; seed: number; form?: string; keep: number }): FloatReport {
  const program = buildFloatHarness(options.root), emulated = new FloatEmulated(), random = new Random(options.seed);
  const forms = floatForms().filter(f => !APPROXIMATE.has(f.mnemonic) && (!options.form || new RegExp(options.form, 'i').test(f.text)));
  if (!forms.length) throw new Error(`No floating-point instruction matches '${options.form}'.`);
  const report: FloatReport = { cases: 0, transcendental: 0, lastBit: 0, failures: [] };
  while (report.cases < options.count && report.failures.length < options.keep) {
    const batch = Array.from({ length: Math.min(BATCH, options.count - report.cases) }, () => random.pick(forms)).map(form => ({ form, start: generate(random, form) }));
    const native = runFloatNative(program, batch.map(b => b.start));
    batch.forEach(({ form, start }, n) => {
      if (report.failures.length < options.keep) compareCase(emulated, form, start, native[n]!, report);
    });
  }
  return report;
}

/** Compares one case with what the processor made of it. */
export function compareCase(emulated: FloatEmulated, form: FloatForm, start: FloatState, expected: FloatState, report: FloatReport): void {
  report.cases++;
  const actual = emulated.run(start), translated = emulated.run(start, true);
  const tolerated = INEXACT.has(form.mnemonic) ? tolerate(form, expected, actual, report) : expected;
  const found = differences(tolerated, actual).map(d => `interpreter: ${d}`);
  found.push(...differences(actual, translated).map(d => `translated, against the interpreter: ${d}`));
  if (found.length) report.failures.push({ form: form.text, text: `${describe(form.text, start)}\n    ${found.join('\n    ')}` });
}

/** What is expected of a transcendental function: a result one unit off is taken over, and with it C1 and #P. */
function tolerate(form: FloatForm, expected: FloatState, actual: FloatState, report: FloatReport): FloatState {
  const result = expected.copy();
  if (!(expected.u16(AT.status) & 0x20)) return result;
  report.transcendental++;
  let differs = false;
  for (const i of form.mnemonic === Mnemonic.Fsincos ? [0, 1] : form.mnemonic === Mnemonic.Fptan ? [1] : [0]) {
    const distance = ordered(expected.st(i)) - ordered(actual.st(i));
    if (distance === 1n || distance === -1n) {
      differs = true;
      result.setSt(i, actual.st(i));
    }
  }
  if (differs) report.lastBit++;
  const c1 = 0x200;
  result.view.setUint16(AT.status, expected.u16(AT.status) & ~c1 | actual.u16(AT.status) & c1, true);
  return result;
}

/** Numbers of one sign in their order, neighbours one apart: the integer bit does not count. */
function ordered(bits: bigint): bigint { return bits >> 64n << 63n | bits & (1n << 63n) - 1n; }

export function floatMain(root: string, args: readonly string[], option: (name: string, otherwise: string) => string): number {
  if (args.includes('--record')) {
    console.log(`${recordFloat(root, 1)} cases are recorded in test/oracle/float.`);
    return 0;
  }
  const count = Number(option('count', '20000')), seed = Number(option('seed', '1')), form = option('form', '');
  const report = compareFloat({ root, count, seed, form: form || undefined, keep: Number(option('keep', '10')) });
  for (const { text } of report.failures) console.log(text);
  console.log(`${report.cases} cases, ${report.failures.length} differences; ${report.transcendental} transcendental results, ${report.lastBit} differ in the last bit`);
  return report.failures.length ? 1 : 0;
}
