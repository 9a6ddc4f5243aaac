import { E_FRAME, E_PAGE, E_STAMP, ENTRY_WORDS, H_ENTRIES, SET_WORDS, SETS } from '../memory/tlbLayout.js';
import { type FunctionBody, type Label, Op } from '../translate/wasm.js';

/** The sets of the architectural TLB as emitted code finds them. */

export const SET_BYTES = 4 * SET_WORDS, ENTRY_BYTES = 4 * ENTRY_WORDS;
export const ENTRIES = SET_WORDS / ENTRY_WORDS;

/** Pushes the address of a page's home set: neighbouring pages get neighbouring sets, different stamps are spread. */
export function pushSet(f: FunctionBody, t: number, page: number, stamp: number): void {
  pushRegionSet(f, page, stamp);
  pushSetOf(f, t, () => f.get(page));
}

/** Pushes what is the same for all pages of 4 KiB of a region of 2 MiB of how their sets are found (`pushSetOf`). */
export function pushRegionSet(f: FunctionBody, page: number, stamp: number): void {
  f.get(page).i32(9).op(Op.i32_shr_u).get(page).i32(18).op(Op.i32_shr_u, Op.i32_xor);
  f.get(stamp).i32(0x9e3779b1).op(Op.i32_mul).i32(21).op(Op.i32_shr_u, Op.i32_xor);
}

/** Pops what `pushRegionSet` has pushed for the page; pushes the address of its home set. */
export function pushSetOf(f: FunctionBody, t: number, pushPage: () => void): void {
  pushPage();
  f.op(Op.i32_xor).i32(SETS - 1).op(Op.i32_and).i32(SET_BYTES).op(Op.i32_mul).get(t).op(Op.i32_add).i32(4 * H_ENTRIES).op(Op.i32_add);
}

/** Branches to `maybe` if the set at local `set` may have, or its overflow may, an entry for a page of 4 KiB with that stamp. */
export function brIfInSet(f: FunctionBody, { page, stamp }: { page: number; stamp: number }, set: number, maybe: Label): void {
  const none = f.block();
  for (let n = 0; n < ENTRIES; n++) {
    const at = n * ENTRY_BYTES;
    f.get(set).memory(Op.i32_load, at + 4 * E_STAMP).op(Op.i32_eqz).brIf(none);
    f.get(set).memory(Op.i32_load, at + 4 * E_PAGE).get(page).op(Op.i32_eq).unlikely().if();
    f.get(set).memory(Op.i32_load, at + 4 * E_STAMP).get(stamp).op(Op.i32_eq).brIf(maybe).end();
  }
  pushOverflowed(f, set);
  f.brIf(maybe).end();
}

/** Pushes an i32 that is not zero if the set has overflowed: the sign of its first entry's frame says so. */
export function pushOverflowed(f: FunctionBody, set: number): void { f.get(set).memory(Op.i32_load, 4 * E_FRAME).i32(0).op(Op.i32_lt_s); }
