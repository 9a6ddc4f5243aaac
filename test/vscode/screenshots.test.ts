import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { describe, it } from 'vitest';
import { openEditor } from './editor.js';
import { until } from './until.js';

const folder = path.resolve(import.meta.dirname, '../../media/screenshots');

const calm = { 'editor.minimap.enabled': false, 'files.readonlyInclude': {}, 'breadcrumbs.enabled': false };

const pictures = [
  { name: 'dark', theme: 'Default Dark Modern', sideBar: 420 },
  { name: 'light', theme: 'Default Light Modern', sideBar: 420 },
  { name: 'high-contrast', theme: 'Default High Contrast', sideBar: 420 },
  { name: 'narrow', theme: 'Default Dark Modern', sideBar: 190 },
];

/** Writes the pictures of the README and of the review: SCREENSHOTS=1 npm test -- editor. */
describe.runIf(process.env.SCREENSHOTS)('screenshots', () => {
  it.each(pictures)('$name', async ({ name, theme, sideBar }) => {
    mkdirSync(folder, { recursive: true });
    const editor = await openEditor({ width: 1440, height: 1100, settings: {
      ...calm, 'workbench.colorTheme': theme,
    } });
    const { workbench } = editor;
    const { page } = workbench;
    try {
      await workbench.press('F5');
      await until(() => workbench.consoleText(), text => text.includes('$'), 'the prompt');
      await workbench.check('Entry Points', 'entry_syscall64');
      await workbench.console('ps');
      await until(() => workbench.status(), status => status.includes('shadow'), 'the stop');
      // Room for the views: the editor's own are closed but for the call stack.
      for (const view of ['Watch', 'Variables', 'Breakpoints']) await page.locator(`.pane-header[aria-label^="${view} Section"]`).click();
      await drag(page, sideBar);
      // Over the CR3 write, so that the marks for what changed are in the picture.
      for (let step = 0; step < 40 && !(await workbench.status()).includes('kernel CR3'); step++) {
        await workbench.stepInstruction();
      }
      await page.locator('.monaco-list-row', { hasText: 'was shadow' }).first().waitFor();
      await page.mouse.move(900, 500);
      await page.waitForTimeout(1500);
      await page.screenshot({ path: path.join(folder, `${name}.png`) });
      if (name === 'dark') {
        await workbench.command('Kaiserscope: Compare Kernel and Shadow Page Tables');
        await until(() => workbench.activeTab(), tab => tab.startsWith('Kernel'), 'the diff editor');
        // Both tables need the width, and the header what the debug toolbar hides.
        await workbench.command('View: Toggle Primary Side Bar Visibility');
        await workbench.command('View: Toggle Panel Visibility');
        await page.waitForTimeout(1500);
        await page.screenshot({ path: path.join(folder, 'compare.png') });
      }
    } finally {
      await editor.close();
    }
  });

  it('explosion', async () => {
    const name = 'h1-missed-switch.kaiserscope.json';
    const files = { [name]: readFileSync(path.resolve(import.meta.dirname, '../../examples/hazards', name), 'utf8') };
    const editor = await openEditor({ width: 1440, height: 900, files, open: name, settings: { ...calm, 'workbench.colorTheme': 'Default Dark Modern', 'editor.wordWrap': 'on' } });
    const { workbench } = editor;
    const { page } = workbench;
    try {
      await workbench.command('View: Focus Active Editor Group');
      await workbench.press('F5');
      await until(() => workbench.exception(), text => text.includes('(H1, P20)'), 'the stop');
      // The machine's own views only.
      for (const view of ['Watch', 'Variables', 'Breakpoints']) await page.locator(`.pane-header[aria-label^="${view} Section"]`).click();
      await drag(page, 360);
      await page.mouse.move(900, 700);
      await page.waitForTimeout(1500);
      await page.screenshot({ path: path.join(folder, 'explosion.png') });
    } finally {
      await editor.close();
    }
  });
});

/** Makes the side bar so many pixels wide. */
async function drag(page: Page, width: number): Promise<void> {
  const box = (await page.locator('.part.sidebar').boundingBox())!;
  await page.mouse.move(box.x + box.width, 400);
  await page.mouse.down();
  await page.mouse.move(box.x + width, 400, { steps: 5 });
  await page.mouse.up();
}
