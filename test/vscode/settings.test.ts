import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEditor, type Editor } from './editor.js';
import { until } from './until.js';

describe('the settings', () => {
  let editor: Editor;

  beforeAll(async () => {
    editor = await openEditor({ settings: { 'kaiserscope.startInEmptyWindow': false } });
  });

  afterAll(async () => {
    await editor?.close();
  });

  it('kaiserscope.startInEmptyWindow off leaves F5 to the editor, and the command in the palette still boots', async () => {
    const { workbench } = editor;
    await workbench.press('F5');
    await workbench.page.waitForTimeout(2000);
    expect(await workbench.status()).toBe('');
    await workbench.press('Escape');
    await workbench.command('Kaiserscope: Boot the Built-in Kernel');
    await until(() => workbench.status(), status => status.includes('KAISER on'), 'the machine');
  });
});
