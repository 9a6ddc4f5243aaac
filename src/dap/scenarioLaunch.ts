import { messageOf } from './errors.js';
import type { Host } from './host.js';
import { LaunchError, validateLaunch } from './launchArguments.js';
import type { LaunchArguments } from './launchArguments.js';
import { parseScenario, type Scenario } from './scenario.js';

/** What a session is to run. */
export interface ResolvedLaunch {
  launch: LaunchArguments;
  scenario?: Scenario;
}

/**
 * Checks launch arguments; those of a scenario apply where a configuration has none of its own.
 * @throws LaunchError that names the attribute, or the scenario's file, and says what is wrong and what to do
 */
export async function resolveLaunch(given: unknown, host: Host): Promise<ResolvedLaunch> {
  const launch = validateLaunch(given);
  if (launch.scenario === undefined) {
    if (launch.cured) throw new LaunchError('The launch attribute "cured" is true, and there is no "scenario" whose cure it could be. Name a scenario file, or leave it out.');
    return { launch };
  }
  const own = Object.fromEntries(Object.entries(given as Record<string, unknown>).filter(([, value]) => value !== undefined && value !== null));
  try {
    const scenario = parseScenario(launch.scenario, new TextDecoder().decode(await host.readFile(launch.scenario, 'scenario')));
    return { launch: validateLaunch({ ...scenario.attributes[launch.cured ? 'cured' : 'broken'], ...own }), scenario };
  } catch (error) {
    throw new LaunchError(messageOf(error));
  }
}

/** What the console says when a scenario begins. */
export function scenarioText({ hazard, title, about }: Scenario, isCured: boolean): string {
  return `${hazard}: ${title}\n${about}\n${isCured ? 'This is the machine with the cure. It is to survive.\n' : ''}`;
}
