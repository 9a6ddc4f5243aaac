import { Vector } from '../core.js';
import * as L from '../cpu/layout.js';
import { Flag } from '../cpu/layout.js';
import { DELIVERY_CYCLES } from '../cycles/model.js';
import { TlbTable } from '../memory/layout.js';
import { H_MODE } from '../memory/tlbLayout.js';
import { Simd } from '../translate/simd.js';
import { type FunctionBody, type Label, type ModuleBuilder, Op, Type } from '../translate/wasm.js';
import { CS_FIELD, NO_ERROR, PUSH_RF, pushFlags, pushFrame, REMEMBERED, RSP, setFlags, SS_FIELD } from './delivery.js';
import { pushTlbRegion } from './fastTable.js';
import * as R from './remembered.js';

/**
 * Adds `deliverFault`: (cpu) -> 1 if the exception in FAULT_* has been delivered as a step of its own; 0 if TypeScript has to, and nothing has changed.
 * It is part of the dispatcher's module: a call into another one takes 2 ns longer.
 * @param enterUsually see `emitDelivery`
 */
export function emitFaultDelivery(module: ModuleBuilder, enterUsually: number): number {
  const deliverFault = module.function({ params: [Type.I32], results: [Type.I32] }, 'deliverFault');
  emitDeliverFault(deliverFault.body, enterUsually);
  return deliverFault.index;
}

/** Exceptions that are delivered here: faults, which push RF. */
export const PLAIN_FAULTS = 1 << Vector.DE | 1 << Vector.BR | 1 << Vector.UD | 1 << Vector.NM | 1 << Vector.TS | 1 << Vector.NP | 1 << Vector.SS | 1 << Vector.GP | 1 << Vector.PF
  | 1 << Vector.MF | 1 << Vector.AC | 1 << Vector.XM;

/**
 * Returns 0 from `deliverFault` unless this is a page fault that nobody wants to hear of. `spinWatch.ts` wants to see rows of few different ones
 * in which nothing else changes: those that come again with the same general registers.
 */
function giveUpUnlessQuiet(f: FunctionBody, { vector, error, address }: { vector: number; error: number; address: number }): void {
  const cpu = 0, record = f.local(Type.I32);
  const field = (op: Op, at: number) => f.get(cpu).memory(op, at);
  f.get(vector).i32(Vector.PF).op(Op.i32_ne).get(error).i32(31).op(Op.i32_gt_u, Op.i32_or);
  field(Op.i32_load, L.QUIET_PAGE_FAULTS).get(error).op(Op.i32_shr_u).i32(1).op(Op.i32_and, Op.i32_eqz, Op.i32_or);
  field(Op.i32_load, SS_FIELD + L.SEG_RIGHTS).i32(5).op(Op.i32_shr_u).i32(3).op(Op.i32_and).i32(3).op(Op.i32_ne, Op.i32_or).if();
  f.i32(0).op(Op.return).end();
  const digest = f.local(Type.I64), isSame = f.local(Type.I32), isLike = f.local(Type.I32);
  const digestAt = (back: number) => {
    field(Op.i32_load, L.EXCEPTION_COUNT);
    if (back) f.i32(back).op(Op.i32_sub);
    f.i32(L.QUIET_LOOKED_BACK - 1).op(Op.i32_and).i32(3).op(Op.i32_shl).get(cpu).op(Op.i32_add);
  };
  f.i32(0).tee(isSame).set(isLike);
  for (let back = 1; back <= L.QUIET_LOOKED_BACK; back++) {
    field(Op.i32_load, L.EXCEPTION_COUNT).i32(back).op(Op.i32_sub).i32(L.EXCEPTIONS_KEPT - 1).op(Op.i32_and).i32(L.EXCEPTION_SIZE).op(Op.i32_mul).get(cpu).op(Op.i32_add).set(record);
    f.get(record).memory(Op.i64_load, L.EXCEPTIONS + L.X_ADDRESS).get(address).op(Op.i64_eq);
    f.get(record).memory(Op.i64_load, L.EXCEPTIONS + L.X_RIP);
    field(Op.i64_load, L.RIP).op(Op.i64_eq, Op.i32_and).if();
    f.i64(0n);
    for (let n = 0; n < 16; n++) {
      field(Op.i64_load, L.GPR + 8 * n);
      if (n) f.i64(BigInt(4 * n)).op(Op.i64_rotl);
      f.op(Op.i64_xor);
    }
    f.set(digest);
    digestAt(back);
    f.memory(Op.i64_load, L.QUIET_DIGESTS).get(digest).op(Op.i64_eq).get(isSame).op(Op.i32_or).set(isSame).i32(1).set(isLike).end();
  }
  f.get(isLike).if();
  digestAt(0);
  f.get(digest).memory(Op.i64_store, L.QUIET_DIGESTS).get(isSame).if();
  f.i32(0).op(Op.return).end().end();
}

function emitDeliverFault(f: FunctionBody, enterUsually: number): void {
  const cpu = 0, vector = f.local(Type.I32), error = f.local(Type.I32), hasError = f.local(Type.I32), address = f.local(Type.I64), record = f.local(Type.I32), count = f.local(Type.I32);
  const field = (op: Op, at: number) => f.get(cpu).memory(op, at);
  const store = (base: number, op: Op, at: number, value: () => void) => {
    f.get(base);
    value();
    f.memory(op, at);
  };
  // What is due between instructions is the run loop's, and so is an exception that somebody wants to be asked about.
  field(Op.i32_load, L.FAULT_VECTOR).set(vector);
  // NMI_UNBLOCK and SINGLE_STEP stand side by side.
  field(Op.i64_load, L.NMI_UNBLOCK).op(Op.i64_eqz, Op.i32_eqz);
  for (const unusual of [L.SHADOW, L.PENDING, L.PENDING_DEBUG]) field(Op.i32_load, unusual).op(Op.i32_or);
  f.unlikely().if();
  f.i32(0).op(Op.return).end();
  field(Op.i32_load, L.FAULT_ERROR).set(error);
  field(Op.i32_load, L.FAULT_HAS_ERROR).set(hasError);
  field(Op.i64_load, L.FAULT_ADDRESS).set(address);
  field(Op.i32_load, L.PLAIN_VECTORS).get(vector).op(Op.i32_shr_u).i32(1).op(Op.i32_and, Op.i32_eqz).if();
  giveUpUnlessQuiet(f, { vector, error, address });
  f.end();

  // As `ExceptionRing.note`; it counts once the delivery is done.
  field(Op.i32_load, L.EXCEPTION_COUNT).tee(count).i32(L.EXCEPTIONS_KEPT - 1).op(Op.i32_and).i32(L.EXCEPTION_SIZE).op(Op.i32_mul).get(cpu).op(Op.i32_add).i32(L.EXCEPTIONS).op(Op.i32_add).set(record);
  // Vector and error code stand side by side there as in FAULT_*, and hasError with the CPL.
  store(record, Op.i64_store, L.X_VECTOR, () => field(Op.i64_load, L.FAULT_VECTOR));
  store(record, Op.i32_store, L.X_HAS_ERROR, () => f.get(hasError));
  store(record, Op.i32_store, L.X_CPL, () => field(Op.i32_load, SS_FIELD + L.SEG_RIGHTS).i32(5).op(Op.i32_shr_u).i32(3).op(Op.i32_and));
  store(record, Op.i64_store, L.X_ADDRESS, () => f.get(address));
  store(record, Op.i64_store, L.X_RIP, () => field(Op.i64_load, L.RIP));
  store(record, Op.i64_store, L.X_CR3, () => field(Op.i64_load, L.CR3));
  store(record, Op.f64_store, L.X_POSITION, () => {
    field(Op.f64_load, L.BUDGET_END);
    field(Op.i32_load, L.BUDGET).op(Op.f64_convert_i32_s, Op.f64_sub);
  });

  const delivered = f.block(), missed = f.block();
  emitRemembered(f, { vector, error, address, missed });
  f.br(delivered).end();
  f.get(cpu).get(vector).get(error).i32(NO_ERROR).get(hasError).op(Op.select).i32(PUSH_RF).call(enterUsually).op(Op.i32_eqz).unlikely().if();
  // Its look-ups may have left faults of their own.
  store(cpu, Op.i32_store, L.FAULT_VECTOR, () => f.get(vector));
  store(cpu, Op.i32_store, L.FAULT_ERROR, () => f.get(error));
  store(cpu, Op.i32_store, L.FAULT_HAS_ERROR, () => f.get(hasError));
  store(cpu, Op.i64_store, L.FAULT_ADDRESS, () => f.get(address));
  f.i32(0).op(Op.return).end();
  f.get(vector).i32(Vector.PF).op(Op.i32_eq).if();
  store(cpu, Op.i64_store, L.CR2, () => f.get(address));
  f.end().end();
  store(cpu, Op.i32_store, L.FAULT_VECTOR, () => f.i32(-1));
  store(cpu, Op.i32_store, L.EXCEPTION_COUNT, () => {
    f.get(count).i32(1).op(Op.i32_add).tee(count).i32(L.EXCEPTION_COUNT_RESET).get(count).i32(L.EXCEPTION_COUNT_MAX).op(Op.i32_ne, Op.select);
  });
  store(cpu, Op.i64_store, L.EXTRA_CYCLES, () => field(Op.i64_load, L.EXTRA_CYCLES).i64(BigInt(DELIVERY_CYCLES)).op(Op.i64_add));
  store(cpu, Op.i32_store, L.BUDGET, () => field(Op.i32_load, L.BUDGET).i32(1).op(Op.i32_sub));
  f.i32(1);
}

/** The delivery of a page fault, CR2 too, as the last one was, where everything is as it was then; branches to `missed` otherwise, and nothing has changed. */
function emitRemembered(f: FunctionBody, { vector, error, address, missed }: { vector: number; error: number; address: number; missed: Label }): void {
  const cpu = 0, host = f.local(Type.I32), flags = f.local(Type.I32);
  const field = (op: Op, at: number) => f.get(cpu).memory(op, at), remembered = (op: Op, at: number) => field(op, REMEMBERED + at);
  const missedIf = () => R.brUnlikely(f, missed);
  // Not by a comparison, which V8 would make once for all who ask, and keep.
  f.get(vector).i32(Vector.PF).op(Op.i32_xor);
  missedIf();
  // Branches one by one: V8 makes more of conditions that are combined.
  field(Op.i32_load, L.MODE);
  remembered(Op.i32_load, R.D_MODE).op(Op.i32_ne);
  missedIf();
  field(Op.i64_load, L.FAST_CONTEXT);
  remembered(Op.i64_load, R.D_CONTEXT).op(Op.i64_ne);
  missedIf();
  // RFLAGS.AC chooses the fast table.
  field(Op.i32_load, L.FLAGS).i32(Flag.AC).op(Op.i32_and);
  missedIf();
  remembered(Op.i32_load, R.D_GATE_AT).simdMemory(Simd.v128_load).get(cpu).simdMemory(Simd.v128_load, REMEMBERED + R.D_GATE).simd(Simd.v128_xor, Simd.v128_any_true);
  missedIf();
  for (const [at, value] of [[R.D_CODE_AT, R.D_CODE], [R.D_SLOT_AT, R.D_STACK]] as const) {
    remembered(Op.i32_load, at).memory(Op.i64_load);
    remembered(Op.i64_load, value).op(Op.i64_ne);
    missedIf();
  }
  remembered(Op.i32_load, R.D_FRAME_AT).set(host);

  pushFlags(f);
  f.set(flags).get(host).get(error).op(Op.i64_extend_i32_u).memory(Op.i64_store);
  pushFrame(f, { host, flags, at: 8 }, () => f.i32(Flag.RF));
  R.copy16(f, cpu, CS_FIELD, REMEMBERED + R.D_CS);
  R.copy8(f, cpu, CS_FIELD + L.SEG_BASE, REMEMBERED + R.D_CS_BASE);
  for (const at of [L.SEG_SELECTOR, L.SEG_LIMIT, L.SEG_BASE]) f.get(cpu).i64(0n).memory(Op.i64_store, SS_FIELD + at);
  R.copy8(f, cpu, RSP, REMEMBERED + R.D_BOTTOM);
  R.copy8(f, cpu, L.RIP, REMEMBERED + R.D_TARGET);
  R.copy4(f, cpu, L.MODE, REMEMBERED + R.D_NEW_MODE);
  f.get(flags);
  remembered(Op.i32_load, R.D_FLAGS).op(Op.i32_and).set(flags);
  setFlags(f, flags);
  pushTlbRegion(f, cpu);
  f.i32(TlbTable.Supervisor).memory(Op.i32_store, 4 * H_MODE);
  R.copy4(f, cpu, L.FAST_TABLE, REMEMBERED + R.D_NEW_TABLE);
  f.get(cpu).get(address).memory(Op.i64_store, L.CR2);
  f.release(host, flags);
}
