import path from 'node:path';
import { type Outcome, runExperiment } from '../hazards/experiment.js';
import { hazardName, type Scenario } from '../../dap/scenario.js';
import { readScenarios } from '../hazards/readScenarios.js';
import { makeMachine } from '../machineOptions.js';
import type { Command, Io } from '../option.js';
import { UsageError } from '../option.js';

export const hazardsCommand: Command = {
  name: 'hazards',
  summary: 'Shows the hazards of switching KAISER at run time, each with what names it and with its cure.',
  details: [
    'For each scenario of examples/hazards a machine runs on which the hazard happens, and the same machine with the cure. What it was is told from the state of the machine, not from the name of the scenario; a line is good when the hazard named is the one that was meant and the cured machine survives.',
  ],
  positionals: [{ name: 'HAZARD', optional: true, description: 'only the scenarios of this hazard, such as H17, or gap for that of the historical paranoid exit; without it all' }],
  options: [
    { name: 'folder', value: 'PATH', description: 'A folder with scenarios.', default: 'examples/hazards' },
    { name: 'json', description: 'Print one line of JSON for each scenario instead of the table.' },
    { name: 'story', description: 'Print below each line what happened.' },
  ],
  exitCodes: [{ code: '1', meaning: 'A hazard was not shown, was named wrongly, or its cure did not help.' }],
  async run(args, io) {
    const wanted = args.positionals[0]?.toUpperCase();
    const all = await readScenarios(args.text('folder') ?? path.join(io.installFolder, 'examples/hazards'));
    const scenarios = all.filter(scenario => wanted === undefined || hazardName(scenario.hazard).toUpperCase() === wanted);
    if (!scenarios.length) throw new UsageError(`There is no scenario of "${wanted}"; there are some of ${[...new Set(all.map(one => hazardName(one.hazard)))].join(', ')}.`);
    let failed = 0;
    if (!args.isSet('json')) io.stdout(line('', 'hazard', 'named', 'rule', 'position', 'cured', 'scenario'));
    for (const scenario of scenarios) {
      const { broken, cured, isGood } = await tryScenario(scenario, io);
      if (!isGood) failed++;
      if (args.isSet('json')) io.stdout(`${JSON.stringify({ scenario: scenario.id, hazard: scenario.hazard, good: isGood, broken, cured })}\n`);
      else {
        io.stdout(line(isGood ? '✓' : '✗', hazardName(scenario.hazard), broken.survived ? 'survived' : hazardName(broken.hazard ?? 'unnamed'), broken.predicate ?? '', String(broken.position),
          cured.survived ? 'survives' : cured.hazard ?? 'dies', scenario.title));
        if (args.isSet('story') || !isGood) io.stdout(`${broken.events.map(text => `  ${text}\n`).join('')}  ${broken.text}\n${cured.survived ? '' : `  With the cure: ${cured.text}\n`}`);
      }
    }
    return failed ? 1 : 0;
  },
};

/** Runs both machines of a scenario. */
export async function tryScenario(scenario: Scenario, io: Io): Promise<{ broken: Outcome; cured: Outcome; isGood: boolean }> {
  const broken = await runExperiment(await makeMachine(scenario.broken, io), scenario);
  const cured = await runExperiment(await makeMachine(scenario.cured, io), scenario);
  return { broken, cured, isGood: broken.hazard === scenario.hazard && cured.survived };
}

function line(mark: string, hazard: string, named: string, rule: string, position: string, cured: string, title: string): string {
  return `${mark.padEnd(2)}${hazard.padEnd(8)}${named.padEnd(10)}${rule.padEnd(6)}${position.padStart(10)}  ${cured.padEnd(10)}${title}\n`;
}
