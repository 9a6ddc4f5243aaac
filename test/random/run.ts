// The long form of the comparison of random system programs with QEMU: `npm run oracle:qemu -- --programs N [--seed S] [--operations N]`.
import path from 'node:path';
import { buildSystem } from './build.js';
import { compareSystem } from './compare.js';

export async function main(root: string, args: readonly string[]): Promise<number> {
  const option = (name: string, otherwise: string) => Number(args.includes(`--${name}`) ? args[args.indexOf(`--${name}`) + 1] : otherwise);
  const programs = option('programs', '20'), seed = option('seed', '1'), operations = option('operations', '1000');
  if (!(programs > 0) || !Number.isInteger(seed) || !(operations > 0)) {
    console.error('Usage: npm run oracle:qemu -- [--programs N] [--seed S] [--operations N]');
    return 2;
  }
  const file = buildSystem(path.join(root, 'test')), known = new Map<string, number>(), start = Date.now();
  let accesses = 0, differences = 0;
  for (let n = 0; n < programs; n++) {
    const result = await compareSystem(file, seed + n, operations);
    accesses += result.lines;
    result.known.forEach((times, what) => known.set(what, (known.get(what) ?? 0) + times));
    if (!result.difference) continue;
    differences++;
    console.log(result.difference.text);
  }
  for (const [what, times] of known) console.log(`known, ${times} times: ${what}`);
  console.log(`${programs} programs, ${accesses} accesses, ${differences} differences, ${((Date.now() - start) / 1000).toFixed(1)} s (seed ${seed})`);
  return differences ? 1 : 0;
}
