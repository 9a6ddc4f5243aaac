// The long form of the comparison with Unicorn: `npm run oracle:unicorn -- --count N [--seed S] [--form REGEXP] [--sequences SHARE] [--keep N]`.
import { buildDriver, compareWithUnicorn } from './unicorn.js';

export function main(root: string, args: readonly string[]): number {
  const option = (name: string, otherwise: string) => {
    const at = args.indexOf(`--${name}`);
    return at >= 0 ? args[at + 1] ?? otherwise : otherwise;
  };
  const count = Number(option('count', '20000')), seed = Number(option('seed', '1')), keep = Number(option('keep', '10'));
  if (!(count > 0) || !Number.isInteger(seed) || !(keep > 0)) {
    console.error('Usage: npm run oracle:unicorn -- [--count N] [--seed S] [--form REGEXP] [--sequences SHARE] [--keep FAILURES]');
    return 2;
  }
  const program = buildDriver(root);
  if (!program) {
    console.error('The comparison needs gcc and Unicorn (Debian: libunicorn-dev).');
    return 1;
  }
  const start = Date.now(), report = compareWithUnicorn(program, { count, seed, keep, form: option('form', '') || undefined, sequences: Number(option('sequences', '0.7')) });
  for (const failure of report.failures) console.log(failure);
  for (const [what, times] of report.known) console.log(`known, ${times} times: ${what}`);
  console.log(`${report.cases} cases, of which ${report.faults} end by an exception, ${report.failures.length} failures, ${((Date.now() - start) / 1000).toFixed(1)} s (seed ${seed})`);
  return report.failures.length ? 1 : 0;
}
