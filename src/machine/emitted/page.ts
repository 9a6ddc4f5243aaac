import { CODE_LINE, CODE_LINES_BASE, PAGE_HAS_CODE, PAGE_SLOW_STORES, RAM_BASE } from '../memory/layout.js';
import { type FunctionBody, Op, Type } from '../translate/wasm.js';

/** What the ways of translating an access share: what `frameOf` gives, and what counts of the page that it has found. */

/** `frameOf` has found a fault, which FAULT_* say. */
export const FRAME_FAULT = -1;
/** `frameOf` leaves it to TypeScript, and nothing has been done but what that will do again. */
export const FRAME_UNUSUAL = -2;

/** Pushes the linear address (i64) whose halves are in locals. */
export function pushLinear(f: FunctionBody, lo: number, hi: number): void {
  f.get(lo).op(Op.i64_extend_i32_u).get(hi).op(Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl, Op.i64_or);
}

/** Pushes the host address of page `frame`. */
export function pushPage(f: FunctionBody, frame: number): void { f.get(frame).i32(12).op(Op.i32_shl).i32(RAM_BASE).op(Op.i32_add); }

/** Pushes the host address of what lies in the page at host address `page`. */
export function pushInPage(f: FunctionBody, { page, lo }: { page: number; lo: number }): void { f.get(page).get(lo).i32(0xfff).op(Op.i32_and, Op.i32_or); }

/**
 * Pushes an i32 that is not zero if TypeScript has to carry out a store to a page with one of PAGE_SLOW_STORES: unless that is PAGE_HAS_CODE alone and
 * nothing has been decoded from the lines that the store comes to. Such pages have no write tags, so each store asks.
 */
export function pushIsSlowStore(f: FunctionBody, { frame, flags, lo }: { frame: number; flags: number; lo: number }, pushSize: () => void): void {
  const shift = Math.log2(CODE_LINE);
  f.get(flags).i32(PAGE_SLOW_STORES & ~PAGE_HAS_CODE).op(Op.i32_and).if(Type.I32);
  f.i32(1).else();
  // As many bits as there are lines, from that of the first on; those beyond the page's end fall off.
  f.get(frame).i32(3).op(Op.i32_shl).memory(Op.i64_load, CODE_LINES_BASE);
  f.i64(2n).get(lo).i32(CODE_LINE - 1).op(Op.i32_and);
  pushSize();
  f.op(Op.i32_add).i32(1).op(Op.i32_sub).i32(shift).op(Op.i32_shr_u, Op.i64_extend_i32_u, Op.i64_shl).i64(1n).op(Op.i64_sub);
  f.get(lo).i32(shift).op(Op.i32_shr_u).i32(63).op(Op.i32_and, Op.i64_extend_i32_u, Op.i64_shl, Op.i64_and, Op.i64_eqz, Op.i32_eqz).end();
}
