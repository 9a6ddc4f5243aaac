import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openEditor, type Editor } from './editor.js';
import { until } from './until.js';
import type { Workbench } from './workbench.js';

/** Configurations that are wrong in one way each, and the words that the message must have. */
const wrong = [
  { name: 'missing program', attributes: { program: '${workspaceFolder}/no-such-kernel' }, words: [/no-such-kernel/, /does not exist|not found/i] },
  { name: 'not an ELF file', attributes: { program: '${workspaceFolder}/notes.txt' }, words: [/notes\.txt/, /ELF/] },
  { name: 'too many CPUs', attributes: { cpus: 9 }, words: [/"cpus" is 9/, /1 to 8/] },
  { name: 'misspelt attribute', attributes: { cpu: 2 }, words: [/"cpu"/, /Did you mean "cpus"/] },
  { name: 'unknown symbol', attributes: { stopAt: 'entry_syscal64' }, words: [/entry_syscal64/] },
];

const launch = (name: string, attributes: object) => ({ type: 'kaiserscope', request: 'launch', name, ...attributes });

describe('bad input in the editor', () => {
  let editor: Editor;
  let workbench: Workbench;

  beforeAll(async () => {
    editor = await openEditor({
      files: {
        '.vscode/launch.json': JSON.stringify({
          version: '0.2.0', configurations: [...wrong.map(({ name, attributes }) => launch(name, attributes)), launch('good', { stopOnEntry: true })],
        }),
        'notes.txt': 'This is not a kernel.\n',
      },
    });
    workbench = editor.workbench;
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await workbench.picture(`bad-input-${task.name.slice(0, 40).replace(/\W+/g, '-')}`);
  });

  afterAll(async () => {
    await editor?.close();
  });

  /** Starts a configuration of launch.json by its name. */
  const start = async (name: string) => {
    await workbench.quickOpen(`debug ${name}`, name);
  };

  it.each(wrong)('tells what is wrong: $name', async ({ name, words }) => {
    await start(name);
    const text = await until(() => workbench.messages(), shown => shown !== '', 'a message');
    for (const word of words) expect(text).toMatch(word);
    await workbench.dismissMessages();
    expect(await workbench.status()).toBe('');
  });

  it('starts a good configuration after all that', async () => {
    await start('good');
    await until(() => workbench.status(), status => status.includes('CPU 0'), 'the stop at the entry');
  });

  it('marks a breakpoint where no code is, with the reason', async () => {
    await workbench.addFunctionBreakpoint('no_such_function');
    await workbench.command('Run and Debug: Focus on Breakpoints View');
    const row = workbench.view('Breakpoints').locator('.monaco-list-row', { hasText: 'no_such_function' });
    await until(async () => await row.getAttribute('aria-label') ?? '', label => /unverified|no_such_function/i.test(label), 'the breakpoint');
    await until(async () => (await row.locator('.codicon-debug-breakpoint-function-unverified').count()) > 0, unverified => unverified, 'the mark');
  });
});
