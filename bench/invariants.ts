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
/** Position from which the guest's code is warm. */
const FROM = 10_000_000;
const FREE = 20_000_000;

/** By how many times the busy guest kernel becomes slower while rules are checked: processor time for a step, against that before on the same machine. */
function slowdown(rate: CheckRate, part: InvariantPart | undefined): (effort: Effort) => Promise<Sample> {
  return async ({ scale }) => {
    const debuggee = await Debuggee.create(validateLaunch({ script: SCRIPT }), kernelImage(), 'benchmark'), { target, invariants } = debuggee;
    const stepTime = async (steps: number): Promise<number> => {
      const start = processorSeconds(), stop = await target.run({ until: target.position + steps, ...invariants.runOptions });
      if (stop.kind !== 'limit') throw new Error(`stopped by ${stop.kind}: ${invariants.broken?.text ?? ''}`);
      return (processorSeconds() - start) / steps;
    };
    await stepTime(FROM);
    const free = await stepTime(FREE);
    if (!invariants.start({ rate, wants: predicate => part === undefined || predicateById(predicate)!.part === part })) throw new Error('the kernel says nothing about its KAISER');
    const steps = (rate === 'entries' ? 2_000_000 : 10_000) * scale;
    await stepTime(steps / 4);
    return { ours: await stepTime(steps) / free };
  };
}

const parts = invariantParts.filter(part => part !== 'exceptions');

/** What the rules of KAISER cost while they are checked, all and by what they are about. */
export const invariants: Benchmark[] = (['entries', 'instructions'] as const).flatMap(rate => [undefined, ...parts].map(part => ({
  id: `check-${rate}${part ? `-${part}` : ''}`, work: `rules of KAISER checked at ${rate}: ${part ?? 'all'}`, unit: 'times slower than free', better: 'less' as const, measure: slowdown(rate, part), rounds: 3,
})));
