import { CODE_MAP_BASE, CODE_MAP_ENTRIES, CODE_MAP_ENTRY_SIZE } from '../memory/layout.js';

/**
 * The code map: a direct-mapped table in the machine's memory that the dispatcher searches by the linear address of
 * the next instruction. An entry counts only if its key, host page and mode, is what the address means right now.
 */

/** Names the block's first instruction: its linear address, and outside 64-bit code the base of CS above it (`codeTag`). i64. */
export const M_TAG = 0;
/** Host address of its page | MODE. i32. */
export const M_KEY = 8;
/** Address of its records. i32. */
export const M_RECORDS = 12;
/** Number of records. i32. */
export const M_COUNT = 16;
/** Index of the translated region in the function table, 0 if there is none. i32. */
export const M_FUNCTION = 20;
/** How often the interpreter has run the block, as long as it has no translation. i32. */
export const M_HITS = 24;
/** In an entry with a translation: address of the entry of the block that has followed it last, 0 for none. i32. */
export const M_NEXT = 24;
/** M_BREAKPOINT, M_CROSSING. i32. */
export const M_FLAGS = 28;
/** A breakpoint or probe is set on the first instruction. */
export const M_BREAKPOINT = 1;
/** The block is one instruction that crosses a page. */
export const M_CROSSING = 2;

/** The dispatcher asks for translation each time a block has been interpreted this often. A power of two. */
export const HOT_PERIOD = 32;

/**
 * The tag of an instruction outside 64-bit code: the same bytes decoded for another base of CS have other instruction
 * pointers, so the base is part of it.
 */
export function codeTag(base: bigint, ip: bigint): bigint { return BigInt.asUintN(32, base + ip) | BigInt.asUintN(32, base) << 32n; }

/** Address of the entry for a linear address; the same function is emitted in `runtime.ts`. */
export function entryAddress(low: number): number {
  return CODE_MAP_BASE + ((low ^ low >>> 15) & CODE_MAP_ENTRIES - 1) * CODE_MAP_ENTRY_SIZE;
}
