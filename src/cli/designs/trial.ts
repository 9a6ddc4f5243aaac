import { RequestError } from '../../dap/errors.js';
import { toggleFile } from '../../dap/kaiser.js';
import type { Scenario } from '../../dap/scenario.js';
import { type Outcome, runExperiment } from '../hazards/experiment.js';
import { makeMachine } from '../machineOptions.js';
import type { Io } from '../option.js';

/** What came of a design in the scenario of a hazard. */
export interface Trial {
  scenario: string;
  /** The hazard that the scenario shows. */
  hazard: string;
  /** `explodes`: the machine's state named a hazard, or the machine died. `not applicable`: what the scenario needs did not come about. */
  outcome: 'safe' | 'explodes' | 'not applicable';
  /** The hazard that was named, where it explodes. */
  named?: string;
  /** One sentence: what happened, or what did not. */
  text: string;
}

/** The scenario's machine with another design, none of whose cures is taken away. */
export function appendWith(append: string, design: string): string {
  const others = append.split(' ').filter(word => word !== '' && !/^kaiser_(design|without|with)=/.test(word));
  return [`kaiser_design=${design}`, ...others].join(' ');
}

/** Runs the scenario of a hazard on a design as it is. */
export async function tryDesign(design: string, scenario: Scenario, io: Io): Promise<Trial> {
  const launch = { ...scenario.broken, append: appendWith(scenario.broken.append, design) };
  const debuggee = await makeMachine(launch, io);
  const { target, symbols, events } = debuggee;
  let console = '', switches = 0;
  target.onConsole(text => { console += text; });
  const end = symbols.table.addressOf('kaiser_toggle_end');
  if (end !== undefined) target.addProbe(end, () => { switches++; });
  const result = (kind: Trial['outcome'], text: string, named?: string): Trial => ({ scenario: scenario.id, hazard: scenario.hazard, outcome: kind, ...(named ? { named } : {}), text });
  let outcome: Outcome;
  try {
    outcome = await runExperiment(debuggee, scenario);
  } catch (error) {
    // An event that this design gives no hold for, as a poke where there is no flag.
    if (error instanceof RequestError) return result('not applicable', error.message);
    throw error;
  }
  if (outcome.hazard) return result('explodes', outcome.text, outcome.hazard);
  const refused = /the design \S+ cannot be switched (?:on|off) at run time/.exec(console);
  const isSwitched = launch.script.some(line => line.includes(toggleFile) || /^toggle /.test(line));
  if (isSwitched && switches === 0 && refused) return result('not applicable', `The kernel says: ${refused[0]}.`);
  if (events.left > 0) return result('not applicable', `A moment that the scenario waits for does not come: ${waitedFor(scenario, events.left)}.`);
  const killed = /^sh: \d+ (?!fault\b)\S+: .*/m.exec(console.replaceAll('$ ', ''));
  if (!outcome.survived || killed) return result('explodes', killed && outcome.survived ? `A program that did nothing wrong is ended: ${killed[0]}.` : outcome.text);
  return result('safe', outcome.text);
}

function waitedFor({ broken }: Scenario, left: number): string {
  const event = broken.events[broken.events.length - left]!;
  return event.at === undefined ? `position ${event.position}` : `${event.cpu === undefined ? 'no CPU' : `CPU ${event.cpu} never`} comes to ${event.at}`;
}
