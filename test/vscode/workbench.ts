import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { hasFocus, pressIn } from './keys.js';
import { patience, startPatience, until } from './until.js';

/** The longest that a list may take to show an entry. */
const promptness = 8000;

/** A row of a tree as it stands on the screen. */
export interface ShownRow {
  label: string;
  description: string;
  spoken: string;
}

/** The palette, quick open, and what commands ask through them. */
const quickInput = '.quick-input-widget';

/** The input line of the Debug Console. */
const consoleInput = '.repl-input-wrapper';

/**
 * What a user does and sees in the editor's window. Acts by the keyboard alone. A stop, a notification or a view that is
 * renewed may take the focus at any moment, as it may from a person, who sees it and begins again: so each action here
 * knows whether its keys have arrived, and begins again if they have not.
 */
export class Workbench {
  constructor(readonly page: Page) {}

  /** Waits until the window takes commands and knows the extension's. */
  async ready(): Promise<void> {
    await this.page.waitForSelector('.monaco-workbench .statusbar', { timeout: startPatience });
    await until(async () => {
      await this.page.keyboard.press('F1');
      const found = await this.#pick('>Kaiserscope: Boot the Built-in Kernel', 1000)
        // Keys are bound a moment after commands are known.
        && await this.page.locator('.quick-input-list .monaco-list-row .monaco-keybinding').first().isVisible();
      await this.page.keyboard.press('Escape');
      return found;
    }, found => found, 'the extension\'s command in the palette', startPatience);
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
      return this.#accept(await this.#pick(`>${title}`, 3000));
    }, accepted => accepted, `"${title}" in the palette`, promptness);
  }

  /** Types into quick open and takes its first entry once that is `title`. */
  async quickOpen(text: string, title: string): Promise<void> {
    await until(async () => {
      await this.press('F1');
      return this.#accept(await this.#pick(text, 2000, title));
    }, accepted => accepted, `"${title}" in quick open`);
  }

  /** True when the palette offers a command of this title at once. */
  async offers(title: string): Promise<boolean> {
    await this.press('F1');
    const found = await this.#pick(`>${title}`, 1000);
    await this.press('Escape');
    return found;
  }

  /** Runs a command that asks something, and answers: the text for its input box, or enough of an entry of its list. */
  async ask(title: string, text: string): Promise<void> {
    await until(async () => {
      await this.command(title);
      return this.answer(text, 3000).then(() => true, () => false);
    }, answered => answered, `"${title}" to ask and to take "${text}"`);
  }

  /** Answers an input box or a list that is open or about to open. Fails when it closes before the answer is in. */
  async answer(text: string, milliseconds = patience): Promise<void> {
    const input = this.page.locator(`${quickInput} input.input`);
    // The palette, on its way out, has the same input.
    await until(async () => await input.isVisible() && !(await input.inputValue()).startsWith('>'), open => open, 'something to answer', milliseconds);
    await input.fill(text, { timeout: milliseconds });
    if (!await pressIn(this.page, quickInput, 'Enter')) throw new Error(`What was to be answered with "${text}" has closed.`);
  }

  /** Types a line into the Debug Console. */
  async console(line: string): Promise<void> {
    const typed = async () => (await this.page.locator(`${consoleInput} .view-lines`).innerText()).replaceAll('\u00a0', ' ').replaceAll('\u200b', '').trimEnd();
    await until(async () => {
      if (!await hasFocus(this.page, consoleInput)) await this.command('Debug Console: Focus on Debug Console View');
      // Only an input that keeps the focus for a moment gets the line: a stop that is being shown takes it away.
      await this.page.waitForTimeout(300);
      if (!await hasFocus(this.page, consoleInput)) return 'no focus';
      if (await typed() !== '') await this.press('Control+A', 'Delete');
      await this.page.keyboard.type(line);
      const found = await typed();
      if (found !== line) return found;
      return await pressIn(this.page, consoleInput, 'Enter') ? undefined : 'the focus went before Enter';
    }, problem => problem === undefined, `"${line}" in the Debug Console`);
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
    const focused = this.view(view).locator('.monaco-list-row.focused .label-name');
    const focusedLabel = async () => (await focused.allInnerTexts())[0] ?? '(none)';
    let seen: string[] = [];
    await until(async () => {
      await this.command(`Run and Debug: Focus on ${view} View`);
      await until(async () => (await this.rows(view)).length > 0, found => found, `rows in ${view}`);
      await this.press('Home');
      seen = [];
      for (let row = 0; row < 100; row++) {
        seen.push(await focusedLabel());
        if (seen.at(-1) === label) break;
        await this.press('ArrowDown');
      }
      // Rows that are renewed may take the focus along.
      await this.page.waitForTimeout(200);
      return await focusedLabel() === label && await this.view(view).locator('.monaco-list:focus').count() === 1;
    }, found => found, `"${label}" in ${view}`, promptness).catch((error: Error) => {
      throw new Error(`${error.message}; its rows are ${[...new Set(seen)].join(', ')}.`);
    });
  }

  /** Opens the context menu of a row of a view and takes an entry. */
  async contextMenu(view: string, label: string, entry: string): Promise<void> {
    const menu = this.page.locator('.monaco-menu');
    const focused = menu.locator('.action-item.focused');
    await until(async () => {
      await this.focusRow(view, label);
      await this.press('Shift+F10');
      if (!await menu.waitFor({ timeout: 3000 }).then(() => true, () => false)) return false;
      for (let item = 0; item < 20; item++) {
        await this.press('ArrowDown');
        if ((await focused.allInnerTexts()).some(text => text.trim() === entry)) return pressIn(this.page, '.monaco-menu', 'Enter');
      }
      await this.press('Escape');
      return false;
    }, taken => taken, `"${entry}" in the context menu of ${label}`);
  }

  /** Switches check boxes of the list that "Break on Entry Points…" opens. */
  async switchEntryPoints(...symbols: string[]): Promise<void> {
    // A list that closes early has changed nothing.
    await until(() => this.#pickEntryPoints(symbols).then(() => '', (error: Error) => error.message), problem => problem === '', `the check boxes of ${symbols.join()}`);
  }

  /** Switches the check box of a row of a view by its own key. */
  async check(view: string, label: string): Promise<void> {
    await this.command(`Run and Debug: Focus on ${view} View`);
    const row = this.view(view).locator('.monaco-list-row').filter({ has: this.page.locator('.label-name').getByText(label, { exact: true }) });
    const box = row.getByRole('checkbox');
    await box.waitFor({ timeout: patience });
    const before = await box.getAttribute('aria-checked');
    await until(async () => {
      await box.focus();
      // Rows that are renewed are other elements, and the key goes to none of them.
      if (!await pressIn(this.page, '[role=checkbox]', 'Space')) return before;
      return until(() => box.getAttribute('aria-checked'), now => now !== before, 'the check box', 3000).catch(() => before);
    }, now => now !== before, `the check box of ${label}`);
  }

  /** Goes on by one instruction, once the editor knows that the machine has stopped, and waits until it has. */
  async stepInstruction(): Promise<void> {
    await this.page.locator('.debug-toolbar .codicon-debug-step-over:not(.disabled)').waitFor({ timeout: patience });
    await this.changed(() => this.status(), () => this.press('Control+F11'));
  }

  /** Closes messages and dialogs. */
  async dismissMessages(): Promise<void> {
    await until(async () => {
      await this.press('Escape');
      await this.page.waitForTimeout(300);
      return this.messages();
    }, shown => shown === '', 'the messages to go');
  }

  /** The rows of the Breakpoints view that are on the screen. */
  async breakpoints(): Promise<string[]> {
    return this.view('Breakpoints').locator('.monaco-list-row').allInnerTexts();
  }

  /** Sets a breakpoint on a function by the command for it. */
  async addFunctionBreakpoint(name: string): Promise<void> {
    const field = '.pane .inputBoxContainer input';
    // A view that is being laid out can lose the field again at once.
    await until(async () => {
      if (await this.page.locator(field).count() === 0) await this.command('Add Function Breakpoint');
      await this.page.waitForTimeout(500);
      if (!await hasFocus(this.page, field)) return false;
      await this.page.locator(field).fill(name, { timeout: 1000 });
      return pressIn(this.page, field, 'Enter');
    }, set => set, 'the field for the function');
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

  /** Goes to an editor that is open, by its tab's name. */
  async openTab(name: string): Promise<void> {
    await until(async () => {
      if ((await this.activeTab()).startsWith(name)) return true;
      await this.command('View: Open Next Editor');
      return false;
    }, open => open, `the tab of ${name}`);
  }

  /** The lines of the Problems view. */
  async problems(): Promise<string> {
    await this.command('Problems: Focus on Problems View');
    return (await this.page.locator('.markers-panel-container .monaco-list-row').allInnerTexts()).join('\n');
  }

  /** The name of the active tab. */
  async activeTab(): Promise<string> {
    return (await this.page.locator('.tab.active').evaluateAll(tabs => tabs[0]?.getAttribute('aria-label'))) ?? '';
  }

  /** Takes the first entry of the palette if it is the right one, else closes the palette; true when it was taken. */
  async #accept(isRight: boolean): Promise<boolean> {
    if (isRight) return pressIn(this.page, quickInput, 'Enter');
    await this.press('Escape');
    return false;
  }

  async #pickEntryPoints(symbols: readonly string[]): Promise<void> {
    await this.command('Kaiserscope: Break on Entry Points…');
    const input = this.page.locator(`${quickInput} input.input`);
    for (const symbol of symbols) {
      const row = this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${symbol},"]`);
      const focused = async () => (await row.getAttribute('class', { timeout: 3000 }))?.includes('focused') === true;
      await input.fill(symbol, { timeout: 3000 });
      await row.waitFor({ timeout: 3000 });
      // The list moves its focus to the best match; from there down to the row itself.
      await this.press('Home', 'ArrowDown');
      for (let rows = 0; rows < 50 && !await focused(); rows++) await this.press('ArrowDown');
      if (!await pressIn(this.page, quickInput, 'Space')) throw new Error('The list has closed.');
      await input.fill('', { timeout: 3000 });
    }
    if (!await pressIn(this.page, quickInput, 'Enter')) throw new Error('The list has closed.');
    await this.page.locator(quickInput).waitFor({ state: 'hidden', timeout: 3000 });
  }

  async #pick(text: string, milliseconds: number, title = text.slice(1)): Promise<boolean> {
    const input = this.page.locator(`${quickInput} input.input`);
    try {
      await input.waitFor({ timeout: milliseconds });
      // What is filled in is typed in the end, wherever the focus is then.
      if (!await hasFocus(this.page, quickInput)) return false;
      await input.fill(text, { timeout: milliseconds });
    } catch {
      return false;
    }
    // Not one whose title goes on after the same words; used ones come first.
    const isIt = (label: string) => label.startsWith(title) && !/^ [^(]/.test(label.slice(title.length));
    const labels = () => this.page.locator('.quick-input-list .monaco-list-row').evaluateAll(rows => rows.map(row => row.getAttribute('aria-label') ?? ''));
    const at = await until(async () => (await labels()).slice(0, 5).findIndex(isIt), index => index >= 0, `"${title}" in the list`, milliseconds).catch(() => -1);
    for (let n = 0; n < at; n++) await this.press('ArrowDown');
    return at >= 0;
  }
}
