import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readScenarios } from '../../src/cli/hazards/readScenarios.js';
import { scenarioEnding } from '../../src/dap/scenarioSchema.js';
import { DapClient, repository } from './dapClient.js';

const folder = path.join(repository, 'examples/hazards');
const scenarios = await readScenarios(folder);

let client: DapClient;
beforeEach(() => { client = new DapClient(); });
afterEach(() => client.end());

describe('F5 on a scenario file', () => {
  it.each(scenarios.map(({ id, hazard }) => [id, hazard] as const))('%s stops and names %s', async (id, hazard) => {
    await client.launch({ scenario: path.join(folder, id + scenarioEnding) });
    const stop = await Promise.race([client.event<{ reason: string; description: string; text: string }>('stopped', () => true, 60_000), client.event('exited', () => true, 60_000).then(() => undefined)]);
    expect(stop?.reason, JSON.stringify(stop)).toBe('exception');
    expect(stop?.text).toContain(hazard);
  }, 90_000);
});
