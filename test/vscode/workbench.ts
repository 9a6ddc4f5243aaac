import path from 'node:path';
import type { Locator, Page } from 'playwright-core';

/** The longest that the editor or the machine may take to show what was asked for. */
const patience = 30_000;

/** The longest that a list may take to show an entry. */
const promptness = 8000;

/** A row of a tree as it stands on the screen. */
export interface ShownRow {
  label: string;
  description: string;
  spoken: string;
}

/** What a user does and sees in the editor's window. Acts by the keyboard alone. */
export class Workbench {
  constructor(readonly page: Page) {}

  /** Waits until the window takes commands and knows the extension's. */
  async ready(): Promise<void> {
    await this.page.waitForSelector('.monaco-workbench .statusbar', { timeout: 60_000 });
    await until(async () => {
      await this.page.keyboard.press('F1');
      const found = await this.#pick('>Kaiserscope: Boot the Built-in Kernel', 1000)
        // Keys are bound a moment after commands are known.
        && await this.page.locator('.quick-input-list .monaco-list-row .monaco-keybinding').first().isVisible();
      await this.page.keyboard.press('Escape');
      return found;
    }, found => found, 'the extension\'s command in the palette');
  }

  /** Leaves a picture of the window for whoever looks into a failure. */
  async picture(name: string): Promise<void> {
    const file = path.resolve(import.meta.dirname, '../../.cache/pictures', `${name}.png`);
    await this.page.screenshot({ path: file });
    console.error(`A picture of the window is in ${file}`);
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Runs a command from the palette, by its exact title there. */
  async command(title: string): Promise<void> {
    await until(async () => {
      await this.press('F1');
      const found = await this.#pick(`>${title}`, 3000);
      await this.press(found ? 'Enter' : 'Escape');
      return found;
    }, found => found, `"${title}" in the palette`, promptness);
  }

  /** Types into quick open and takes its first entry once that is `title`. */
  async quickOpen(text: string, title: string): Promise<void> {
    await until(async () => {
      await this.press('F1');
      const found = await this.#pick(text, 2000, title);
      await this.press(found ? 'Enter' : 'Escape');
      return found;
    }, found => found, `"${title}" in quick open`);
  }

  /** Types into a field, once it has the focus. */
  async typeInto(selector: string, text: string): Promise<void> {
    await this.page.locator(`${selector}:focus`).waitFor({ timeout: patience });
    await this.page.keyboard.type(text);
    await this.press('Enter');
  }

  /** True when the palette offers a command of this title at once. */
  async offers(title: string): Promise<boolean> {
    await this.press('F1');
    const found = await this.#pick(`>${title}`, 1000);
    await this.press('Escape');
    return found;
  }

  /** Answers an input box or a list that a command opened. */
  async answer(text: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor({ timeout: patience });
    await this.page.keyboard.type(text);
    await this.press('Enter');
  }

  /** Types a line into the Debug Console. */
  async console(line: string): Promise<void> {
    await this.command('Debug Console: Focus on Debug Console View');
    await this.page.locator('.repl-input-wrapper .monaco-editor.focused').waitFor({ timeout: patience });
    await this.page.keyboard.type(line);
    await this.press('Enter');
  }

  /** The text of the Debug Console that is on the screen. */
  async consoleText(): Promise<string> {
    return (await this.page.locator('.repl .monaco-list-row').allInnerTexts()).join('\n');
  }

  /** The text of the extension's status bar item, or an empty one. */
  async status(): Promise<string> {
    return ((await this.page.locator('.statusbar-item[id*="kaiserscope"]').allInnerTexts())[0] ?? '').trim();
  }

  /** The section of a view in the side bar. */
  view(name: string): Locator {
    return this.page.locator('.pane').filter({ has: this.page.locator(`.pane-header[aria-label^="${name}"]`) });
  }

  /** The rows of a view that are on the screen. */
  async rows(name: string): Promise<ShownRow[]> {
    return this.view(name).locator('.monaco-list-row').evaluateAll(rows => rows.map(row => ({
      label: row.querySelector('.label-name')?.textContent ?? '',
      description: row.querySelector('.label-description')?.textContent ?? '',
      spoken: row.getAttribute('aria-label') ?? '',
    })));
  }

  /** Moves the keyboard's focus to a view and there to the first row of this label. */
  async focusRow(view: string, label: string): Promise<void> {
    await this.command(`Run and Debug: Focus on ${view} View`);
    const focused = this.view(view).locator('.monaco-list-row.focused .label-name');
    await until(async () => (await this.rows(view)).length > 0, found => found, `rows in ${view}`);
    await this.press('Home');
    const seen: string[] = [];
    for (let row = 0; row < 100; row++) {
      seen.push((await focused.allInnerTexts())[0] ?? '(none)');
      if (seen.at(-1) === label) return;
      await this.press('ArrowDown');
    }
    throw new Error(`${view} has no row "${label}"; it has ${[...new Set(seen)].join(', ')}.`);
  }

  /** Opens the context menu of the focused row and takes an entry. */
  async contextMenu(entry: string): Promise<void> {
    await this.press('Shift+F10');
    const focused = this.page.locator('.monaco-menu .action-item.focused');
    await this.page.locator('.monaco-menu').waitFor({ timeout: patience });
    for (let item = 0; item < 20; item++) {
      await this.press('ArrowDown');
      if ((await focused.allInnerTexts()).some(text => text.trim() === entry)) {
        await this.press('Enter');
        return;
      }
    }
    await this.press('Escape');
    throw new Error(`The context menu has no "${entry}".`);
  }

  /** Switches check boxes of the list that "Break on Entry Points…" opens. */
  async switchEntryPoints(...symbols: string[]): Promise<void> {
    await this.command('Kaiserscope: Break on Entry Points…');
    const input = this.page.locator('.quick-input-widget input.input');
    for (const symbol of symbols) {
      const row = this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${symbol},"]`);
      await input.fill(symbol);
      await row.waitFor({ timeout: patience });
      // The list moves its focus to the best match; from there down to the row itself.
      await this.press('Home', 'ArrowDown');
      for (let rows = 0; rows < 50 && !(await row.getAttribute('class'))?.includes('focused'); rows++) await this.press('ArrowDown');
      await this.press('Space');
      await input.fill('');
    }
    await this.press('Enter');
    await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden', timeout: patience });
  }

  /** Switches the check box of a row of a view by its own key. */
  async check(view: string, label: string): Promise<void> {
    await this.command(`Run and Debug: Focus on ${view} View`);
    const row = this.view(view).locator('.monaco-list-row').filter({ has: this.page.locator('.label-name').getByText(label, { exact: true }) });
    const box = row.getByRole('checkbox');
    await box.waitFor({ timeout: patience });
    const before = await box.getAttribute('aria-checked');
    await box.focus();
    await this.press('Space');
    await until(async () => box.getAttribute('aria-checked'), now => now !== before, `the check box of ${label}`);
  }

  /** The rows of the Breakpoints view that are on the screen. */
  async breakpoints(): Promise<string[]> {
    return this.view('Breakpoints').locator('.monaco-list-row').allInnerTexts();
  }

  /** Does something and asks until the answer is another than before. */
  async changed<T>(ask: () => Promise<T>, act: () => Promise<void>): Promise<T> {
    const before = JSON.stringify(await ask());
    await act();
    return until(ask, answer => JSON.stringify(answer) !== before, 'a change');
  }

  /** The text twin of a view, by its command and the clipboard. */
  async copied(command: string): Promise<string> {
    await this.page.evaluate(() => navigator.clipboard.writeText(''));
    const read = () => this.page.evaluate(() => navigator.clipboard.readText());
    // A stop moves the focus to the source, which closes a palette that is open: then the command is given again.
    for (let attempt = 0; attempt < 4; attempt++) {
      await this.command(command);
      const text = await until(read, found => found !== '', 'the clipboard', 2500).catch(() => '');
      if (text) return text;
    }
    throw new Error(`"${command}" put nothing on the clipboard.`);
  }

  /** Messages in the corner of the window, and dialogs. */
  async messages(): Promise<string> {
    return (await this.page.locator('.notification-list-item-message, .monaco-dialog-box .dialog-message-text, .monaco-dialog-box .dialog-message-detail').allInnerTexts()).join('\n');
  }

  /** The text of the exception widget in the editor, or an empty one. */
  async exception(): Promise<string> {
    return (await this.page.locator('.exception-widget').allInnerTexts()).join('\n').replaceAll('\u00a0', ' ');
  }

  /** The visible text of the editor, or of one side of a diff editor. */
  async editorText(side?: 'original' | 'modified'): Promise<string> {
    const lines = this.page.locator(`.editor-instance ${side ? `.editor.${side} ` : ''}.view-line`);
    return (await lines.allInnerTexts()).join('\n').replaceAll('\u00a0', ' ');
  }

  /** The name of the active tab. */
  async activeTab(): Promise<string> {
    return (await this.page.locator('.tab.active').first().getAttribute('aria-label')) ?? '';
  }

  async #pick(text: string, milliseconds: number, title = text.slice(1)): Promise<boolean> {
    const input = this.page.locator('.quick-input-widget input.input');
    try {
      await input.waitFor({ timeout: milliseconds });
      await input.fill(text, { timeout: milliseconds });
    } catch {
      return false;
    }
    const row = this.page.locator('.quick-input-list .monaco-list-row').first();
    return until(
      async () => (await row.count()) === 1 && (await row.getAttribute('aria-label'))?.startsWith(title) === true,
      found => found, `"${title}" in the list`, milliseconds).catch(() => false);
  }
}

/** Asks again and again until the answer is right; fails with the last one. */
export async function until<T>(ask: () => Promise<T>, right: (answer: T) => boolean, what: string, milliseconds = patience): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (right(answer)) return answer;
    if (Date.now() > end) throw new Error(`Waited in vain for ${what}. Last: ${JSON.stringify(answer)}`);
    await new Promise(resolve => setTimeout(resolve, 150));
  }
}
