import { Vector } from '../core.js';
import * as L from '../cpu/layout.js';
import { WALK_CYCLES, WALK_LEVEL_CYCLES } from '../cycles/model.js';
import { MemoryKind } from '../memory/kind.js';
import { ACCESS_INFO, PAGE_DIRTY, PAGE_FLAGS_BASE, PAGE_SLOW_STORES, RAM_PAGES, TlbTable } from '../memory/layout.js';
import { PF_U, PF_W, PTE_A, PTE_D, PTE_G, PTE_P, PTE_PWT } from '../memory/pagingBits.js';
import { CONFIG_PGE, H_ALLOWED_NOW, H_CONFIG, H_GLOBAL_STAMP, H_IN_USE, H_MODE, H_STAMP, INFO_DIRTY, INFO_GLOBAL, INFO_PROTECTION_SHIFT, INFO_RIGHTS_SHIFT, INFO_TYPE_SHIFT } from '../memory/tlbLayout.js';
import { type FunctionBody, type Label, Op, Type } from '../translate/wasm.js';
import { fillEntry, pushTlbRegion } from './fastTable.js';
import { FRAME_FAULT, pushIsSlowStore, pushPage } from './page.js';
import { CHECKED_OK, findWalk, pushChecked, pushLeafAddress, W_GLOBAL_SET, W_SET, W_UNACCESSED, W_UPPER, W_UPPER_NX } from './rememberedWalk.js';
import { brIfInSet, pushSetOf } from './tlbSet.js';

/** Bits of H_IN_USE: there are entries for 4 KiB of a PCID, global ones. */
const SMALL_IN_USE = 1, GLOBAL_IN_USE = 8;

interface Functions {
  frameOf: number;
  markDirty: number;
  unusual: number;
  insert: number;
  /** See `WalkFunctions`. */
  set: number;
}

/** (cpu, low, high, kind) -> host address or RESOLVE_*: `Mmu.resolve`. */
export function emitResolve(f: FunctionBody, functions: Functions): void {
  const { frameOf, markDirty, unusual } = functions;
  const [cpu, lo, hi, kind] = [0, 1, 2, 3], frame = f.local(Type.I32), info = f.local(Type.I32), flags = f.local(Type.I32), page = f.local(Type.I32), t = f.local(Type.I32);
  const giveUp = () => f.get(cpu).get(lo).get(hi).get(kind).call(unusual).op(Op.return).end();
  f.get(lo).i32(0xfff).op(Op.i32_and).get(kind).i32(0xff).op(Op.i32_and, Op.i32_add).i32(0x1000).op(Op.i32_gt_u).unlikely().if();
  giveUp();
  pushTlbRegion(f, cpu);
  f.set(t);
  const known = f.block(), general = f.block();
  walkAsRemembered(f, functions, { t, frame, info }, general);
  f.br(known).end();
  f.get(cpu).get(lo).get(hi).get(kind).call(frameOf).tee(frame).i32(FRAME_FAULT).op(Op.i32_eq).unlikely().if();
  f.i32(FRAME_FAULT).op(Op.return).end();
  f.i32(0).memory(Op.i32_load, ACCESS_INFO).set(info).end();
  // FRAME_UNUSUAL is beyond RAM too.
  f.get(frame).i32(0).memory(Op.i32_load, RAM_PAGES).op(Op.i32_ge_u).unlikely().if();
  giveUp();
  f.get(frame).memory(Op.i32_load8_u, PAGE_FLAGS_BASE).set(flags);
  f.get(kind).i32(MemoryKind.Write).op(Op.i32_and).if();
  f.get(flags).i32(PAGE_SLOW_STORES).op(Op.i32_and).unlikely().if();
  pushIsSlowStore(f, { frame, flags, lo }, () => f.get(kind).i32(0xff).op(Op.i32_and));
  f.if();
  giveUp();
  f.end();
  f.get(flags).i32(PAGE_DIRTY).op(Op.i32_and, Op.i32_eqz).unlikely().if();
  f.get(frame).call(markDirty).get(flags).i32(PAGE_DIRTY).op(Op.i32_or).set(flags).end().end();
  pushPage(f, frame);
  f.set(page);
  const table = f.local(Type.I32), mode = f.local(Type.I32);
  f.get(cpu).memory(Op.i32_load, L.FAST_TABLE).set(table).get(t).memory(Op.i32_load, 4 * H_MODE).set(mode);
  fillEntry(f, { cpu, table, mode, lo, hi, page, flags, info });
  f.get(page).get(lo).i32(0xfff).op(Op.i32_and, Op.i32_or);
}

/**
 * The access to a page of 4 KiB that the TLB does not have, where the upper levels of its walk are remembered: as `frameOf`. Branches to `general` where
 * more has to be looked at, and nothing has been done then but what `frameOf` will do again; a page fault returns.
 */
function walkAsRemembered(f: FunctionBody, { insert, set }: Functions, { t, frame, info }: { t: number; frame: number; info: number }, general: Label): void {
  const [cpu, lo, hi, kind] = [0, 1, 2, 3], linear = f.local(Type.I64), w = f.local(Type.I32), scratch = f.local(Type.I32), leaf = f.local(Type.I32), value = f.local(Type.I64), low = f.local(Type.I32);
  const otherwise = () => f.unlikely().brIf(general);
  f.get(kind).i32(MemoryKind.Execute | MemoryKind.Supervisor).op(Op.i32_and);
  otherwise();
  f.get(lo).op(Op.i64_extend_i32_u).get(hi).op(Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl, Op.i64_or).set(linear);
  findWalk(f, { cpu, t, lo, linear, w }, general);
  const page = f.local(Type.I32), stamp = f.local(Type.I32), use = f.local(Type.I32);
  f.get(linear).i64(12n).op(Op.i64_shr_u, Op.i32_wrap_i64).set(page).get(t).memory(Op.i32_load, 4 * H_IN_USE).set(use);
  for (const [bit, region, of] of [[SMALL_IN_USE, W_SET, H_STAMP], [GLOBAL_IN_USE, W_GLOBAL_SET, H_GLOBAL_STAMP]] as const) {
    f.get(use).i32(bit).op(Op.i32_and).if();
    f.get(w).memory(Op.i32_load, region);
    pushSetOf(f, t, () => f.get(page));
    f.set(scratch).get(t).memory(Op.i32_load, 4 * of).set(stamp);
    brIfInSet(f, { page, stamp }, scratch, general);
    f.end();
  }
  f.release(page, stamp, use);

  pushLeafAddress(f, w, lo);
  f.tee(leaf).memory(Op.i64_load).set(value);
  pushChecked(f, w, value);
  f.i64(CHECKED_OK).op(Op.i64_ne).if();
  f.get(value).op(Op.i32_wrap_i64).i32(PTE_P).op(Op.i32_and);
  otherwise();
  // A fault ends stores that wait, which TypeScript knows.
  f.get(cpu).memory(Op.i32_load, L.PENDING);
  otherwise();
  f.get(cpu).get(kind).i32(Math.log2(MemoryKind.Write / PF_W)).op(Op.i32_shr_u).i32(PF_W).op(Op.i32_and);
  f.get(t).memory(Op.i32_load, 4 * H_MODE).i32(TlbTable.User).op(Op.i32_and).i32(Math.log2(PF_U)).op(Op.i32_shl, Op.i32_or);
  f.op(Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl).i64(BigInt(Vector.PF)).op(Op.i64_or).memory(Op.i64_store, L.FAULT_VECTOR);
  f.get(cpu).i32(1).memory(Op.i32_store, L.FAULT_HAS_ERROR);
  f.get(cpu).get(linear).memory(Op.i64_store, L.FAULT_ADDRESS);
  f.i32(FRAME_FAULT).op(Op.return).end();

  // Accessed bits of the upper levels are left to the walk.
  f.get(value).op(Op.i32_wrap_i64).set(low).get(w).memory(Op.i32_load, W_UNACCESSED);
  otherwise();
  // What is allowed by the rights of all levels.
  f.get(low).i32(1).op(Op.i32_shr_u).get(w).memory(Op.i32_load, W_UPPER).op(Op.i32_and);
  f.get(value).i64(63n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(2).op(Op.i32_shl).get(w).memory(Op.i32_load, W_UPPER_NX).op(Op.i32_or, Op.i32_or).set(info);
  f.get(t).memory(Op.i32_load, 4 * H_ALLOWED_NOW).get(info).get(kind).i32(Math.log2(MemoryKind.Write / 8)).op(Op.i32_shr_u).i32(8).op(Op.i32_and, Op.i32_add, Op.i32_shr_u).i32(1).op(Op.i32_and, Op.i32_eqz);
  otherwise();
  // Accessed, and dirty for a write.
  f.get(kind).i32(Math.log2(MemoryKind.Write / PTE_D)).op(Op.i32_shr_u).i32(PTE_D).op(Op.i32_and).i32(PTE_A).op(Op.i32_or).tee(scratch).get(low).i32(-1).op(Op.i32_xor, Op.i32_and).if();
  f.get(leaf).get(scratch).call(set).get(low).get(scratch).op(Op.i32_or).set(low).end();

  f.get(info).i32(INFO_RIGHTS_SHIFT).op(Op.i32_shl).get(low).i32(PTE_D).op(Op.i32_and).i32(Math.log2(INFO_DIRTY / PTE_D)).op(Op.i32_shl, Op.i32_or);
  f.get(low).i32(Math.log2(INFO_GLOBAL / PTE_G)).op(Op.i32_shl).get(t).memory(Op.i32_load, 4 * H_CONFIG).i32(Math.log2(INFO_GLOBAL / CONFIG_PGE)).op(Op.i32_shl, Op.i32_and).i32(INFO_GLOBAL).op(Op.i32_and, Op.i32_or);
  // PWT and PCD, PAT, and the protection key.
  f.get(low).i32(3 * PTE_PWT).op(Op.i32_and).i32(INFO_TYPE_SHIFT - 3).op(Op.i32_shl, Op.i32_or).get(low).i32(1 << 7).op(Op.i32_and).i32(INFO_TYPE_SHIFT + 2 - 7).op(Op.i32_shl, Op.i32_or);
  f.get(value).i64(59n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(INFO_PROTECTION_SHIFT).op(Op.i32_shl, Op.i32_or).set(info);
  f.get(value).i64(12n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(0xfffffff).op(Op.i32_and).set(frame);
  f.get(t).get(lo).get(hi).i32(0).get(frame).get(info).call(insert).op(Op.i32_eqz);
  otherwise();
  f.get(cpu).get(cpu).memory(Op.i64_load, L.EXTRA_CYCLES).i64(BigInt(WALK_CYCLES + 4 * WALK_LEVEL_CYCLES)).op(Op.i64_add).memory(Op.i64_store, L.EXTRA_CYCLES);
  f.release(linear, w, scratch, leaf, value, low);
}
