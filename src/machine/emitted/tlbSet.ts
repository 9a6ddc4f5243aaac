import { TLB_BASE, TLB_TOUCHED_BASE, TLB_UNIT } from '../memory/layout.js';
import {
  E_FRAME, E_INFO, E_PAGE, E_STAMP, ENTRY_WORDS, FRAME_MASK, H_ENTRIES, H_EPOCH, H_GLOBAL_STAMP, H_PCID, H_PCID_STAMPS, INFO_GLOBAL, INFO_PCID_SHIFT, SET_WORDS, SETS,
} from '../memory/tlbLayout.js';
import { type FunctionBody, type Label, Op, Type } from '../translate/wasm.js';

/** The sets of the architectural TLB and their entries as emitted code finds and makes them. */

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

/** Marks the TLB_UNIT bytes at the address in a local for snapshots, which copy only what has been touched. */
export function touch(f: FunctionBody, at: number): void {
  f.get(at).i32(TLB_BASE).op(Op.i32_sub).i32(Math.log2(TLB_UNIT)).op(Op.i32_shr_u).i32(1).memory(Op.i32_store8, TLB_TOUCHED_BASE);
}

/** Pushes linear bits 47:44 as in INFO_KEY. */
export function pushTop(f: FunctionBody, hi: number): void { f.get(hi).i32(12).op(Op.i32_shr_u).i32(0xf).op(Op.i32_and); }

/** Branches to `live` if the entry at `at` above local `entry` is in use: not dropped, never used or of a generation that a flush has killed. */
export function brIfLive(f: FunctionBody, { t, entry, at }: { t: number; entry: number; at: number }, live: Label): void {
  const stamp = f.local(Type.I32), info = f.local(Type.I32);
  f.get(entry).memory(Op.i32_load, at + 4 * E_STAMP).tee(stamp).i32(0).op(Op.i32_gt_s).if();
  f.get(entry).memory(Op.i32_load, at + 4 * E_INFO).tee(info).i32(INFO_GLOBAL).op(Op.i32_and).if(Type.I32);
  f.get(stamp).get(t).memory(Op.i32_load, 4 * H_GLOBAL_STAMP).op(Op.i32_eq);
  f.else();
  f.get(info).i32(INFO_PCID_SHIFT).op(Op.i32_shr_u).i32(0xfff).op(Op.i32_and).i32(2).op(Op.i32_shl).get(t).op(Op.i32_add).memory(Op.i32_load, 4 * H_PCID_STAMPS);
  f.get(stamp).op(Op.i32_eq).get(stamp).get(t).memory(Op.i32_load, 4 * H_EPOCH).op(Op.i32_gt_s, Op.i32_and);
  f.end().brIf(live).end();
  f.release(stamp, info);
}

/** Locals of an entry that is made: INFO_* bits with the size, but without linear bits and PCID. */
interface NewEntry { t: number; entry: number; page: number; hi: number; info: number; frame: number; stamp: number; }

/** Writes an entry for the current PCID. Who does it marks the size as in use. */
export function writeEntry(f: FunctionBody, { t, entry, page, hi, info, frame, stamp }: NewEntry): void {
  touch(f, entry);
  f.get(entry).get(page).memory(Op.i32_store, 4 * E_PAGE);
  f.get(entry).get(info);
  pushTop(f, hi);
  f.op(Op.i32_or).get(t).memory(Op.i32_load, 4 * H_PCID).i32(INFO_PCID_SHIFT).op(Op.i32_shl, Op.i32_or).memory(Op.i32_store, 4 * E_INFO);
  f.get(entry).get(stamp).memory(Op.i32_store, 4 * E_STAMP);
  f.get(entry).get(entry).memory(Op.i32_load, 4 * E_FRAME).i32(~FRAME_MASK).op(Op.i32_and).get(frame).op(Op.i32_or).memory(Op.i32_store, 4 * E_FRAME);
}
