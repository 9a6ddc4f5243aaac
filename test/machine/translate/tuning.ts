import type { Tuning } from '../../../src/machine/translate/translator.js';

/** Nothing is ever translated: the interpreter alone. */
export const NEVER_TRANSLATE: Tuning = { queueAt: Infinity, compileAt: Infinity, batch: Infinity };
