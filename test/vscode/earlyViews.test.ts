import { afterAll, beforeAll, expect, it } from 'vitest';
import { openEditor, type Editor } from './editor.js';
import { until } from './until.js';

const LAUNCH = { version: '0.2.0', configurations: [{ type: 'kaiserscope', request: 'launch', name: 'from the start', stopOnEntry: true, stopAt: 'kaiser_shell_ready' }] };

let editor: Editor;
beforeAll(async () => {
  editor = await openEditor({ files: { '.vscode/launch.json': JSON.stringify(LAUNCH) } });
});
afterAll(() => editor?.close());

/** Such as CR3, which has no parts while paging is off: the editor would keep it folded for ever. */
it('rows that get children as the machine boots are unfolded when they have', async () => {
  const { workbench } = editor;
  const labels = async () => (await workbench.rows('CPUs')).map(row => row.label);
  await workbench.press('F5');
  await until(labels, shown => shown.join() === 'CPU 0,RIP,Mode,CR3,Task,CPU 1', 'the CPUs at the kernel\'s first instruction');
  await workbench.press('F5');
  await until(() => workbench.status(), status => status.includes('KAISER on'), 'the shell');
  // The view has room for six rows.
  await until(labels, shown => shown.join() === 'CPU 0,RIP,Mode,CR3,Half,Root', 'the parts of CR3');
  expect(await workbench.status()).toContain('kernel CR3');
}, 120_000);
