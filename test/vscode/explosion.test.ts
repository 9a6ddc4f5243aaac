import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openEditor, type Editor } from './editor.js';
import { until } from './until.js';
import type { Workbench } from './workbench.js';

interface Snippet {
  body: { name: string; append?: string };
}

/** The snippet of the manifest that shows the naive toggle, as a user takes it into launch.json. */
function naiveSnippet(): object {
  const { contributes } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const snippet = (contributes.debuggers[0].configurationSnippets as Snippet[]).find(({ body }) => body.append?.includes('naive'));
  if (!snippet) throw new Error('The manifest has no snippet for the naive toggle.');
  return { ...snippet.body, name: 'naive' };
}

describe('the naive toggle in the editor', () => {
  let editor: Editor;
  let workbench: Workbench;

  beforeAll(async () => {
    editor = await openEditor({ files: { '.vscode/launch.json': JSON.stringify({ version: '0.2.0', configurations: [naiveSnippet()] }) } });
    workbench = editor.workbench;
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await workbench.picture(`explosion-${task.name.slice(0, 40).replace(/\W+/g, '-')}`);
  });

  afterAll(async () => {
    await editor?.close();
  });

  it('explodes while the other CPU is in user mode, and the stop says so in words', async () => {
    await workbench.press('F5');
    const text = await until(() => workbench.exception(), shown => shown !== '', 'the stop');
    expect(text).toMatch(/CPU \d entered from user mode/);
    expect(text).toMatch(/found kaiser off, stayed on the shadow CR3/);
    expect(text).toMatch(/which it does not map/);
  });

  it('leaves the session usable: views, and a restart that explodes again', async () => {
    expect(await workbench.copied('Kaiserscope: Copy CPUs as Text')).toContain('shadow CR3 · kernel mode');
    expect(await workbench.copied('Kaiserscope: Copy KAISER State as Text')).toContain('Design  naive');
    const position = /^[\d,]+/.exec(await workbench.status())![0];
    await workbench.stepInstruction();
    await workbench.press('Control+Shift+F5');
    await until(() => workbench.status(), status => status.startsWith(position), 'the same explosion at the same position');
  });
});
