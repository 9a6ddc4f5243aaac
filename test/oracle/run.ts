// The long form of the comparison with the processor: `npm run oracle:native -- --count N [--seed S] [--form TEXT] [--sequences SHARE]
// [--bits 16|32|64]`; without --bits in 64-bit code. `--bytes` compares random bytes instead of random instructions.
import { compareBytes } from './bytes.js';
import { recordBytes } from './bytesSample.js';
import { differences, describe } from './compare.js';
import { Emulated } from './emulated.js';
import { allForms } from './forms.js';
import { floatMain } from './float/run.js';
import { Generator, type Generated } from './generate.js';
import { type Bits, entryIp, type Outcome, SLOTS } from './layout.js';
import { batchImage, buildHarness, nativePossible, runNative, TIMEOUT } from './native.js';
import { Random } from './random.js';
import { record } from './vectors.js';

export interface Report {
  cases: number;
  /** Cases that an exception other than the final INT3 has ended. */
  faults: number;
  failures: { form: string; text: string }[];
}

/** Compares `count` random cases: processor, interpreter, region. */
export function compareWithProcessor(options: { root: string; count: number; seed: number; form?: string; sequences: number; keep: number; bits?: Bits; allFlags?: boolean; }): Report {
  const program = buildHarness(options.root), emulated = new Emulated();
  const bits = options.bits ?? 64, forms = allForms(bits).filter(f => !options.form || new RegExp(options.form, 'i').test(f.name));
  if (!forms.length) throw new Error(`No instruction form matches '${options.form}'.`);
  const generator = new Generator(options.seed, bits, forms), random = new Random(options.seed ^ 0x5eed);
  const report: Report = { cases: 0, faults: 0, failures: [] };
  while (report.cases < options.count && report.failures.length < options.keep) {
    const batch: Generated[] = [];
    for (let slot = 0; slot < Math.min(SLOTS - 1, options.count - report.cases); slot++) {
      let made: Generated | undefined;
      while (!made) made = random.chance(options.sequences) ? generator.sequence(slot, random.between(2, 8)) : generator.single(slot);
      batch.push(made);
    }
    compareBatch(program, emulated, batch, report, options.allFlags ?? false);
  }
  return report;
}

export function compareBatch(program: string, emulated: Emulated, batch: readonly Generated[], report: Report, allFlags = false): void {
  const image = batchImage(batch), native = runNative(program, batch, image);
  emulated.loadCode(image);
  const interpreted = batch.map(c => {
    const outcome = emulated.interpret(c);
    return { outcome, steps: emulated.steps };
  });
  emulated.compile(batch);
  batch.forEach((c, n) => {
    report.cases++;
    const real = native[n]!, { outcome, steps } = interpreted[n]!;
    if (real.vector === TIMEOUT) {
      report.failures.push({ form: c.text, text: `${describe(c)}\n    does not end on the processor` });
      return;
    }
    if (real.vector !== 3) report.faults++;
    const { expected, undefinedFlags } = expectedOutcome(c, real, outcome);
    const found = differences(expected, outcome, allFlags ? 0xcd5 : 0xcd5 & ~undefinedFlags).map(d => `interpreter: ${d}`);
    const region = emulated.run(c, steps);
    found.push(...differences(outcome, region).map(d => `region, against the interpreter: ${d}`));
    if (emulated.steps !== steps) found.push(`region: ${emulated.steps} steps instead of ${steps}`);
    if (found.length) report.failures.push({ form: c.text, text: `${describe(c)}\n    ${found.slice(0, 8).join('\n    ')}` });
  });
}

/**
 * What is to be expected of the machine where the processor's outcome says more than the SDM does.
 * @param actual the machine's outcome, where it decides which of two permitted results is meant
 */
export function expectedOutcome(c: Generated, real: Outcome, actual?: Outcome): { expected: Outcome; undefinedFlags: number } {
  const expected = { ...real, gpr: [...real.gpr] }, faulted = real.vector !== 3;
  let undefinedFlags = faulted ? c.undefinedAt[Number(real.rip) - entryIp(c)] ?? c.undefinedFlags : c.undefinedFlags;
  // A fault in the middle of REP CMPS or SCAS puts the flags back on processors (SDM Vol. 2B, REP); the machine, whose steps
  // are the iterations, leaves those of the last one, so that its state does not depend on where a turn began.
  if (faulted && /^rep\S* (cmps|scas)/.test(c.text)) undefinedFlags |= 0x8d5;
  if (actual && c.cutRegisters && faulted) {
    for (const n of [1, 6, 7]) if (real.gpr[n] === (actual.gpr[n]! & 0xffffffffn)) expected.gpr[n] = actual.gpr[n]!;
  }
  return { expected, undefinedFlags };
}

export function main(root: string, args: readonly string[]): number {
  const option = (name: string, otherwise: string) => {
    const at = args.indexOf(`--${name}`);
    return at >= 0 ? args[at + 1] ?? otherwise : otherwise;
  };
  if (!nativePossible()) {
    console.error('The comparison needs an x86-64 processor, Linux and gcc.');
    return 1;
  }
  const count = Number(option('count', '20000')), seed = Number(option('seed', '1')), sequences = Number(option('sequences', '0.3'));
  if (!(count > 0) || !Number.isInteger(seed) || !['16', '32', '64'].includes(option('bits', '64'))) {
    console.error('Usage: npm run oracle:native -- [--count N] [--seed S] [--form REGEXP] [--sequences SHARE] [--bits 16|32|64] [--keep FAILURES] [--all-flags] | --bytes [--count N] [--seed S] [--bits 16|32|64] | --float [--count N] [--seed S] [--form REGEXP] | [--float] --record [FILE]');
    return 2;
  }
  if (args.includes('--float')) return floatMain(root, args, option);
  if (args.includes('--record') && args.includes('--bytes')) {
    console.log(`${recordBytes(root, seed)} cases of random bytes are recorded in test/oracle.`);
    return 0;
  }
  if (args.includes('--record')) {
    console.log(`${record(root, seed, new RegExp(option('record', '').replace(/^--.*/, '')))} cases are recorded in test/oracle.`);
    return 0;
  }
  const start = Date.now();
  if (args.includes('--bytes')) return bytesMain({ root, count, seed, bits: Number(option('bits', '64')) as Bits, keep: Number(option('keep', '10')) });
  const report = compareWithProcessor({
    root, count, seed, sequences, bits: Number(option('bits', '64')) as Bits, form: args.includes('--form') ? option('form', '') : undefined, keep: Number(option('keep', '10')), allFlags: args.includes('--all-flags'),
  });
  for (const failure of report.failures) console.log(failure.text);
  console.log(`${report.cases} cases, of which ${report.faults} end by an exception, ${report.failures.length} failures, ${((Date.now() - start) / 1000).toFixed(1)} s (seed ${seed})`);
  return report.failures.length ? 1 : 0;
}

function bytesMain(options: Parameters<typeof compareBytes>[0]): number {
  const start = Date.now(), report = compareBytes(options);
  for (const failure of report.failures) console.log(failure.text);
  const vectors = Object.entries(report.vectors).map(([vector, count]) => `${vector}: ${count}`).join(', ');
  console.log(`${report.cases} cases of random bytes (vectors ${vectors}; ${report.comparisons.undefined} of features that the machine lacks), ${report.failures.length} failures, `
    + `${((Date.now() - start) / 1000).toFixed(1)} s (seed ${options.seed})`);
  return report.failures.length ? 1 : 0;
}
