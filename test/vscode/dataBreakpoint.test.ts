import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openEditor, type Editor } from './editor.js';
import { until } from './until.js';
import type { Workbench } from './workbench.js';

const LAUNCH = { version: '0.2.0', configurations: [{ type: 'kaiserscope', request: 'launch', name: 'to the prompt', cpus: 1, stopAt: 'kaiser_shell_ready' }] };

let editor: Editor;
let workbench: Workbench;
beforeAll(async () => {
  editor = await openEditor({ files: { '.vscode/launch.json': JSON.stringify(LAUNCH) } });
  workbench = editor.workbench;
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.picture('data-breakpoint');
});
afterAll(() => editor?.close());

it('a data breakpoint at an address stops behind the write', async () => {
  await workbench.press('F5');
  await until(() => workbench.status(), status => /CPU \d/.test(status), 'the stop at the prompt');
  await workbench.console('=kaiser_enabled');
  const address = /0x[0-9a-f]{16}(?= <kaiser_enabled>)/.exec(await until(() => workbench.consoleText(), text => text.includes('<kaiser_enabled>'), 'the address of the flag'))![0];
  await workbench.ask('Add Data Breakpoint at Address', `${address} + 4`);
  // The list of access types, whose first is a write.
  await workbench.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
  await workbench.answer('');
  await workbench.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  await workbench.press('F5');
  await workbench.console('echo 0 > /sys/kernel/debug/x86/kaiser-enabled');
  const stack = workbench.view('Call Stack');
  await until(() => stack.innerText(), text => /Paused on data breakpoint/i.test(text) && /^flip$/m.test(text), 'the stop behind the write');
  await workbench.console('=u32(kaiser_enabled)');
  await until(() => workbench.consoleText(), text => /\n0\b/.test(text.slice(text.lastIndexOf('u32(kaiser_enabled)'))), 'the flag to be 0');
  expect(await workbench.messages()).toBe('');
});
