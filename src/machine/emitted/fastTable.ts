import * as L from '../cpu/layout.js';
import { FAST_INDEX_MASK } from '../memory/fastTable.js';
import {
  CPU_BASE, CPU_SIZE, FAST_ADDEND, FAST_BASE, FAST_CPU_SIZE, FAST_TABLE_SIZE, FAST_TAG_EXEC, FAST_TAG_READ, FAST_TAG_WRITE, PAGE_DIRTY, PAGE_SLOW_STORES,
  TLB_BASE, TLB_CPU_SIZE, TlbTable,
} from '../memory/layout.js';
import { H_ALLOWED, H_KEYS, INFO_DIRTY, INFO_GLOBAL, INFO_PROTECTION_SHIFT, INFO_RIGHTS_SHIFT, INFO_USER } from '../memory/tlbLayout.js';
import { type FunctionBody, Op, Type } from '../translate/wasm.js';

/** The fast tables (`memory/fastTable.ts`) as emitted code finds, reads and fills them. */

const TLB_RATIO = TLB_CPU_SIZE / CPU_SIZE, FAST_RATIO = FAST_CPU_SIZE / CPU_SIZE;

/** Pushes the host address of a CPU's TLB region. */
export function pushTlbRegion(f: FunctionBody, cpu: number): void { f.get(cpu).i32(CPU_BASE).op(Op.i32_sub).i32(TLB_RATIO).op(Op.i32_mul).i32(TLB_BASE).op(Op.i32_add); }

/** Pushes the host address of a fast table of a CPU; pops nothing. */
export function pushFastTable(f: FunctionBody, cpu: number, table: number): void {
  f.get(cpu).i32(FAST_RATIO).op(Op.i32_mul).i32(FAST_BASE - CPU_BASE * FAST_RATIO + table * FAST_TABLE_SIZE).op(Op.i32_add);
}

/** Pushes the offset in a fast table of the entry for the low half of an address. */
export function pushFastOffset(f: FunctionBody, cpu: number, lo: number): void {
  f.get(lo).i32(7).op(Op.i32_shr_u).get(cpu).memory(Op.i32_load, L.FAST_INDEX).op(Op.i32_xor).i32(FAST_INDEX_MASK).op(Op.i32_and);
}

/** Pushes the address of the entry for the low half of an address in a table that is combined with FAST_INDEX, as FAST_TABLE is. */
export function pushEntry(f: FunctionBody, lo: number, pushTable: () => void): void {
  f.get(lo).i32(7).op(Op.i32_shr_u).i32(FAST_INDEX_MASK).op(Op.i32_and);
  pushTable();
  f.op(Op.i32_xor);
}

/** Pushes what FAST_TABLE is for a table, known or in a local. */
export function pushIndexedTable(f: FunctionBody, cpu: number, table: number | { local: number }): void {
  pushFastTable(f, cpu, typeof table === 'number' ? table : 0);
  if (typeof table !== 'number') f.get(table.local).i32(FAST_TABLE_SIZE).op(Op.i32_mul, Op.i32_add);
  f.get(cpu).memory(Op.i32_load, L.FAST_INDEX).op(Op.i32_or);
}

/** Pushes the bit of FAST_GLOBALS (i64) for an address. */
export function pushRegionBit(f: FunctionBody, lo: number): void { f.i64(1n).get(lo).i32(21).op(Op.i32_shr_u, Op.i64_extend_i32_u, Op.i64_shl); }

/** Pops a mode (`TlbTable`); pushes the word of H_ALLOWED for it. */
export function pushAllowed(f: FunctionBody, t: number): void { f.i32(2).op(Op.i32_shl).get(t).op(Op.i32_add).memory(Op.i32_load, 4 * H_ALLOWED); }

interface Filled { cpu: number; table: number; mode: number; lo: number; hi: number; page: number; flags: number; info: number; }

/**
 * Enters a page into a fast table, with all that the INFO_* bits in `info` allow: see `AccessFunctions.fill`.
 * @param plain it is no global page, and there are no protection keys
 */
export function fillEntry(f: FunctionBody, { cpu, table, mode, lo, hi, page, flags, info }: Filled, plain = false): void {
  const t = f.local(Type.I32), entry = f.local(Type.I32), tag = f.local(Type.I32), allowed = f.local(Type.I32), forbidden = f.local(Type.I32);
  pushTlbRegion(f, cpu);
  f.set(t);
  pushEntry(f, lo, () => f.get(table));
  f.set(entry);
  f.get(lo).i32(~0xfff).op(Op.i32_and).get(cpu).memory(Op.i32_load, L.FAST_CONTEXT).op(Op.i32_or).set(tag);
  f.get(mode);
  pushAllowed(f, t);
  f.get(info).i32(INFO_RIGHTS_SHIFT).op(Op.i32_shr_u).i32(7).op(Op.i32_and, Op.i32_shr_u).set(allowed);
  if (!plain) {
    f.get(info).i32(INFO_GLOBAL).op(Op.i32_and).if();
    f.get(cpu).get(cpu).memory(Op.i64_load, L.FAST_GLOBALS);
    pushRegionBit(f, lo);
    f.op(Op.i64_or).memory(Op.i64_store, L.FAST_GLOBALS).end();
    f.get(info).i32(INFO_USER).op(Op.i32_and).if();
    f.get(t).get(mode).i32(TlbTable.User).op(Op.i32_and).i32(2).op(Op.i32_shl, Op.i32_add).memory(Op.i32_load, 4 * H_KEYS).get(info).i32(INFO_PROTECTION_SHIFT).op(Op.i32_shr_u, Op.i32_shr_u).set(forbidden);
    // Bit 0 stands for reads, as in `allowed`; bit 16 for writes, there bit 8.
    f.get(allowed).get(forbidden).i32(1).op(Op.i32_and).get(forbidden).i32(8).op(Op.i32_shr_u).i32(0x100).op(Op.i32_and, Op.i32_or).i32(-1).op(Op.i32_xor, Op.i32_and).set(allowed).end();
  }
  const store = (at: number, condition: () => void) => {
    f.get(entry).get(tag).i32(0);
    condition();
    f.op(Op.select).memory(Op.i32_store, at).get(entry).get(hi).memory(Op.i32_store, at + 4);
  };
  store(FAST_TAG_READ, () => f.get(allowed).i32(1).op(Op.i32_and));
  store(FAST_TAG_WRITE, () => f.get(allowed).i32(8).op(Op.i32_shr_u).get(info).i32(Math.log2(INFO_DIRTY)).op(Op.i32_shr_u, Op.i32_and).i32(1).op(Op.i32_and)
    .get(flags).i32(PAGE_DIRTY | PAGE_SLOW_STORES).op(Op.i32_and).i32(PAGE_DIRTY).op(Op.i32_eq, Op.i32_and));
  store(FAST_TAG_EXEC, () => f.get(allowed).i32(0x10000).op(Op.i32_and));
  f.get(entry).get(page).get(lo).i32(~0xfff).op(Op.i32_and, Op.i32_sub).memory(Op.i32_store, FAST_ADDEND);
  f.release(t, entry, tag, allowed, forbidden);
}

/**
 * Pushes the host address for the linear address in i64 local `linear`, accessed implicitly in supervisor mode: by the fast table, or from
 * `supervisorHost`, then perhaps -1. `low` is an i32 local that gets the low half.
 */
export function pushSupervisorHost(f: FunctionBody, cpu: number, linear: number, low: number, entry: number, write: boolean, supervisorHost: number): void {
  f.get(linear).op(Op.i32_wrap_i64).set(low);
  pushFastOffset(f, cpu, low);
  pushFastTable(f, cpu, TlbTable.Supervisor);
  f.op(Op.i32_add).tee(entry).memory(Op.i64_load, write ? FAST_TAG_WRITE : FAST_TAG_READ);
  f.get(linear).i64(-0x1000n).op(Op.i64_and).get(cpu).memory(Op.i64_load, L.FAST_CONTEXT).op(Op.i64_or, Op.i64_eq).likely(true).if(Type.I32);
  f.get(low).get(entry).memory(Op.i32_load, FAST_ADDEND).op(Op.i32_add).else();
  f.get(cpu).get(low).get(linear).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(write ? 1 : 0).call(supervisorHost).end();
}
