import { CodeMode, EVENT_WAITS, Flag, FLAGS, FAST_TABLE, KEPT_MODE, MODE, Seg, SEG, SEG_BASE, SEG_LIMIT, SEG_RIGHTS, SEG_SELECTOR, SEG_SIZE } from '../../cpu/layout.js';
import { pushIndexedTable } from '../../emitted/fastTable.js';
import { CPU_BASE, CPU_SIZE, TLB_BASE, TLB_CPU_SIZE, TlbTable } from '../../memory/layout.js';
import { H_MODE } from '../../memory/tlbLayout.js';
import type { Emitter } from '../../translate/emitter.js';
import { Op } from '../../translate/wasm.js';

/**
 * What the definitions of this folder share. Each is the usual case of a system instruction in WebAssembly, to be taken only
 * where it does exactly what the handler in `system/` does; everything else is handed over before anything has changed.
 */

/** RFLAGS bits by which more than the usual happens behind an instruction that changes flags or the privilege. */
export const UNUSUAL_FLAGS = Flag.TF | Flag.AC;

/** Hands over if the i32 on the stack is not zero. */
export function handOverIf(e: Emitter): void {
  e.f.if();
  e.handOver();
  e.f.end();
}

/** Hands over unless CPL is 0: known while a region is emitted, looked up in a template. */
export function handOverUnlessKernel(e: Emitter): void {
  if (e.region) {
    if (e.insn.mode & (CodeMode.User | CodeMode.Middle)) e.f.i32(1);
    else return;
  } else {
    e.f.get(e.cpu).memory(Op.i32_load, MODE).i32(CodeMode.User | CodeMode.Middle).op(Op.i32_and);
  }
  handOverIf(e);
}

/** Hands over if RFLAGS has one of these bits (none of the arithmetic flags). */
export function handOverIfFlags(e: Emitter, flags: number): void {
  e.f.get(e.cpu).memory(Op.i32_load, FLAGS).i32(flags).op(Op.i32_and);
  handOverIf(e);
}

/** Hands over if the local is no canonical address. */
export function handOverUnlessCanonical(e: Emitter, address: number): void {
  e.f.get(address).i64(47n).op(Op.i64_shr_s).i64(1n).op(Op.i64_add).i64(1n).op(Op.i64_gt_u);
  handOverIf(e);
}

/** Pushes an i32 that is not zero if an interrupt waits and the flags in local `flags` have IF set. */
export function pushEventsOpened(e: Emitter, flags: number): void {
  const f = e.f;
  f.get(e.cpu).memory(Op.i32_load, EVENT_WAITS).i32(0).op(Op.i32_ne);
  f.get(flags).i32(Math.log2(Flag.IF)).op(Op.i32_shr_u, Op.i32_and);
}

/** Pushes the address above which `tlbField` counts. */
export function pushTlb(e: Emitter): void { e.f.get(e.cpu).i32(TLB_RATIO).op(Op.i32_mul); }
/** Offset for a load or store of word `word` of the TLB region, above the address that `pushTlb` pushes. */
export function tlbField(word: number): number { return TLB_BASE - CPU_BASE * TLB_RATIO + 4 * word; }
const TLB_RATIO = TLB_CPU_SIZE / CPU_SIZE;

/** Loads CS or SS with a flat segment; the i32 in local `selector` plus `add` is its selector. */
export function setFlatSegment(e: Emitter, seg: Seg, selector: number, add: number, rights: number): void {
  const f = e.f, at = SEG + seg * SEG_SIZE;
  f.get(e.cpu).get(selector);
  if (add) f.i32(add).op(Op.i32_add);
  f.i32(0xffff).op(Op.i32_and).memory(Op.i32_store, at + SEG_SELECTOR);
  f.get(e.cpu).i32(rights).memory(Op.i32_store, at + SEG_RIGHTS);
  f.get(e.cpu).i32(-1).memory(Op.i32_store, at + SEG_LIMIT);
  f.get(e.cpu).i64(0n).memory(Op.i64_store, at + SEG_BASE);
}

/**
 * `updateMode` for a change of CPL with RFLAGS.AC clear before and after: MODE, the rights and the fast table.
 * @param mode pops nothing, pushes the i32 `CodeMode` bits of the segments: Long, Stack32, User
 */
export function setPrivilege(e: Emitter, table: TlbTable, mode: () => void): void {
  const f = e.f;
  f.get(e.cpu).get(e.cpu).memory(Op.i32_load, MODE).i32(KEPT_MODE).op(Op.i32_and);
  mode();
  f.op(Op.i32_or).memory(Op.i32_store, MODE);
  setTable(e, table);
}

/** Makes the fast table and the rights of `table` count. */
export function setTable(e: Emitter, table: TlbTable): void {
  const f = e.f;
  pushTlb(e);
  f.i32(table).memory(Op.i32_store, tlbField(H_MODE));
  f.get(e.cpu);
  pushIndexedTable(f, e.cpu, table);
  f.memory(Op.i32_store, FAST_TABLE);
}
