import * as L from '../cpu/layout.js';
import { CPU_BASE, CPU_SIZE, RAM_BASE, TLB_BASE, TLB_CPU_SIZE, WALKS_BASE, WALKS_CPU_SIZE, WALKS_KEPT, WALKS_STRIDE } from '../memory/layout.js';
import { PTE_A, PTE_P } from '../memory/pagingBits.js';
import { H_GLOBAL_STAMP, H_STAMP } from '../memory/tlbLayout.js';
import { type FunctionBody, type Label, Op, Type } from '../translate/wasm.js';
import { pushLinear } from './page.js';
import { pushRegionSet, pushSetOf } from './tlbSet.js';

/**
 * What a CPU remembers of the upper levels of its walks, as processors do in their paging-structure caches (SDM Vol. 3A, 4.10.3), but without their effects: of
 * a region of 2 MiB that is mapped by a page table, the entries of the three levels above, which are read again and compared each time, and that the
 * TLB has no entry for it but for pages of 4 KiB. The latter stays true until such an entry is made (`forgetRegions`) or the current stamps are others. Whoever changes
 * control registers that decide about paging forgets all (`TranslationContext.set`).
 */

/** i64: linear address >> 21, H_STAMP and H_GLOBAL_STAMP (0 if nothing is remembered), CR3, the three entries from the PML4's down, what is compared of the entry of level 1. */
const W_REGION = 0x00, W_STAMPS = 0x08, W_CR3 = 0x10, W_VALUES = 0x18, W_CHECKED = 0x30;
/** i32: host addresses of the three entries and of the page table. */
const W_AT = 0x38, W_TABLE = 0x44;
/** i32: R/W and U/S of the three levels as in rights, and 4 if one of them has NX. */
export const W_UPPER = 0x48, W_UPPER_NX = 0x4c;
/** i32: PTE_A if one of the three has not been accessed yet. */
export const W_UNACCESSED = 0x50;
/** i32: what the number of a page is combined with to get that of its set in the TLB, for entries of the PCID and for global ones. */
const W_SET = 0x54, W_GLOBAL_SET = 0x58;

const REGION_SHIFT = 21;

/** Offset of field `field` above what `pushRemembered` pushes. */
function at(field: number): number { return WALKS_BASE - CPU_BASE / WALKS_RATIO + field; }
const WALKS_RATIO = CPU_SIZE / WALKS_CPU_SIZE;

/** Pushes the address above which `at` counts, of what is remembered of the region of an address, of which `lo` is the low half. */
function pushRemembered(f: FunctionBody, cpu: number, lo: number): void {
  f.get(cpu).i32(Math.log2(WALKS_RATIO)).op(Op.i32_shr_u);
  f.get(lo).i32(REGION_SHIFT - Math.log2(WALKS_STRIDE)).op(Op.i32_shr_u).i32((WALKS_KEPT - 1) * WALKS_STRIDE).op(Op.i32_and, Op.i32_add);
}

/** Pushes the address of the CPU whose TLB is at local `t`. */
function pushCpu(f: FunctionBody, t: number): void {
  f.get(t).i32(TLB_BASE).op(Op.i32_sub).i32(Math.log2(TLB_CPU_SIZE / CPU_SIZE)).op(Op.i32_shr_u).i32(CPU_BASE).op(Op.i32_add);
}

interface Walked {
  /** The CPU's TLB and the halves of the address. */
  t: number;
  lo: number;
  hi: number;
  /** Host addresses of the entries from the PML4's down; AND and OR of their values. */
  entries: readonly number[];
  all: number;
  any: number;
  checked: number;
  /** Page of the page table. */
  table: number;
}

/** Remembers a walk that has come to a page table, for an address that the TLB has no entry for. */
export function rememberWalk(f: FunctionBody, { t, lo, hi, entries, all, any, checked, table }: Walked): void {
  const cpu = f.local(Type.I32), w = f.local(Type.I32), page = f.local(Type.I32), stamp = f.local(Type.I32);
  const store = (op: Op, field: number, value: () => void) => {
    f.get(w);
    value();
    f.memory(op, at(field));
  };
  pushCpu(f, t);
  f.set(cpu);
  pushRemembered(f, cpu, lo);
  f.set(w);
  store(Op.i64_store, W_REGION, () => {
    pushLinear(f, lo, hi);
    f.i64(BigInt(REGION_SHIFT)).op(Op.i64_shr_u);
  });
  store(Op.i64_store, W_STAMPS, () => f.get(t).memory(Op.i64_load, 4 * H_STAMP));
  store(Op.i64_store, W_CR3, () => f.get(cpu).memory(Op.i64_load, L.CR3));
  entries.forEach((entry, n) => {
    store(Op.i64_store, W_VALUES + 8 * n, () => f.get(entry).memory(Op.i64_load));
    store(Op.i32_store, W_AT + 4 * n, () => f.get(entry));
  });
  store(Op.i64_store, W_CHECKED, () => f.get(checked));
  store(Op.i32_store, W_TABLE, () => f.get(table).i32(12).op(Op.i32_shl).i32(RAM_BASE).op(Op.i32_add));
  store(Op.i32_store, W_UPPER, () => f.get(all).op(Op.i32_wrap_i64).i32(1).op(Op.i32_shr_u).i32(3).op(Op.i32_and));
  store(Op.i32_store, W_UNACCESSED, () => f.get(all).op(Op.i32_wrap_i64).i32(-1).op(Op.i32_xor).i32(PTE_A).op(Op.i32_and));
  store(Op.i32_store, W_UPPER_NX, () => f.get(any).i64(63n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(2).op(Op.i32_shl));
  f.get(lo).i32(12).op(Op.i32_shr_u).get(hi).i32(20).op(Op.i32_shl, Op.i32_or).set(page);
  for (const [field, of] of [[W_SET, H_STAMP], [W_GLOBAL_SET, H_GLOBAL_STAMP]] as const) {
    f.get(t).memory(Op.i32_load, 4 * of).set(stamp);
    store(Op.i32_store, field, () => pushRegionSet(f, page, stamp));
  }
  f.release(cpu, w, page, stamp);
}

/** To be called where an entry for a page of size 1 or 2 has been made for an address: nothing is remembered any more of the regions that it concerns. */
export function forgetRegions(f: FunctionBody, { t, lo, size }: { t: number; lo: number; size: number }): void {
  const cpu = f.local(Type.I32), w = f.local(Type.I32), first = f.local(Type.I32);
  pushCpu(f, t);
  f.set(cpu).get(size).i32(2).op(Op.i32_eq).if();
  f.i32(0).set(first);
  pushRemembered(f, cpu, first);
  f.set(w);
  for (let n = 0; n < WALKS_KEPT; n++) f.get(w).i64(0n).memory(Op.i64_store, at(n * WALKS_STRIDE + W_STAMPS));
  f.else();
  pushRemembered(f, cpu, lo);
  f.i64(0n).memory(Op.i64_store, at(W_STAMPS)).end();
  f.release(cpu, w, first);
}

/** A CPU, its TLB, an address, its low half, and the local that gets what is remembered. */
interface Wanted { cpu: number; t: number; linear: number; lo: number; w: number; }

/**
 * Branches to `missed` unless the region of the address (canonical or not) is remembered for the current stamps: then the TLB has no entries for it but for
 * 4 KiB. Leaves in `w` where it is.
 */
export function findRegion(f: FunctionBody, { cpu, t, lo, linear, w }: Wanted, missed: Label): void {
  pushRemembered(f, cpu, lo);
  f.tee(w).memory(Op.i64_load, at(W_REGION)).get(linear).i64(BigInt(REGION_SHIFT)).op(Op.i64_shr_u, Op.i64_ne).unlikely().brIf(missed);
  f.get(w).memory(Op.i64_load, at(W_STAMPS)).get(t).memory(Op.i64_load, 4 * H_STAMP).op(Op.i64_ne).unlikely().brIf(missed);
}

/** The same, and unless the upper levels of its walk are as they were. */
export function findWalk(f: FunctionBody, wanted: Wanted, missed: Label): void {
  const { cpu, w } = wanted, missedIf = () => f.unlikely().brIf(missed);
  findRegion(f, wanted, missed);
  f.get(w).memory(Op.i64_load, at(W_CR3)).get(cpu).memory(Op.i64_load, L.CR3).op(Op.i64_ne);
  missedIf();
  for (let n = 0; n < 3; n++) {
    f.get(w).memory(Op.i32_load, at(W_AT + 4 * n)).memory(Op.i64_load).get(w).memory(Op.i64_load, at(W_VALUES + 8 * n)).op(Op.i64_ne);
    missedIf();
  }
}

/** Pushes one of the i32 fields W_* that are exported. */
export function pushField(f: FunctionBody, w: number, field: number): void { f.get(w).memory(Op.i32_load, at(field)); }

/** Pushes the address of the home set of page `page` (local) of a region that has been found. */
export function pushHomeSet(f: FunctionBody, { t, w, page, global }: { t: number; w: number; page: number; global: boolean }): void {
  pushField(f, w, global ? W_GLOBAL_SET : W_SET);
  pushSetOf(f, t, () => f.get(page));
}

/** Pushes the host address of the entry of level 1 for an address whose walk has been found. */
export function pushLeafAddress(f: FunctionBody, w: number, lo: number): void {
  pushField(f, w, W_TABLE);
  f.get(lo).i32(9).op(Op.i32_shr_u).i32(0xff8).op(Op.i32_and, Op.i32_add);
}

/** Pushes an i64: what counts of an entry of level 1 for whether it is present and well-formed; CHECKED_OK if so. */
export function pushChecked(f: FunctionBody, w: number, value: number): void {
  f.get(value).get(w).memory(Op.i64_load, at(W_CHECKED)).op(Op.i64_and);
}
export const CHECKED_OK = BigInt(PTE_P);
