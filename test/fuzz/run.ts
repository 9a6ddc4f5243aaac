// One run of the fuzzer, in a process of its own so that a hang can be seen from outside: `npm run fuzz` starts it. Each case is
// announced on stdout before it runs.
import { readFileSync, writeSync } from 'node:fs';
import { fuzzCode } from './codeFuzz.js';
import { fuzzImages } from './imageFuzz.js';
import { fuzzLaunch } from './launchFuzz.js';

/** @param images files that are mutated */
export function main(args: { seconds: number; seed: number; part?: string | undefined; keep: number; images: readonly string[] }): number {
  const tell = (text: string) => { writeSync(1, `${text}\n`); };
  let last = 0;
  // Twenty times a second is often enough to find the case of a hang: the parent names it by the last one and the next few.
  const progress = (text: string) => {
    if (Date.now() - last < 50) return;
    last = Date.now();
    tell(`at ${text}`);
  };
  const begin = Date.now(), findings: { text: string }[] = [], wanted = (part: string) => args.part === undefined || args.part === part;
  const summary: string[] = [];
  if (wanted('launch')) {
    const launch = fuzzLaunch({ seed: args.seed, count: Math.min(200_000, 2000 * args.seconds) });
    findings.push(...launch.findings);
    summary.push(`${launch.cases} launch arguments`);
  }
  if (wanted('images')) {
    const images = fuzzImages(args.images.map(name => ({ name, bytes: new Uint8Array(readFileSync(name)) })),
      { seed: args.seed, until: Date.now() + args.seconds * (args.part ? 1000 : 250), keep: args.keep, progress });
    findings.push(...images.findings);
    summary.push(`${images.cases} images`);
  }
  if (wanted('code')) {
    const code = fuzzCode({ seed: args.seed, until: begin + args.seconds * 1000, keep: args.keep, progress });
    findings.push(...code.findings);
    summary.push(`${code.cases} programs with ${code.steps} steps (${[...code.ends].map(([kind, count]) => `${kind} ${count}`).join(', ')})`);
  }
  for (const { text } of findings) tell(`FOUND ${text}`);
  tell(`${summary.join(', ')}: ${findings.length} findings (seed ${args.seed}, ${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  return findings.length ? 1 : 0;
}
