import {
  DROPPED_STAMP, E_FRAME, E_INFO, E_PAGE, E_STAMP, FRAME_MASK, H_ENTRIES, H_GLOBAL_STAMP, H_IN_USE, H_STAMP, INFO_GLOBAL,
  INFO_KEY, INFO_SIZE_SHIFT, SETS,
} from '../memory/tlbLayout.js';
import { forgetRegions } from './rememberedWalk.js';
import { type FunctionBody, type Label, type ModuleBuilder, Op, Type } from '../translate/wasm.js';
import { brIfLive, ENTRIES, ENTRY_BYTES, pushOverflowed, pushSet, pushTop, SET_BYTES, touch, writeEntry } from './tlbSet.js';

/**
 * Looking up, making and dropping entries of the architectural TLB (`memory/tlb.ts`, format in `memory/tlbLayout.ts`). A CPU's TLB is
 * named by the host address `t` of its region, an entry by its own; 0 is no entry.
 */

/** Sets that an entry may lie behind its own. */
const REACH = 8;
/** E_PAGE bits that number the page, by size. */
const PAGE_MASK = [-1, ~0x1ff, ~0x3ffff];
/** A stamp that no entry has. */
const NO_STAMP = -2;
/** What `drop` tells: a non-global entry of 4 KiB was dropped, a larger one, a global one. */
export const DROPPED_SMALL = 1, DROPPED_LARGE = 2, DROPPED_GLOBAL = 4;

export interface TlbFunctions {
  /** For `lookUp`. */
  further: number;
  /** (t, page, key, stamp) -> entry: E_PAGE, the INFO_KEY bits and the stamp are as given. */
  find: number;
  /** (t, low, high) -> the entry that the CPU would use for a canonical linear address in its current PCID. */
  lookup: number;
  /** (t, low, high, size, frame, info) -> 1, or 0 if no place is left for the entry, which then has not been made. */
  insert: number;
  /** (t, low, high, stamp, globals) -> DROPPED_*: drops the entries of every size with that stamp (0 for none), and global ones if asked to. */
  drop: number;
}

/** Adds the functions to a module. */
export function emitTlb(module: ModuleBuilder): TlbFunctions {
  const i32 = (count: number) => ({ params: Array.from({ length: count }, () => Type.I32), results: [Type.I32] });
  const find = module.function(i32(4), 'find'), lookup = module.function(i32(3), 'lookup'), further = module.function(i32(5)), free = module.function(i32(2)), insert = module.function(i32(6), 'insert');
  const drop = module.function(i32(5), 'drop');
  emitFurther(further.body);
  emitFind(find.body, further.index);
  emitLookup(lookup.body, further.index);
  emitFree(free.body);
  emitInsert(insert.body, free.index);
  emitDrop(drop.body, further.index);
  return { further: further.index, find: find.index, lookup: lookup.index, insert: insert.index, drop: drop.index };
}

/** Goes from a set to the one behind it, from the last to the first. */
function nextSet(f: FunctionBody, t: number, set: number): void {
  f.get(set).get(t).op(Op.i32_sub).i32(SET_BYTES - 4 * H_ENTRIES).op(Op.i32_add).i32(SETS * SET_BYTES - 1).op(Op.i32_and).get(t).op(Op.i32_add).i32(4 * H_ENTRIES).op(Op.i32_add).set(set);
}

/** Pushes linear bits 43:12 as in E_PAGE. */
function pushPage(f: FunctionBody, lo: number, hi: number): void { f.get(lo).i32(12).op(Op.i32_shr_u).get(hi).i32(20).op(Op.i32_shl, Op.i32_or); }
interface Wanted { t: number; page: number; key: number; stamp: number; }

/** Branches to `found` with local `entry` set if one of the entries of the set at local `set` is wanted, and to `none` at one that has never been used. */
function findInSet(f: FunctionBody, { page, key, stamp }: Wanted, set: number, entry: number, found: Label, none: Label): void {
  for (let n = 0; n < ENTRIES; n++) {
    const at = n * ENTRY_BYTES;
    f.get(set).memory(Op.i32_load, at + 4 * E_PAGE).get(page).op(Op.i32_eq).if();
    f.get(set);
    if (at) f.i32(at).op(Op.i32_add);
    f.set(entry).get(set).memory(Op.i32_load, at + 4 * E_STAMP).get(stamp).op(Op.i32_eq).if();
    f.get(set).memory(Op.i32_load, at + 4 * E_INFO).i32(INFO_KEY).op(Op.i32_and).get(key).op(Op.i32_eq).brIf(found).end().end();
    f.get(set).memory(Op.i32_load, at + 4 * E_STAMP).op(Op.i32_eqz).brIf(none);
  }
}


/** Sets local `entry` to the entry that is wanted, or 0. @param further `emitFurther` */
function find(f: FunctionBody, wanted: Wanted, entry: number, further: number): void {
  const set = f.local(Type.I32), found = f.block(), none = f.block();
  pushSet(f, wanted.t, wanted.page, wanted.stamp);
  f.set(set);
  findInSet(f, wanted, set, entry, found, none);
  pushOverflowed(f, set);
  f.unlikely().if();
  f.get(wanted.t).get(set).get(wanted.page).get(wanted.key).get(wanted.stamp).call(further).set(entry).br(found).end();
  f.end().i32(0).set(entry).end();
  f.release(set);
}

/** (t, set, page, key, stamp) -> the entry that is wanted in the sets behind one that has overflowed, or 0. */
function emitFurther(f: FunctionBody): void {
  const [t, set, page, key, stamp] = [0, 1, 2, 3, 4], reach = f.local(Type.I32), entry = f.local(Type.I32);
  const found = f.block(), none = f.block(), next = f.loop();
  nextSet(f, t, set);
  findInSet(f, { t, page, key, stamp }, set, entry, found, none);
  pushOverflowed(f, set);
  f.op(Op.i32_eqz).brIf(none).get(reach).i32(1).op(Op.i32_add).tee(reach).i32(REACH - 1).op(Op.i32_lt_u).brIf(next);
  f.end().end().i32(0).op(Op.return).end().get(entry);
}

function emitFind(f: FunctionBody, further: number): void {
  const [t, page, key, stamp] = [0, 1, 2, 3], entry = f.local(Type.I32);
  find(f, { t, page, key, stamp }, entry, further);
  f.get(entry);
}

/** The ways in which an entry can serve an address: its bit of H_IN_USE, size, and whether it is global. */
const WAYS = Array.from({ length: 6 }, (_, bit) => ({ bit, size: bit % 3, global: bit >= 3 }));

/** For each way in use: `find` with `stamp` and `globals` giving the locals of the stamps, then what `each` emits, with local `entry`. */
function eachWay(f: FunctionBody, { t, lo, hi, entry }: Address, stamps: { small: number; global: number }, further: number, each: (way: typeof WAYS[number]) => void): void {
  const use = f.local(Type.I32), page = f.local(Type.I32), key = f.local(Type.I32), top = f.local(Type.I32), own = f.local(Type.I32);
  f.get(t).memory(Op.i32_load, 4 * H_IN_USE).set(use);
  pushPage(f, lo, hi);
  f.set(page);
  pushTop(f, hi);
  f.set(top);
  for (const way of WAYS) {
    const { bit, size, global } = way;
    if (bit === 3) f.get(use).i32(0x38).op(Op.i32_and).if();
    f.get(use).i32(1 << bit).op(Op.i32_and).if();
    f.get(page);
    if (size) f.i32(PAGE_MASK[size]!).op(Op.i32_and);
    f.set(own).get(top);
    if (size) f.i32(size << INFO_SIZE_SHIFT).op(Op.i32_or);
    f.set(key);
    find(f, { t, page: own, key, stamp: global ? stamps.global : stamps.small }, entry, further);
    f.get(entry).if();
    each(way);
    f.end().end();
  }
  f.end();
  f.release(use, page, key, top, own);
}

interface Address { t: number; lo: number; hi: number; entry: number; }

/** Sets local `entry` to the entry that the CPU would use for a canonical linear address in its current PCID, or 0. */
export function lookUp(f: FunctionBody, address: Address, further: number): void {
  const small = f.local(Type.I32), global = f.local(Type.I32), found = f.block();
  f.get(address.t).memory(Op.i32_load, 4 * H_STAMP).set(small).get(address.t).memory(Op.i32_load, 4 * H_GLOBAL_STAMP).set(global);
  f.i32(0).set(address.entry);
  eachWay(f, address, { small, global }, further, () => f.br(found));
  f.end();
  f.release(small, global);
}

function emitLookup(f: FunctionBody, further: number): void {
  const [t, lo, hi] = [0, 1, 2], entry = f.local(Type.I32);
  lookUp(f, { t, lo, hi, entry }, further);
  f.get(entry);
}

/** (t, set) -> the first dead entry from a set on, or 0 if there is none within reach. Full sets are marked as overflowed. */
function emitFree(f: FunctionBody): void {
  const [t, set] = [0, 1], reach = f.local(Type.I32);
  const next = f.loop();
  for (let n = 0; n < ENTRIES; n++) {
    const at = n * ENTRY_BYTES, live = f.block();
    brIfLive(f, { t, entry: set, at }, live);
    f.get(set);
    if (at) f.i32(at).op(Op.i32_add);
    f.op(Op.return).end();
  }
  f.get(set).get(set).memory(Op.i32_load, 4 * E_FRAME).i32(~FRAME_MASK).op(Op.i32_or).memory(Op.i32_store, 4 * E_FRAME);
  touch(f, set);
  nextSet(f, t, set);
  f.get(reach).i32(1).op(Op.i32_add).tee(reach).i32(REACH).op(Op.i32_lt_u).brIf(next);
  f.end().i32(0);
}

function emitInsert(f: FunctionBody, free: number): void {
  const [t, lo, hi, size, frame, info] = [0, 1, 2, 3, 4, 5], page = f.local(Type.I32), stamp = f.local(Type.I32), entry = f.local(Type.I32), global = f.local(Type.I32);
  f.get(info).i32(INFO_GLOBAL).op(Op.i32_and).i32(0).op(Op.i32_ne).set(global);
  f.get(t).memory(Op.i32_load, 4 * H_GLOBAL_STAMP).get(t).memory(Op.i32_load, 4 * H_STAMP).get(global).op(Op.select).set(stamp);
  pushPage(f, lo, hi);
  // ~0x1ff and ~0x3ffff for sizes 1 and 2.
  f.i32(-1).get(size).i32(9).op(Op.i32_mul, Op.i32_shl, Op.i32_and).set(page);
  f.get(t);
  pushSet(f, t, page, stamp);
  f.call(free).tee(entry).op(Op.i32_eqz).if();
  f.i32(0).op(Op.return).end();
  f.get(info).get(size).i32(INFO_SIZE_SHIFT).op(Op.i32_shl, Op.i32_or).set(info);
  writeEntry(f, { t, entry, page, hi, info, frame, stamp });
  f.get(size).if();
  forgetRegions(f, { t, lo, size });
  f.end();
  f.get(t).get(t).memory(Op.i32_load, 4 * H_IN_USE).i32(1).get(size).get(global).i32(3).op(Op.i32_mul, Op.i32_add, Op.i32_shl, Op.i32_or).memory(Op.i32_store, 4 * H_IN_USE);
  f.i32(1);
}

function emitDrop(f: FunctionBody, further: number): void {
  const [t, lo, hi, stamp, globals] = [0, 1, 2, 3, 4], entry = f.local(Type.I32), dropped = f.local(Type.I32), global = f.local(Type.I32);
  // Stamps that no entry has where nothing is to be dropped.
  f.get(t).memory(Op.i32_load, 4 * H_GLOBAL_STAMP).i32(NO_STAMP).get(globals).op(Op.select).set(global);
  f.get(stamp).i32(NO_STAMP).get(stamp).op(Op.select).set(stamp);
  eachWay(f, { t, lo, hi, entry }, { small: stamp, global }, further, ({ size, global: isGlobal }) => {
    f.get(entry).i32(DROPPED_STAMP).memory(Op.i32_store, 4 * E_STAMP);
    touch(f, entry);
    f.get(dropped).i32(isGlobal ? DROPPED_GLOBAL : size ? DROPPED_LARGE : DROPPED_SMALL).op(Op.i32_or).set(dropped);
  });
  f.get(dropped);
}
