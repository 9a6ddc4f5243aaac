import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { PARANOID_GAP } from '../../kaiser/index.js';
import { parseScenario, type Scenario } from '../../dap/scenario.js';
import { scenarioEnding } from '../../dap/scenarioSchema.js';

/** Reads all scenarios of a folder, in the order of their hazards. Throws an Error that names the file and what is wrong. */
export async function readScenarios(folder: string): Promise<Scenario[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.json'));
  const misnamed = names.find(name => !name.endsWith(scenarioEnding));
  if (misnamed !== undefined) throw new Error(`${path.join(folder, misnamed)}: the editor knows a scenario by its name's ending. Call it ${misnamed.replace(/\.json$/, scenarioEnding)}.`);
  const scenarios = await Promise.all(names.map(async name => parseScenario(name, await readFile(path.join(folder, name), 'utf8'))));
  const number = ({ hazard }: Scenario): number => hazard === PARANOID_GAP ? 99 : Number(hazard.slice(1));
  return scenarios.sort((a, b) => number(a) - number(b) || a.id.localeCompare(b.id));
}
