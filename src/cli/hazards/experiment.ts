import type { Debuggee } from '../../dap/debuggee.js';
import type { Scenario } from '../../dap/scenario.js';
import { verdictAt } from '../../dap/verdict.js';
import type { Verdict, Violation } from '../../kaiser/index.js';
import { checkInvariants } from '../../kaiser/index.js';
import type { ExceptionInfo, Stop } from '../../target/target.js';

/** How a run ended. What is told comes from the machine's state alone; the scenario says only what to run. */
export interface Outcome {
  survived: boolean;
  /** The hazard that the machine's state names, if it names one. */
  hazard?: string;
  predicate?: string;
  text: string;
  position: number;
  cpu?: number;
  /** What came to the machine from outside until then, in words. */
  events: string[];
}

/** So many steps at a time where nothing else sets the pace. */
const STRIDE = 1_000_000;

/** Runs a machine until something explodes, its guest powers off, or the scenario's end; tells what came from outside as well. */
export async function runExperiment(debuggee: Debuggee, scenario: Scenario): Promise<Outcome> {
  const events: string[] = [];
  debuggee.events.onDone = ({ text }) => events.push(text);
  return { ...await runToEnd(debuggee, scenario), events };
}

/** Runs a machine until something explodes, its guest powers off, or the scenario's end. */
async function runToEnd(debuggee: Debuggee, scenario: Scenario): Promise<Omit<Outcome, 'events'>> {
  const { target, kaiser, invariants } = debuggee;
  const { check } = scenario;
  let verdict: Verdict | undefined;
  target.setExceptionStops(exception => {
    verdict = verdictAt(debuggee, { kind: 'exception', cpu: exception.cpu, exceptions: withThis(debuggee, exception) });
    return verdict !== undefined || debuggee.spinWatch.observe(exception);
  });
  for (;;) {
    const checks = check !== undefined && target.position >= check.from;
    if (checks && typeof check.when === 'string' && !invariants.isOn) invariants.start({ rate: check.when, wants: check.wants, accepts: namesHazard });
    const next = checks && typeof check.when === 'number' ? check.when : check && !checks ? check.from - target.position : STRIDE;
    const until = Math.min(scenario.until, target.position + next);
    const stop = await target.run({ until, ...invariants.runOptions });
    if (stop.kind === 'probe' && invariants.broken) return { survived: false, ...invariants.broken };
    if (stop.kind !== 'limit') return outcomeOf(debuggee, stop, verdict);
    const view = checks && typeof check.when === 'number' ? kaiser.machineView() : undefined;
    const violation = view && checkInvariants(view, check!.wants).find(namesHazard);
    if (violation) return { survived: false, ...violation, position: target.position };
    if (target.position >= scenario.until) return { survived: true, text: `ran for ${scenario.until} steps`, position: target.position };
  }
}

/** A scenario is about a hazard: a rule that does not tell which is left to what follows. */
function namesHazard({ hazard }: Pick<Violation, 'hazard'>): boolean {
  return hazard !== undefined;
}

function outcomeOf(debuggee: Debuggee, stop: Stop, verdict: Verdict | undefined): Omit<Outcome, 'events'> {
  const { position } = debuggee.target;
  if (stop.kind === 'exit' && stop.code === 0) return { survived: true, text: 'powered off', position };
  const kind = stop.kind === 'exception' ? (verdict ? 'exception' : 'spin') : stop.kind === 'shutdown' || stop.kind === 'dead' || stop.kind === 'exit' ? stop.kind : undefined;
  const found = verdict ?? (kind && verdictAt(debuggee, { kind, cpu: stop.cpu, exceptions: stop.kind === 'shutdown' ? stop.exceptions : debuggee.target.recentExceptions(stop.cpu) }));
  if (!found) return { survived: false, text: `stopped: ${stop.kind}`, position, cpu: stop.cpu };
  const { hazard, predicate, text } = found;
  return { survived: false, ...(hazard ? { hazard } : {}), ...(predicate ? { predicate } : {}), text, position, cpu: found.cause.cpu };
}

function withThis(debuggee: Debuggee, exception: ExceptionInfo): ExceptionInfo[] {
  return [...debuggee.target.recentExceptions(exception.cpu), exception];
}
