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
const FROM = 40_000_000;
/** So often it runs free, then checked: what the programs are at is not the same all the time. Steps of each run that are timed, after half as many that are not. */
const TURNS = 6, FREE = 6_000_000, CHECKED = { entries: 2_000_000, instructions: 50_000 } as const;

/** By how many times the busy guest kernel becomes slower while rules are checked: processor time for a step, against that in between on the same machine. */
function slowdown(rate: CheckRate, part: InvariantPart | undefined): (effort: Effort) => Promise<Sample> {
  return async ({ scale }) => {
    const debuggee = await Debuggee.create(validateLaunch({ script: SCRIPT }), kernelImage(), 'benchmark'), { target, invariants } = debuggee;
    const run = async (steps: number): Promise<number> => {
      const start = processorSeconds(), stop = await target.run({ until: target.position + steps, ...invariants.runOptions });
      if (stop.kind !== 'limit') throw new Error(`stopped by ${stop.kind}: ${invariants.broken?.text ?? ''}`);
      return processorSeconds() - start;
    };
    const timed = async (steps: number): Promise<number> => { await run(Math.round(steps / 2)); return run(steps); };
    await run(FROM);
    const turns = Math.max(1, Math.round(TURNS * scale)), steps = CHECKED[rate];
    let free = 0, checked = 0;
    for (let n = 0; n < turns; n++) {
      free += await timed(FREE);
      if (!invariants.start({ rate, wants: predicate => part === undefined || predicateById(predicate)!.part === part })) throw new Error('the kernel says nothing about its KAISER');
      checked += await timed(steps);
      invariants.stop();
    }
    return { ours: checked / (turns * steps) / (free / (turns * FREE)) };
  };
}

const parts = invariantParts.filter(part => part !== 'exceptions');

/** What the rules of KAISER cost while they are checked, all and by what they are about. */
export const invariants: Benchmark[] = (['entries', 'instructions'] as const).flatMap(rate => [undefined, ...parts].map(part => ({
  id: `check-${rate}${part ? `-${part}` : ''}`, work: `rules of KAISER checked at ${rate}: ${part ?? 'all'}`, unit: 'times slower than free', better: 'less' as const, measure: slowdown(rate, part), rounds: 3,
})));
