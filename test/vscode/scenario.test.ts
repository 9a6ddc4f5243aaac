import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openEditor, type Editor } from './editor.js';
import { until } from './until.js';
import type { Workbench } from './workbench.js';

const name = 'h1-missed-switch.kaiserscope.json';
const text = readFileSync(path.resolve(import.meta.dirname, '../../examples/hazards', name), 'utf8');
const other = { type: 'kaiserscope', request: 'launch', name: 'another', stopOnEntry: true };

describe('a scenario file in the editor', () => {
  let editor: Editor;
  let workbench: Workbench;

  beforeAll(async () => {
    // What launch.json says is for other files.
    editor = await openEditor({ files: { [name]: text, '.vscode/launch.json': JSON.stringify({ version: '0.2.0', configurations: [other] }) }, open: name });
    workbench = editor.workbench;
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await workbench.picture(`scenario-${task.name.slice(0, 40).replace(/\W+/g, '-')}`);
  });

  afterAll(async () => {
    await editor?.close();
  });

  it('explodes by F5, and the stop names the hazard', async () => {
    await workbench.command('View: Focus Active Editor Group');
    await workbench.press('F5');
    const told = await until(() => workbench.exception(), shown => shown !== '', 'the stop');
    expect(told).toContain('(H1, P20): CPU 1 entered from user mode');
    await until(() => workbench.consoleText(), shown => shown.includes('H1: A CPU in user mode enters by an entry'), 'what it is about');
  });

  it('survives with the cure, in the place of the session before', async () => {
    await workbench.openTab(name);
    await workbench.command('Kaiserscope: Run Scenario with the Cure');
    await until(() => workbench.consoleText(), shown => shown.includes('The machine has survived.'), 'the end of the run');
    await until(() => workbench.status(), status => status === '', 'the session to end');
    expect(await workbench.exception()).toBe('');
  });

  it('is completed and checked by its schema', async () => {
    await workbench.openTab(name);
    await workbench.command('View: Focus Active Editor Group');
    await workbench.press('Control+Home', 'ArrowDown', 'Home');
    await workbench.page.keyboard.type('"untill": 5,');
    await until(() => workbench.problems(), shown => /Property untill is not allowed/.test(shown), 'the problem');
    await workbench.press('F5');
    const message = await until(() => workbench.messages(), shown => shown !== '', 'a message');
    expect(message).toMatch(/h1-missed-switch\.kaiserscope\.json: There is no member "untill"\. Did you mean "until"\?/);
    await workbench.dismissMessages();
  });

  it('can be picked from a list of all that come with the extension', async () => {
    await workbench.command('View: Close All Editors');
    await workbench.ask('Kaiserscope: Run Scenario', 'PGDs of 4 KiB');
    await until(() => workbench.consoleText(), shown => shown.includes('H16: PGDs of 4 KiB'), 'what it is about');
    await until(() => workbench.status(), status => /CPU \d/.test(status), 'the stop');
  });
});
