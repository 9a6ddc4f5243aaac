import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { tryScenario } from '../../src/cli/commands/hazards.js';
import { hazardsDocument } from '../../src/cli/hazards/document.js';
import { readScenarios } from '../../src/cli/hazards/readScenarios.js';
import { parseScenario } from '../../src/dap/scenario.js';
import { runCli } from './runCli.js';

const root = path.resolve(import.meta.dirname, '../..');
const scenarios = await readScenarios(path.join(root, 'examples/hazards'));
const io = { stdout: () => {}, stderr: () => {}, installFolder: root };

it('docs/hazards.md is current', async () => {
  await expect(hazardsDocument(scenarios)).toMatchFileSnapshot('../../docs/hazards.md');
});

describe('a scenario', () => {
  it.each(scenarios.map(one => [one.hazard, one.title, one] as const))('of %s is named as such, and its cure survives: %s', async (hazard, _title, scenario) => {
    const { broken, cured } = await tryScenario(scenario, io);
    expect({ hazard: broken.hazard, text: broken.text }).toEqual({ hazard, text: broken.text });
    expect({ survived: cured.survived, text: cured.text }).toEqual({ survived: true, text: cured.text });
    expect(cured.hazard).toBeUndefined();
  }, 120_000);

  const good = { hazard: 'H1', title: 't', about: 'a', launch: {}, cured: {} };
  it.each<[string, Record<string, unknown> | string, RegExp]>([
    ['no JSON', '{', /^x\.json: this is no JSON/],
    ['a hazard that does not exist', { ...good, hazard: 'H33' }, /"hazard" is "H33": this value is unknown\. Did you mean "H3"/],
    ['a missing title', { ...good, title: undefined }, /^x\.json: There is no "title"\. Write it: What happens, in one sentence/],
    ['a member that does not exist', { ...good, untill: 5 }, /There is no member "untill"\. Did you mean "until"\? The members are hazard, title,/],
    ['a bad launch attribute', { ...good, launch: { cpu: 2 } }, /^x\.json: There is no member "launch\.cpu"\. Did you mean "launch\.cpus"/],
    ['a bad limit', { ...good, until: -1 }, /"until" is -1: it must be from 1 to/],
    ['a bad check', { ...good, check: { from: 3 } }, /"check" needs either "rate" or "every", and not both/],
    ['a check at no known rate', { ...good, check: { rate: 'exits' } }, /"check\.rate" is "exits": this value is unknown.*The values are entries, instructions/],
    ['a check of a rule that is none', { ...good, check: { rate: 'entries', rules: ['P25'] } }, /"check\.rules\[0\]" is "P25": this value is unknown/],
    ['a bad part of a check', { ...good, check: { every: 3, parts: ['cpu'] } }, /"check\.parts\[0\]" is "cpu": this value is unknown\. Did you mean "cpus"/],
    ['a list', '[]', /^x\.json: this is \[\], not an object/],
    ['a bad event', { ...good, launch: { events: [{ at: 'main' }] } }, /"launch\.events\[0\]" is \{"at":"main"\}: it has no "do"/],
  ])('with %s is refused in words', (_what, content, message) => {
    expect(() => parseScenario('x.json', typeof content === 'string' ? content : JSON.stringify(content))).toThrow(message);
  });
});

describe('kaiserscope hazards', () => {
  it('runs the scenarios of one hazard and prints what was found', async () => {
    const { code, stdout } = await runCli('hazards', 'h16', '--story');
    expect(code).toBe(0);
    expect(stdout).toMatch(/✓ H16 +H16 +P23 +\d+ +survives +PGDs of 4 KiB/);
    expect(stdout).toContain('It has nothing of its kernel half either');
  }, 60_000);

  it('says which hazards there are when it has none of the one asked for', async () => {
    const { code, stderr } = await runCli('hazards', 'H99');
    expect(code).toBe(2);
    expect(stderr).toContain('There is no scenario of "H99"; there are some of H1, H2,');
  });
});
