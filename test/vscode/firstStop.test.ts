import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openEditor, type Editor } from './editor.js';

const LAUNCH = { version: '0.2.0', configurations: [{ type: 'kaiserscope', request: 'launch', name: 'to the prompt', stopAt: 'kaiser_shell_ready' }] };

let editor: Editor;
beforeAll(async () => {
  editor = await openEditor({ files: { '.vscode/launch.json': JSON.stringify(LAUNCH) } });
});
afterAll(() => editor?.close());

/** What a person waits for: from the key to the stop in the status bar. FIRST_STOP_FILE takes the time, for the benchmarks. */
it('F5 comes to the first stop at the shell prompt soon', async () => {
  const { workbench } = editor, { page } = workbench, times: number[] = [];
  const statusSays = (cpu: boolean) => page.waitForFunction(wanted =>
    Array.from(document.querySelectorAll('.statusbar-item[id*="kaiserscope"]')).some(item => /CPU \d/.test(item.textContent ?? '')) === wanted, cpu, { polling: 10, timeout: 30_000 });
  for (let n = 0; n < 5; n++) {
    const start = performance.now();
    await workbench.press('F5');
    await statusSays(true);
    times.push(performance.now() - start);
    // An editor that is told to end a session while it still turns to its first stop keeps its eye on the one that has ended.
    await page.locator('.debug-call-stack .stack-frame').first().waitFor();
    await page.locator('.glyph-margin-widgets .codicon-debug-stackframe').waitFor();
    await workbench.press('Shift+F5');
    await statusSays(false);
    await page.waitForTimeout(500);
  }
  // The first one also starts the extension.
  const milliseconds = [...times].sort((a, b) => a - b)[2]!;
  if (process.env.FIRST_STOP_FILE) writeFileSync(process.env.FIRST_STOP_FILE, JSON.stringify({ milliseconds, times }));
  expect(milliseconds, times.join()).toBeLessThan(10_000);
}, 120_000);
