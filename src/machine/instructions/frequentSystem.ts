/**
 * System instructions that kernels use at every entry and exit, and string instructions, as definitions: what is usual in WebAssembly, the rest by their
 * handlers in `system/`. `frequent/privilege.ts` says what they share.
 */
import './frequent/flagControl.js';
import './frequent/interruptReturn.js';
import './frequent/segmentBases.js';
import './frequent/strings.js';
import './frequent/syscall.js';
import './frequent/translation.js';
