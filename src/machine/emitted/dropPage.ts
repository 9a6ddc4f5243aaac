import { FAST_TABLE_SIZE, FAST_TAG_EXEC, FAST_TAG_READ, FAST_TAG_WRITE, TlbTable } from '../memory/layout.js';
import { DROPPED_STAMP, E_INFO, E_PAGE, E_STAMP, GLOBAL_SMALL_IN_USE, H_IN_USE, H_STAMP, INFO_KEY } from '../memory/tlbLayout.js';
import { type FunctionBody, type Label, Op, Type } from '../translate/wasm.js';
import { pushFastOffset, pushFastTable, pushTlbRegion } from './fastTable.js';
import { pushLinear } from './page.js';
import { forget } from './remembered.js';
import { findRegion, pushHomeSet } from './rememberedWalk.js';
import { DROPPED_SMALL, type TlbFunctions } from './tlb.js';
import { ENTRIES, ENTRY_BYTES, pushOverflowed, pushTop, touch } from './tlbSet.js';

/** (cpu, low, high) -> DROPPED_*: see `AccessFunctions`. */
export function emitDropPage(f: FunctionBody, tlb: TlbFunctions, endContext: number): void {
  const [cpu, lo, hi] = [0, 1, 2], t = f.local(Type.I32), dropped = f.local(Type.I32), entry = f.local(Type.I32);
  pushTlbRegion(f, cpu);
  f.set(t);
  const known = f.block(), general = f.block();
  dropSmall(f, { cpu, t, lo, hi, entry }, known, general);
  f.i32(DROPPED_SMALL).set(dropped).br(known).end();
  f.get(t).get(lo).get(hi).get(t).memory(Op.i32_load, 4 * H_STAMP).i32(1).call(tlb.drop).set(dropped).end();
  f.get(dropped).op(Op.i32_eqz).if();
  f.i32(0).op(Op.return).end();
  f.get(dropped).i32(~DROPPED_SMALL).op(Op.i32_and).unlikely().if();
  f.get(cpu).get(dropped).call(endContext);
  f.else();
  pushFastOffset(f, cpu, lo);
  pushFastTable(f, cpu, 0);
  f.op(Op.i32_add).tee(entry).memory(Op.i32_load, FAST_TAG_READ).get(entry).memory(Op.i32_load, FAST_TAG_WRITE).get(entry).memory(Op.i32_load, FAST_TAG_EXEC).op(Op.i32_or, Op.i32_or).if();
  forget(f, cpu);
  f.end();
  for (const table of [TlbTable.Supervisor, TlbTable.User, TlbTable.SupervisorAc]) {
    for (const tag of [FAST_TAG_READ, FAST_TAG_WRITE, FAST_TAG_EXEC]) f.get(entry).i32(0).memory(Op.i32_store, table * FAST_TABLE_SIZE + tag);
  }
  f.end().get(dropped);
}

/**
 * Drops the entry for an address of a region that is known to have none but for 4 KiB of the current PCID, and goes on; branches to `none` if there is no entry,
 * to `general` if it may be otherwise.
 */
function dropSmall(f: FunctionBody, { cpu, t, lo, hi, entry }: { cpu: number; t: number; lo: number; hi: number; entry: number }, none: Label, general: Label): void {
  const linear = f.local(Type.I64), page = f.local(Type.I32), w = f.local(Type.I32), found = f.block();
  f.get(t).memory(Op.i32_load, 4 * H_IN_USE).i32(GLOBAL_SMALL_IN_USE).op(Op.i32_and).brIf(general);
  pushLinear(f, lo, hi);
  f.tee(linear).i64(12n).op(Op.i64_shr_u, Op.i32_wrap_i64).set(page);
  findRegion(f, { cpu, t, linear, lo, w }, general);
  pushHomeSet(f, { t, w, page, global: false });
  f.set(entry);
  for (let n = 0; n < ENTRIES; n++) {
    f.get(entry).memory(Op.i32_load, 4 * E_STAMP).op(Op.i32_eqz).brIf(none);
    f.get(entry).memory(Op.i32_load, 4 * E_PAGE).get(page).op(Op.i32_eq).if();
    f.get(entry).memory(Op.i32_load, 4 * E_STAMP).get(t).memory(Op.i32_load, 4 * H_STAMP).op(Op.i32_eq).brIf(found).end();
    if (n < ENTRIES - 1) f.get(entry).i32(ENTRY_BYTES).op(Op.i32_add).set(entry);
  }
  f.get(entry).i32((ENTRIES - 1) * ENTRY_BYTES).op(Op.i32_sub).set(entry);
  pushOverflowed(f, entry);
  f.brIf(general).br(none).end();
  // Of two addresses that differ in bits 47:44 alone it may be the other's.
  f.get(entry).memory(Op.i32_load, 4 * E_INFO).i32(INFO_KEY).op(Op.i32_and);
  pushTop(f, hi);
  f.op(Op.i32_ne).unlikely().brIf(general);
  f.get(entry).i32(DROPPED_STAMP).memory(Op.i32_store, 4 * E_STAMP);
  touch(f, entry);
  f.release(linear, page, w);
}
