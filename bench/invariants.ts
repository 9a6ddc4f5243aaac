import { Debuggee } from '../src/dap/debuggee.js';
import type { CheckRate } from '../src/dap/checkRate.js';
import { validateLaunch } from '../src/dap/launchArguments.js';
import { invariantParts, predicateById } from '../src/kaiser/index.js';
import type { InvariantPart } from '../src/kaiser/index.js';
import type { Benchmark, Effort, Sample } from './benchmark.js';
import { kernelImage } from './guests.js';
import { processorSeconds } from './ours.js';

/** Programs that enter the kernel all the time, one that hardly does, and toggles. */
const SCRIPT = ['toggle 1000 &', 'storm 0 &', 'forks 100000 &', 'touch 1000 &', 'spin &'];
const FROM = 2_500_000;

/** Processor time for a step of the busy guest kernel, in microseconds, from a position after its boot on; checked or not. */
async function stepTime(steps: number, rate: CheckRate | undefined, part: InvariantPart | undefined): Promise<number> {
  const debuggee = await Debuggee.create(validateLaunch({ script: SCRIPT }), kernelImage(), 'benchmark'), { target, invariants } = debuggee;
  await target.run({ until: FROM });
  if (rate && !invariants.start({ rate, wants: predicate => part === undefined || predicateById(predicate)!.part === part })) throw new Error('the kernel says nothing about its KAISER');
  const start = processorSeconds();
  const stop = await target.run({ until: FROM + steps, ...invariants.runOptions });
  if (stop.kind !== 'limit') throw new Error(`stopped by ${stop.kind}: ${invariants.broken?.text ?? ''}`);
  return (processorSeconds() - start) * 1e6 / steps;
}

/** By how many times the guest becomes slower. */
function slowdown(rate: CheckRate, part: InvariantPart | undefined): (effort: Effort) => Promise<Sample> {
  return async ({ scale }) => {
    const steps = Math.round((rate === 'entries' ? 2_000_000 : 20_000) * scale);
    // Free running is measured over a longer way: what is compiled then is compiled for both.
    const free = await stepTime(2_000_000, undefined, undefined);
    return { ours: await stepTime(steps, rate, part) / free };
  };
}

const parts = invariantParts.filter(part => part !== 'exceptions');

/** What the rules of KAISER cost while they are checked, all and by what they are about. */
export const invariants: Benchmark[] = (['entries', 'instructions'] as const).flatMap(rate => [undefined, ...parts].map(part => ({
  id: `check-${rate}${part ? `-${part}` : ''}`, work: `rules of KAISER checked at ${rate}: ${part ?? 'all'}`, unit: 'times slower than free', better: 'less' as const, measure: slowdown(rate, part), rounds: 3,
})));
