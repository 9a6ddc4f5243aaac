import type { SavedForm } from './forms.js';

/** Forms that are known from the start: none, but a build puts in those of the common instructions (scripts/lib/prebuilt.mjs). */
export function commonForms(): readonly SavedForm[] { return []; }
