import { Vector } from '../core.js';
import * as L from '../cpu/layout.js';
import { WALK_CYCLES, WALK_LEVEL_CYCLES } from '../cycles/model.js';
import { MemoryKind } from '../memory/kind.js';
import { ACCESS_INFO, PAGE_DIRTY, PAGE_FLAGS_BASE, PAGE_SLOW_STORES, RAM_BASE, RAM_PAGES, TlbTable } from '../memory/layout.js';
import { PF_U, PF_W, PTE_A, PTE_D, PTE_G, PTE_P, PTE_PWT } from '../memory/pagingBits.js';
import { GLOBAL_SMALL_IN_USE, H_GLOBAL_STAMP, H_IN_USE, H_MODE, H_STAMP, INFO_DIRTY, INFO_PROTECTION_SHIFT, INFO_RIGHTS_SHIFT, INFO_TYPE_SHIFT, SMALL_IN_USE } from '../memory/tlbLayout.js';
import { type FunctionBody, type Label, Op, Type } from '../translate/wasm.js';
import { fillEntry, pushAllowed, pushTlbRegion } from './fastTable.js';
import { FRAME_FAULT, pushInPage, pushIsSlowStore, pushLinear, pushPage } from './page.js';
import { CHECKED_OK, findWalk, pushChecked, pushField, pushHomeSet, pushLeafAddress, W_UNACCESSED, W_UPPER, W_UPPER_NX } from './rememberedWalk.js';
import { brIfInSet, brIfLive, writeEntry } from './tlbSet.js';

/**
 * (cpu, low, high, kind) -> host address or RESOLVE_*: `Mmu.resolve`. What is done here is the access by translated code to a page of 4 KiB that the TLB does not have,
 * where the upper levels of its walk are remembered: without a call, for which V8 would have to keep everything on the host's stack. All else, before anything
 * has been done, is left to `further`.
 */
export function emitResolve(f: FunctionBody, further: number): void {
  const [cpu, lo, hi, kind] = [0, 1, 2, 3];
  const general = f.block();
  walkAsRemembered(f, general);
  f.op(Op.return).end();
  f.get(cpu).get(lo).get(hi).get(kind).call(further);
}

/** The same for every access. */
export function emitResolveFurther(f: FunctionBody, { frameOf, markDirty, unusual }: { frameOf: number; markDirty: number; unusual: number }): void {
  const [cpu, lo, hi, kind] = [0, 1, 2, 3], frame = f.local(Type.I32), info = f.local(Type.I32), flags = f.local(Type.I32), page = f.local(Type.I32);
  const giveUp = () => f.get(cpu).get(lo).get(hi).get(kind).call(unusual).op(Op.return).end();
  pushCrosses(f, { lo, kind });
  f.unlikely().if();
  giveUp();
  f.get(cpu).get(lo).get(hi).get(kind).call(frameOf).tee(frame).i32(FRAME_FAULT).op(Op.i32_eq).unlikely().if();
  f.i32(FRAME_FAULT).op(Op.return).end();
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
  f.get(cpu).memory(Op.i32_load, L.FAST_TABLE).set(table);
  pushTlbRegion(f, cpu);
  f.memory(Op.i32_load, 4 * H_MODE).set(mode).i32(0).memory(Op.i32_load, ACCESS_INFO).set(info);
  fillEntry(f, { cpu, table, mode, lo, hi, page, flags, info });
  pushInPage(f, { page, lo });
}

/** Pushes an i32 that is not zero if an access crosses its page's end. */
function pushCrosses(f: FunctionBody, { lo, kind }: { lo: number; kind: number }): void {
  f.get(lo).i32(0xfff).op(Op.i32_and).get(kind).i32(0xff).op(Op.i32_and, Op.i32_add).i32(0x1000).op(Op.i32_gt_u);
}

/** Branches to `general` if stores to a page, whose number is on the stack, have to be told to anybody. Leaves its flags in local `flags`. */
function unlessPlain(f: FunctionBody, flags: number, general: Label): void {
  f.memory(Op.i32_load8_u, PAGE_FLAGS_BASE).tee(flags).i32(PAGE_SLOW_STORES | PAGE_DIRTY).op(Op.i32_and).i32(PAGE_DIRTY).op(Op.i32_ne).unlikely().brIf(general);
}

interface Lookup { t: number; linear: number; w: number; page: number; set: number; stamp: number; use: number; }

/** Branches to `general` if the TLB has an entry for the page, or may have one. Leaves the page's number, its home set and its stamp in their locals. */
function unlessInTlb(f: FunctionBody, { t, linear, w, page, set, stamp, use }: Lookup, general: Label): void {
  f.get(linear).i64(12n).op(Op.i64_shr_u, Op.i32_wrap_i64).set(page).get(use).i32(GLOBAL_SMALL_IN_USE).op(Op.i32_and).if();
  pushHomeSet(f, { t, w, page, global: true });
  f.set(set).get(t).memory(Op.i32_load, 4 * H_GLOBAL_STAMP).set(stamp);
  brIfInSet(f, { page, stamp }, set, general);
  f.end();
  pushHomeSet(f, { t, w, page, global: false });
  f.set(set).get(t).memory(Op.i32_load, 4 * H_STAMP).set(stamp).get(use).i32(SMALL_IN_USE).op(Op.i32_and).if();
  brIfInSet(f, { page, stamp }, set, general);
  f.end();
}

/** Returns with the page fault of an entry that is not present in FAULT_*. */
function leaveAbsent(f: FunctionBody, lookup: Lookup, general: Label): void {
  const [cpu, kind] = [0, 3], { t, linear, use } = lookup;
  // A fault ends stores that wait, which TypeScript knows.
  f.get(cpu).memory(Op.i32_load, L.PENDING);
  f.unlikely().brIf(general);
  f.get(t).memory(Op.i32_load, 4 * H_IN_USE).tee(use).i32(SMALL_IN_USE | GLOBAL_SMALL_IN_USE).op(Op.i32_and).if();
  unlessInTlb(f, lookup, general);
  f.end();
  f.get(cpu).get(kind).i32(Math.log2(MemoryKind.Write / PF_W)).op(Op.i32_shr_u).i32(PF_W).op(Op.i32_and);
  f.get(t).memory(Op.i32_load, 4 * H_MODE).i32(TlbTable.User).op(Op.i32_and).i32(Math.log2(PF_U)).op(Op.i32_shl, Op.i32_or);
  f.op(Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl).i64(BigInt(Vector.PF)).op(Op.i64_or).memory(Op.i64_store, L.FAULT_VECTOR);
  f.get(cpu).i32(1).memory(Op.i32_store, L.FAULT_HAS_ERROR);
  f.get(cpu).get(linear).memory(Op.i64_store, L.FAULT_ADDRESS);
  f.i32(FRAME_FAULT).op(Op.return);
}

/** Pushes a host address; a page fault returns. Branches to `general` where more has to be looked at. */
function walkAsRemembered(f: FunctionBody, general: Label): void {
  const [cpu, lo, hi, kind] = [0, 1, 2, 3], t = f.local(Type.I32), linear = f.local(Type.I64), w = f.local(Type.I32), leaf = f.local(Type.I32), value = f.local(Type.I64), low = f.local(Type.I32);
  const page = f.local(Type.I32), set = f.local(Type.I32), stamp = f.local(Type.I32), use = f.local(Type.I32);
  const otherwise = () => f.unlikely().brIf(general);
  f.get(kind).i32(MemoryKind.Execute | MemoryKind.Supervisor).op(Op.i32_and);
  otherwise();
  pushCrosses(f, { lo, kind });
  otherwise();
  pushTlbRegion(f, cpu);
  f.set(t);
  pushLinear(f, lo, hi);
  f.set(linear);
  findWalk(f, { cpu, t, lo, linear, w }, general);
  pushLeafAddress(f, w, lo);
  f.tee(leaf).memory(Op.i64_load).set(value);
  pushChecked(f, w, value);
  f.i64(CHECKED_OK).op(Op.i64_ne).if();
  f.get(value).op(Op.i32_wrap_i64).i32(PTE_P).op(Op.i32_and);
  otherwise();
  leaveAbsent(f, { t, linear, w, page, set, stamp, use }, general);
  f.end();

  f.get(t).memory(Op.i32_load, 4 * H_IN_USE).set(use);
  unlessInTlb(f, { t, linear, w, page, set, stamp, use }, general);
  // Global pages, and accessed bits of the upper levels, are left to the walk.
  f.get(value).op(Op.i32_wrap_i64).tee(low).i32(PTE_G).op(Op.i32_and);
  pushField(f, w, W_UNACCESSED);
  f.op(Op.i32_or);
  otherwise();
  const rights = f.local(Type.I32), write = f.local(Type.I32), frame = f.local(Type.I32), flags = f.local(Type.I32), others = f.local(Type.I32), needed = f.local(Type.I32);
  f.get(kind).i32(MemoryKind.Write).op(Op.i32_and).set(write);
  // What is allowed by the rights of all levels.
  f.get(low).i32(1).op(Op.i32_shr_u);
  pushField(f, w, W_UPPER);
  f.op(Op.i32_and).get(value).i64(63n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(2).op(Op.i32_shl);
  pushField(f, w, W_UPPER_NX);
  f.op(Op.i32_or, Op.i32_or).set(rights);
  f.get(t).memory(Op.i32_load, 4 * H_MODE);
  pushAllowed(f, t);
  f.get(rights).get(write).i32(Math.log2(MemoryKind.Write / 8)).op(Op.i32_shr_u, Op.i32_add, Op.i32_shr_u).i32(1).op(Op.i32_and, Op.i32_eqz);
  otherwise();
  f.get(value).i64(12n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(0xfffffff).op(Op.i32_and).tee(frame).i32(0).memory(Op.i32_load, RAM_PAGES).op(Op.i32_ge_u);
  otherwise();
  f.get(write).if();
  f.get(frame);
  unlessPlain(f, flags, general);
  f.else().get(frame).memory(Op.i32_load8_u, PAGE_FLAGS_BASE).set(flags).end();
  brIfLive(f, { t, entry: set, at: 0 }, general);
  // Accessed, and dirty for a write.
  f.get(write).i32(Math.log2(MemoryKind.Write / PTE_D)).op(Op.i32_shr_u).i32(PTE_A).op(Op.i32_or).tee(needed).get(low).i32(-1).op(Op.i32_xor, Op.i32_and).if();
  f.get(leaf).i32(RAM_BASE).op(Op.i32_sub).i32(12).op(Op.i32_shr_u);
  unlessPlain(f, others, general);
  f.get(leaf).get(low).get(needed).op(Op.i32_or).tee(low).memory(Op.i32_store).end();

  const info = f.local(Type.I32), table = f.local(Type.I32), mode = f.local(Type.I32);
  f.get(rights).i32(INFO_RIGHTS_SHIFT).op(Op.i32_shl).get(low).i32(PTE_D).op(Op.i32_and).i32(Math.log2(INFO_DIRTY / PTE_D)).op(Op.i32_shl, Op.i32_or);
  // PWT and PCD, PAT, and the protection key.
  f.get(low).i32(3 * PTE_PWT).op(Op.i32_and).i32(INFO_TYPE_SHIFT - 3).op(Op.i32_shl, Op.i32_or).get(low).i32(1 << 7).op(Op.i32_and).i32(INFO_TYPE_SHIFT + 2 - 7).op(Op.i32_shl, Op.i32_or);
  f.get(value).i64(59n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(INFO_PROTECTION_SHIFT).op(Op.i32_shl, Op.i32_or).set(info);
  writeEntry(f, { t, entry: set, page, hi, info, frame, stamp });
  f.get(t).get(use).i32(SMALL_IN_USE).op(Op.i32_or).memory(Op.i32_store, 4 * H_IN_USE);
  f.get(cpu).get(cpu).memory(Op.i64_load, L.EXTRA_CYCLES).i64(BigInt(WALK_CYCLES + 4 * WALK_LEVEL_CYCLES)).op(Op.i64_add).memory(Op.i64_store, L.EXTRA_CYCLES);
  pushPage(f, frame);
  f.set(frame).get(cpu).memory(Op.i32_load, L.FAST_TABLE).set(table).get(t).memory(Op.i32_load, 4 * H_MODE).set(mode);
  fillEntry(f, { cpu, table, mode, lo, hi, page: frame, flags, info }, true);
  pushInPage(f, { page: frame, lo });
}
