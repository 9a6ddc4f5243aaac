import type { SavedForms } from './forms.js';

/** Forms that are known from the start: none, but a build puts in those of the common instructions and of the built-in kernel (scripts/lib/prebuilt.mjs). */
export function commonForms(): SavedForms { return { forms: [], entries: [] }; }
