import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeHost } from '../../src/entry/nodeHost.js';
import { resolveLaunch } from '../../src/dap/scenarioLaunch.js';
import { buildTiny } from '../fixtures/tiny.js';
import { DapClient, repository } from './dapClient.js';

const example = path.join(repository, 'examples/hazards/h1-missed-switch.kaiserscope.json');

let client: DapClient;
let folder: string;
beforeEach(() => {
  client = new DapClient();
  folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-scenario-'));
});
afterEach(async () => {
  await client.end();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a scenario file and answers its path. */
function scenario(content: object | string): string {
  const file = path.join(folder, 'own.kaiserscope.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify({ hazard: 'H1', title: 'A title', about: 'What happens.', launch: {}, cured: {}, ...content }));
  return file;
}
const resolve = async (attributes: object) => (await resolveLaunch(attributes, nodeHost(repository))).launch;
/** What the adapter said on the console, beside the guest. */
const said = () => client.events.filter(({ event, body }) => event === 'output' && body.category === 'console').map(({ body }) => body.output).join('');

describe('a launch configuration with a scenario', () => {
  it('shows the hazard and tells what it is about', async () => {
    await client.launch({ scenario: example });
    expect(await client.stopped()).toMatchObject({ reason: 'exception', text: expect.stringContaining('(H1, P20): CPU 1 entered from user mode') });
    expect(said()).toMatch(/^H1: A CPU in user mode enters by an entry .*\nThe patch of 2017\./);
  });

  it('survives with the cure, and says so', async () => {
    await client.launch({ scenario: example, cured: true });
    expect(await client.event('exited')).toEqual({ exitCode: 0 });
    expect(said()).toContain('This is the machine with the cure.');
    expect(said()).toMatch(/The guest powered off at position \d+\. The machine has survived\./);
  });

  it('shows it again after a restart', async () => {
    await client.launch({ scenario: example });
    const first = await client.stopped();
    await client.request('restart');
    expect(await client.stopped()).toEqual(first);
  });

  it('takes what the configuration says itself before what the scenario says, and the cure before both machines have in common', async () => {
    const file = scenario({ launch: { cpus: 4, memory: 128, append: 'kaiser=off' }, cured: { append: 'kaiser=on' } });
    expect(await resolve({ scenario: file, cpus: 3 })).toMatchObject({ cpus: 3, memory: 128, append: 'kaiser=off', scenario: file });
    expect(await resolve({ scenario: file, cured: true, memory: undefined })).toMatchObject({ cpus: 4, memory: 128, append: 'kaiser=on' });
  });

  it('reads files that the scenario names from the scenario\'s folder', async () => {
    expect(await resolve({ scenario: scenario({ launch: { program: 'vmlinux', modules: ['a=b', '/c'] } }) }))
      .toMatchObject({ program: path.join(folder, 'vmlinux'), modules: [`${path.join(folder, 'a')}=b`, '/c'] });
  });

  it.each([
    ['a file that does not exist', () => ({ scenario: '/no/such.kaiserscope.json' }), /^The scenario \/no\/such\.kaiserscope\.json cannot be read: it does not exist\. .*examples\/hazards/],
    ['what is no JSON', () => ({ scenario: scenario('{') }), /^own\.kaiserscope\.json: this is no JSON/],
    ['a wrong attribute', () => ({ scenario: scenario({ launch: { cpu: 2 } }) }), /^own\.kaiserscope\.json: There is no member "launch\.cpu"\. Did you mean "launch\.cpus"/],
    ['a wrong attribute of the cure', () => ({ scenario: scenario({ cured: { cpus: 9 } }) }), /^own\.kaiserscope\.json: The member "cured\.cpus" is 9/],
    ['a scenario in a scenario', () => ({ scenario: scenario({ launch: { scenario: 'other' } }) }), /^own\.kaiserscope\.json: There is no member "launch\.scenario"/],
    ['a cure without a scenario', () => ({ cured: true }), /"cured" is true, and there is no "scenario"/],
  ])('refuses %s in words', async (_what, attributes, message) => {
    await client.request('initialize', { adapterID: 'kaiserscope', pathFormat: 'path' });
    await expect(client.request('launch', attributes())).rejects.toThrow(message);
  });
});

describe('the end of a scenario', () => {
  let program: string;
  beforeAll(() => { program = buildTiny(); });

  it('stops a machine that has survived until there, once', async () => {
    await client.launch({ scenario: scenario({ until: 5 }), program, cpus: 1 });
    expect(await client.stopped()).toMatchObject({ reason: 'pause', description: 'Paused at the end of the scenario', text: expect.stringContaining('up to position 5,') });
    await client.request('continue', { threadId: 1 });
    expect(await client.event('exited')).toEqual({ exitCode: 0 });
  });
});
