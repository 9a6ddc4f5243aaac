import * as L from '../cpu/layout.js';
import { CPU_BASE, CPU_SIZE, RAM_BASE, TLB_BASE, TLB_CPU_SIZE, WALKS_BASE, WALKS_CPU_SIZE, WALKS_KEPT, WALKS_STRIDE } from '../memory/layout.js';
import { PTE_A, PTE_P } from '../memory/pagingBits.js';
import { H_CONFIG, H_GLOBAL_STAMP, H_STAMP } from '../memory/tlbLayout.js';
import { type FunctionBody, type Label, Op, Type } from '../translate/wasm.js';
import { pushRegionSet } from './tlbSet.js';

/**
 * What a CPU remembers of the upper levels of its walks, as processors do in their paging-structure caches (SDM Vol. 3A, 4.10.3), but without their effects: of
 * a region of 2 MiB that is mapped by a page table, the entries of the three levels above, which are read again and compared each time, and that the
 * TLB has no entry for it but for pages of 4 KiB. The latter stays true until such an entry is made (`forgetRegions`) or the current stamps are others.
 */

/** i64: linear address >> 21, H_STAMP and H_GLOBAL_STAMP (0 if nothing is remembered), CR3, the three entries from the PML4's down, what is compared of the entry of level 1. */
const W_REGION = 0x00, W_STAMPS = 0x08, W_CR3 = 0x10, W_VALUES = 0x18, W_CHECKED = 0x30;
/** i32: CONFIG_* bits, host addresses of the three entries and of the page table. */
const W_CONFIG = 0x38, W_AT = 0x3c, W_TABLE = 0x48;
/** i32: R/W and U/S of the three levels as in rights, and 4 if one of them has NX. */
export const W_UPPER = 0x4c, W_UPPER_NX = 0x50;
/** i32: PTE_A if one of the three has not been accessed yet. */
export const W_UNACCESSED = 0x58;
/** i32: what the number of a page is combined with to get that of its set in the TLB, for entries of the PCID and for global ones. */
export const W_SET = 0x54, W_GLOBAL_SET = 0x5c;

const REGION_SHIFT = 21;

/** Pushes the address of what is remembered of the region of an address: a CPU's TLB is at local `t`, `lo` is the low half. */
function pushRemembered(f: FunctionBody, t: number, lo: number): void {
  f.get(t).i32(TLB_BASE).op(Op.i32_sub).i32(Math.log2(TLB_CPU_SIZE / WALKS_CPU_SIZE)).op(Op.i32_shr_u);
  f.get(lo).i32(REGION_SHIFT).op(Op.i32_shr_u).i32(WALKS_KEPT - 1).op(Op.i32_and).i32(Math.log2(WALKS_STRIDE)).op(Op.i32_shl, Op.i32_add).i32(WALKS_BASE).op(Op.i32_add);
}

interface Walked {
  /** The CPU's TLB, the halves of the address, CONFIG_* bits. */
  t: number;
  lo: number;
  hi: number;
  config: number;
  /** Host addresses of the entries from the PML4's down; AND and OR of their values. */
  at: readonly number[];
  all: number;
  any: number;
  checked: number;
  /** Page of the page table. */
  table: number;
}

/** Remembers a walk that has come to a page table, for an address that the TLB has no entry for. */
export function rememberWalk(f: FunctionBody, { t, lo, hi, config, at, all, any, checked, table }: Walked): void {
  const w = f.local(Type.I32), page = f.local(Type.I32), stamp = f.local(Type.I32);
  const store = (op: Op, field: number, value: () => void) => {
    f.get(w);
    value();
    f.memory(op, field);
  };
  pushRemembered(f, t, lo);
  f.set(w);
  store(Op.i64_store, W_REGION, () => {
    f.get(lo).op(Op.i64_extend_i32_u).get(hi).op(Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl, Op.i64_or).i64(BigInt(REGION_SHIFT)).op(Op.i64_shr_u);
  });
  store(Op.i64_store, W_STAMPS, () => f.get(t).memory(Op.i64_load, 4 * H_STAMP));
  store(Op.i64_store, W_CR3, () => f.get(t).i32(TLB_BASE).op(Op.i32_sub).i32(Math.log2(TLB_CPU_SIZE / CPU_SIZE)).op(Op.i32_shr_u).memory(Op.i64_load, CPU_BASE + L.CR3));
  at.forEach((entry, n) => {
    store(Op.i64_store, W_VALUES + 8 * n, () => f.get(entry).memory(Op.i64_load));
    store(Op.i32_store, W_AT + 4 * n, () => f.get(entry));
  });
  store(Op.i64_store, W_CHECKED, () => f.get(checked));
  store(Op.i32_store, W_CONFIG, () => f.get(config));
  store(Op.i32_store, W_TABLE, () => f.get(table).i32(12).op(Op.i32_shl).i32(RAM_BASE).op(Op.i32_add));
  store(Op.i32_store, W_UPPER, () => f.get(all).op(Op.i32_wrap_i64).i32(1).op(Op.i32_shr_u).i32(3).op(Op.i32_and));
  store(Op.i32_store, W_UNACCESSED, () => f.get(all).op(Op.i32_wrap_i64).i32(-1).op(Op.i32_xor).i32(PTE_A).op(Op.i32_and));
  store(Op.i32_store, W_UPPER_NX, () => f.get(any).i64(63n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(2).op(Op.i32_shl));
  f.get(lo).i32(12).op(Op.i32_shr_u).get(hi).i32(20).op(Op.i32_shl, Op.i32_or).set(page);
  for (const [field, of] of [[W_SET, H_STAMP], [W_GLOBAL_SET, H_GLOBAL_STAMP]] as const) {
    f.get(t).memory(Op.i32_load, 4 * of).set(stamp);
    store(Op.i32_store, field, () => pushRegionSet(f, page, stamp));
  }
  f.release(w, page, stamp);
}

/** To be called where an entry for a page of size 1 or 2 has been made for an address: nothing is remembered any more of the regions that it concerns. */
export function forgetRegions(f: FunctionBody, { t, lo, size }: { t: number; lo: number; size: number }): void {
  const w = f.local(Type.I32);
  f.get(size).i32(2).op(Op.i32_eq).if();
  f.i32(0).set(w);
  for (let n = 0; n < WALKS_KEPT; n++) {
    if (!n) {
      pushRemembered(f, t, w);
      f.set(w);
    }
    f.get(w).i64(0n).memory(Op.i64_store, n * WALKS_STRIDE + W_STAMPS);
  }
  f.else();
  pushRemembered(f, t, lo);
  f.i64(0n).memory(Op.i64_store, W_STAMPS).end();
  f.release(w);
}

/** Branches to `missed` unless the walk for the i64 local `linear` (canonical or not) is remembered and its upper levels are as they were; leaves in local `w` where it is. */
export function findWalk(f: FunctionBody, { cpu, t, lo, linear, w }: { cpu: number; t: number; lo: number; linear: number; w: number }, missed: Label): void {
  const missedIf = () => f.unlikely().brIf(missed);
  pushRemembered(f, t, lo);
  f.tee(w).memory(Op.i64_load, W_REGION).get(linear).i64(BigInt(REGION_SHIFT)).op(Op.i64_shr_u, Op.i64_ne);
  missedIf();
  f.get(w).memory(Op.i64_load, W_STAMPS).get(t).memory(Op.i64_load, 4 * H_STAMP).op(Op.i64_ne);
  missedIf();
  f.get(w).memory(Op.i32_load, W_CONFIG).get(t).memory(Op.i32_load, 4 * H_CONFIG).op(Op.i32_ne);
  missedIf();
  f.get(w).memory(Op.i64_load, W_CR3).get(cpu).memory(Op.i64_load, L.CR3).op(Op.i64_ne);
  missedIf();
  for (let n = 0; n < 3; n++) {
    f.get(w).memory(Op.i32_load, W_AT + 4 * n).memory(Op.i64_load).get(w).memory(Op.i64_load, W_VALUES + 8 * n).op(Op.i64_ne);
    missedIf();
  }
}

/** Pushes the host address of the entry of level 1 for an address whose walk has been found. */
export function pushLeafAddress(f: FunctionBody, w: number, lo: number): void {
  f.get(w).memory(Op.i32_load, W_TABLE).get(lo).i32(9).op(Op.i32_shr_u).i32(0xff8).op(Op.i32_and, Op.i32_add);
}

/** Pushes an i64: what counts of an entry of level 1 for whether it is present and well-formed; 1 if so. */
export function pushChecked(f: FunctionBody, w: number, value: number): void {
  f.get(value).get(w).memory(Op.i64_load, W_CHECKED).op(Op.i64_and);
}

/** What `pushChecked` gives for an entry that is present and well-formed. */
export const CHECKED_OK = BigInt(PTE_P);
