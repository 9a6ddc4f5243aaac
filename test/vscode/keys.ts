import type { Page } from 'playwright-core';

/** Where a key went is kept here in the page. */
interface KeyWindow {
  keyArrived?: boolean;
}

/** True while the focus is within an element of this kind. */
export function hasFocus(page: Page, selector: string): Promise<boolean> {
  return page.evaluate(wanted => document.activeElement?.closest(wanted) != null, selector);
}

/** Presses a key if the focus is within an element of this kind; true when the key went there. */
export async function pressIn(page: Page, selector: string, key: string): Promise<boolean> {
  if (!await hasFocus(page, selector)) return false;
  await page.evaluate(wanted => {
    const where = window as KeyWindow;
    where.keyArrived = false;
    window.addEventListener('keydown', ({ target }) => { where.keyArrived = target instanceof Element && target.closest(wanted) !== null; }, { capture: true, once: true });
  }, selector);
  await page.keyboard.press(key);
  return page.evaluate(() => (window as KeyWindow).keyArrived === true);
}
