import { CODE_MAP_BASE, CODE_MAP_ENTRIES, CODE_MAP_ENTRY_SIZE } from '../memory/layout.js';

/**
 * The code map: a direct-mapped table in the machine's memory that the dispatcher searches by the linear address of
 * the next instruction. An entry counts only if its key, host page and mode, is what the address means right now.
 */

/** Linear address of the block's first instruction. i64. */
export const M_LINEAR = 0;
/** Host address of its page | MODE. i32. */
export const M_KEY = 8;
/** Address of its records. i32. */
export const M_RECORDS = 12;
/** Number of records. i32. */
export const M_COUNT = 16;
/** Index of the translated region in the function table, 0 if there is none. i32. */
export const M_FUNCTION = 20;
/** How often the interpreter has run the block. i32. */
export const M_HITS = 24;
/** M_BREAKPOINT, M_CROSSING. i32. */
export const M_FLAGS = 28;
/** A breakpoint or probe is set on the first instruction. */
export const M_BREAKPOINT = 1;
/** The block is one instruction that crosses a page. */
export const M_CROSSING = 2;

/** The dispatcher asks for translation each time a block has been interpreted this often. A power of two. */
export const HOT_PERIOD = 32;

/** Address of the entry for a linear address; the same function is emitted in `runtime.ts`. */
export function entryAddress(low: number): number {
  return CODE_MAP_BASE + ((low ^ low >>> 15) & CODE_MAP_ENTRIES - 1) * CODE_MAP_ENTRY_SIZE;
}
