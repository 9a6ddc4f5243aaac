import type { L10n } from '../../src/extension/words.js';

/** English as it stands in the sources, with the arguments put in as the editor does. */
export const english: L10n = {
  t: (message, ...args) => message.replace(/\{(\d+)\}/g, (_, index: string) => String(args[Number(index)])),
};
