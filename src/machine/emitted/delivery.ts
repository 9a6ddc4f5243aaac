import { Vector } from '../core.js';
import * as L from '../cpu/layout.js';
import { ARITHMETIC_FLAGS, CodeMode, Flag, Seg } from '../cpu/layout.js';
import { Rights } from '../cpu/modes.js';
import { TlbTable } from '../memory/layout.js';
import { CONFIG_SMAP, H_CONFIG, H_MODE } from '../memory/tlbLayout.js';
import { pushFlagsOf } from '../translate/flags.js';
import { ENTER_SIGNATURE } from '../translate/imports.js';
import { type FunctionBody, type ModuleBuilder, Op, Type } from '../translate/wasm.js';
import { pushIndexedTable, pushSupervisorHost, pushTlbRegion } from './fastTable.js';
import * as R from './remembered.js';

/** No error code, as the argument of `enterUsually`. */
export const NO_ERROR = -1;

/** Bits of the last argument: the pushed flags have RF; the event is INT n, INT3 or INTO, for which the gate's DPL counts. */
export const PUSH_RF = 1, SOFTWARE = 2;

/** Bit 1 of RFLAGS is always set. */
const ALWAYS = 2;
export const CS_FIELD = L.SEG + Seg.CS * L.SEG_SIZE, SS_FIELD = L.SEG + Seg.SS * L.SEG_SIZE, TR_FIELD = L.SEG + Seg.TR * L.SEG_SIZE, RSP = L.GPR + 8 * 4;
const LMA = 1 << 10;
export const REMEMBERED = L.REMEMBERED_DELIVERY;
/** Gate: type and the bit above it, present. Interrupt gates have type 14, trap gates 15. */
const GATE_CHECKED = 0x9e00, GATE_EXPECTED = 0x8e00, TRAP_GATE = 0x100;
const CODE_CHECKED = Rights.Present | Rights.CodeData | Rights.Code | Rights.DownConforming | Rights.Accessed | Rights.Long | Rights.Big | 3 << 5;
const CODE_EXPECTED = Rights.Present | Rights.CodeData | Rights.Code | Rights.Accessed | Rights.Long;
/** FLAGS that are cleared by every gate, and by interrupt gates as well (SDM Vol. 3A, 6.12.1.3). */
const CLEARED = Flag.TF | Flag.NT | Flag.RF | Flag.VM;

/** Adds `enterUsually`, the delivery of events through the IDT where it is usual: (cpu, vector, error or NO_ERROR, PUSH_RF and SOFTWARE) -> 1 if delivered; see `cpu/usualDelivery.ts`. */
export function emitDelivery(module: ModuleBuilder, imports: { flags: number; supervisorHost: number }): void {
  emitEnter(module.function(ENTER_SIGNATURE, 'enterUsually').body, imports);
}

function emitEnter(f: FunctionBody, { flags: flagsFunction, supervisorHost }: { flags: number; supervisorHost: number }): void {
  const [cpu, vector, error, how] = [0, 1, 2, 3];
  const linear = f.local(Type.I64), scratch = f.local(Type.I32), entry = f.local(Type.I32);
  const gate = f.local(Type.I64), target = f.local(Type.I64), code = f.local(Type.I64), stack = f.local(Type.I64), bottom = f.local(Type.I64);
  const host = f.local(Type.I32), selector = f.local(Type.I32), rights = f.local(Type.I32), inner = f.local(Type.I32), ist = f.local(Type.I32), high = f.local(Type.I32);
  const size = f.local(Type.I32), flags = f.local(Type.I32), limit = f.local(Type.I32), t = f.local(Type.I32), mode = f.local(Type.I32), before = f.local(Type.I32), remembered = f.local(Type.I32);
  const field = (op: Op, at: number) => f.get(cpu).memory(op, at);
  /** Gives up if the i32 on the stack is not zero. */
  const giveUpIf = () => {
    f.unlikely().if();
    f.i32(0).op(Op.return).end();
  };
  const remember = (op: Op, at: number, value: () => void) => {
    f.get(cpu);
    value();
    f.memory(op, REMEMBERED + at);
  };
  /** `linear` to `host`: bytes of a table, read as the processor reads its tables; gives up if they cross a page or are not aligned. */
  const find = (bytes: number, write: boolean, place: number) => {
    f.get(linear).op(Op.i32_wrap_i64).tee(scratch).i32(0xfff).op(Op.i32_and).i32(0x1000 - bytes).op(Op.i32_gt_u).get(scratch).i32(3).op(Op.i32_and, Op.i32_or);
    giveUpIf();
    pushSupervisorHost(f, cpu, linear, scratch, entry, write, supervisorHost);
    f.tee(host).i32(0).op(Op.i32_lt_s);
    giveUpIf();
    remember(Op.i32_store, place, () => f.get(host));
  };
  /** Gives up unless the address in the local is canonical. */
  const canonical = (address: number) => {
    f.get(address).i64(47n).op(Op.i64_shr_s).i64(1n).op(Op.i64_add).i64(1n).op(Op.i64_gt_u);
    giveUpIf();
  };

  field(Op.i32_load, L.MODE).set(before);
  remember(Op.i32_store, R.D_MODE, () => f.i32(R.NOTHING));
  field(Op.i32_load, L.EFER).i32(LMA).op(Op.i32_and, Op.i32_eqz);
  field(Op.i32_load, L.MODE).i32(CodeMode.Watched).op(Op.i32_and, Op.i32_or);
  giveUpIf();
  f.get(vector).i32(16).op(Op.i32_mul).i32(15).op(Op.i32_add);
  field(Op.i32_load, L.IDTR_LIMIT).op(Op.i32_gt_u);
  giveUpIf();
  field(Op.i64_load, L.IDTR_BASE).get(vector).i32(16).op(Op.i32_mul, Op.i64_extend_i32_u, Op.i64_add).set(linear);
  find(16, false, R.D_GATE_AT);
  remember(Op.i64_store, R.D_GATE, () => f.get(host).memory(Op.i64_load));
  remember(Op.i64_store, R.D_GATE + 8, () => f.get(host).memory(Op.i64_load, 8));
  f.get(host).memory(Op.i64_load).tee(gate).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).tee(high).i32(GATE_CHECKED).op(Op.i32_and).i32(GATE_EXPECTED).op(Op.i32_ne);
  giveUpIf();
  // INT n and its kin must be allowed to use the gate.
  f.get(high).i32(13).op(Op.i32_shr_u).i32(3).op(Op.i32_and);
  field(Op.i32_load, SS_FIELD + L.SEG_RIGHTS).i32(5).op(Op.i32_shr_u).i32(3).op(Op.i32_and, Op.i32_lt_u).get(how).i32(SOFTWARE).op(Op.i32_and).i32(0).op(Op.i32_ne, Op.i32_and);
  giveUpIf();
  // Offset: bits 15:0, 63:48 of the first half, and the low 32 bits of the second.
  f.get(gate).i64(0xffffn).op(Op.i64_and).get(gate).i64(32n).op(Op.i64_shr_u).i64(0xffff0000n).op(Op.i64_and, Op.i64_or);
  f.get(host).memory(Op.i64_load32_u, 8).i64(32n).op(Op.i64_shl, Op.i64_or).set(target);
  canonical(target);

  // A null selector, one of the LDT, one beyond the table.
  f.get(gate).op(Op.i32_wrap_i64).i32(16).op(Op.i32_shr_u).tee(selector).i32(0xfffc).op(Op.i32_and, Op.i32_eqz).get(selector).i32(4).op(Op.i32_and, Op.i32_or);
  f.get(selector).i32(7).op(Op.i32_or);
  field(Op.i32_load, L.GDTR_LIMIT).op(Op.i32_gt_u, Op.i32_or);
  giveUpIf();
  field(Op.i64_load, L.GDTR_BASE).get(selector).i32(0xfff8).op(Op.i32_and, Op.i64_extend_i32_u, Op.i64_add).set(linear);
  find(8, false, R.D_CODE_AT);
  f.get(host).memory(Op.i64_load).tee(code).i64(40n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(0xf0ff).op(Op.i32_and).tee(rights).i32(CODE_CHECKED).op(Op.i32_and).i32(CODE_EXPECTED).op(Op.i32_ne);
  giveUpIf();

  field(Op.i64_load, RSP).set(stack);
  f.get(high).i32(7).op(Op.i32_and).set(ist);
  field(Op.i32_load, SS_FIELD + L.SEG_RIGHTS).i32(5).op(Op.i32_shr_u).i32(3).op(Op.i32_and).tee(inner).get(ist).op(Op.i32_or).if();
  // IST1-7 or RSP0 of the TSS (SDM Vol. 3A, figure 7-11).
  f.get(ist).i32(8).op(Op.i32_mul).i32(0x24 - 8).op(Op.i32_add).i32(4).get(ist).op(Op.select).tee(scratch).i32(7).op(Op.i32_add);
  field(Op.i32_load, TR_FIELD + L.SEG_LIMIT).op(Op.i32_gt_u);
  giveUpIf();
  field(Op.i64_load, TR_FIELD + L.SEG_BASE).get(scratch).op(Op.i64_extend_i32_u, Op.i64_add).set(linear);
  find(8, false, R.D_SLOT_AT);
  f.get(host).memory(Op.i64_load).set(stack).end();
  // From the first word below the aligned top to the lowest one; both in one page, so both canonical or none.
  f.i32(40).i32(48).get(error).i32(NO_ERROR).op(Op.i32_eq, Op.select).set(size);
  f.get(stack).i64(~0xfn).op(Op.i64_and).get(size).op(Op.i64_extend_i32_u, Op.i64_sub).tee(bottom).op(Op.i32_wrap_i64).i32(0xfff).op(Op.i32_and).i32(0x1000).get(size).op(Op.i32_sub, Op.i32_gt_u);
  giveUpIf();
  canonical(bottom);
  f.get(bottom).set(linear);
  find(40, true, R.D_FRAME_AT);

  // Nothing can go wrong from here on. Page faults from an outer level are remembered.
  f.get(inner).i32(0).op(Op.i32_ne).get(vector).i32(Vector.PF).op(Op.i32_eq).get(error).i32(NO_ERROR).op(Op.i32_ne, Op.i32_and, Op.i32_and).tee(remembered).if();
  R.copy8(f, cpu, REMEMBERED + R.D_CONTEXT, L.FAST_CONTEXT);
  remember(Op.i64_store, R.D_CODE, () => f.get(code));
  remember(Op.i64_store, R.D_STACK, () => f.get(stack));
  remember(Op.i64_store, R.D_BOTTOM, () => f.get(bottom));
  remember(Op.i64_store, R.D_TARGET, () => f.get(target));
  remember(Op.i32_store, R.D_MODE, () => f.get(before));
  remember(Op.i32_store, R.D_FLAGS, () => pushKeptFlags(f, high));
  f.end();
  pushFlags(f, flagsFunction);
  f.set(flags);
  f.get(error).i32(NO_ERROR).op(Op.i32_ne).if();
  f.get(host).get(error).op(Op.i64_extend_i32_u).memory(Op.i64_store).get(host).i32(8).op(Op.i32_add).set(host).end();
  pushFrame(f, { host, flags, at: 0 }, () => f.i32(Flag.RF).i32(0).get(how).i32(PUSH_RF).op(Op.i32_and, Op.select));

  const set = (at: number, op: Op, value: () => void) => {
    f.get(cpu);
    value();
    f.memory(op, at);
  };
  // Selector and rights stand side by side; so do limit and 32 bits that are always clear, flags and CC_OP.
  const both = (low: () => void, high: () => void) => {
    low();
    f.op(Op.i64_extend_i32_u);
    high();
    f.op(Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl, Op.i64_or);
  };
  set(CS_FIELD + L.SEG_SELECTOR, Op.i64_store, () => both(() => f.get(selector).i32(0xfffc).op(Op.i32_and), () => f.get(rights)));
  f.get(code).op(Op.i32_wrap_i64).i32(0xffff).op(Op.i32_and).get(code).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(0xf0000).op(Op.i32_and, Op.i32_or).set(limit);
  set(CS_FIELD + L.SEG_LIMIT, Op.i32_store, () => f.get(limit).i32(12).op(Op.i32_shl).i32(0xfff).op(Op.i32_or).get(limit).get(rights).i32(Rights.Granularity).op(Op.i32_and, Op.select));
  set(CS_FIELD + L.SEG_BASE, Op.i64_store, () => f.get(code).i64(16n).op(Op.i64_shr_u).i64(0xffffffn).op(Op.i64_and).get(code).i64(32n).op(Op.i64_shr_u).i64(0xff000000n).op(Op.i64_and, Op.i64_or));
  f.get(inner).if();
  set(SS_FIELD + L.SEG_SELECTOR, Op.i64_store, () => f.i64(0n));
  set(SS_FIELD + L.SEG_LIMIT, Op.i32_store, () => f.i32(0));
  set(SS_FIELD + L.SEG_BASE, Op.i64_store, () => f.i64(0n));
  f.end();
  set(RSP, Op.i64_store, () => f.get(bottom));
  set(L.RIP, Op.i64_store, () => f.get(target));
  f.get(flags);
  pushKeptFlags(f, high);
  f.op(Op.i32_and).set(flags);
  setFlags(f, flags);
  // As `updateMode`: CPL is 0 now, and RFLAGS.AC stays.
  set(L.MODE, Op.i32_store, () => {
    field(Op.i32_load, L.MODE).i32(L.KEPT_MODE).op(Op.i32_and).i32(CodeMode.Long).op(Op.i32_or);
    field(Op.i32_load, SS_FIELD + L.SEG_RIGHTS).i32(Math.log2(Rights.Big / CodeMode.Stack32)).op(Op.i32_shr_u).i32(CodeMode.Stack32).op(Op.i32_and, Op.i32_or);
  });
  pushTlbRegion(f, cpu);
  f.tee(t).i32(TlbTable.SupervisorAc).i32(TlbTable.Supervisor).get(flags).i32(Math.log2(Flag.AC)).op(Op.i32_shr_u);
  f.get(t).memory(Op.i32_load, 4 * H_CONFIG).i32(Math.log2(CONFIG_SMAP)).op(Op.i32_shr_u, Op.i32_and).i32(1).op(Op.i32_and, Op.select).tee(mode).memory(Op.i32_store, 4 * H_MODE);
  set(L.FAST_TABLE, Op.i32_store, () => {
    pushIndexedTable(f, cpu, { local: mode });
  });
  f.get(remembered).if();
  R.copy16(f, cpu, REMEMBERED + R.D_CS, CS_FIELD);
  R.copy8(f, cpu, REMEMBERED + R.D_CS_BASE, CS_FIELD + L.SEG_BASE);
  R.copy4(f, cpu, REMEMBERED + R.D_NEW_MODE, L.MODE);
  R.copy4(f, cpu, REMEMBERED + R.D_NEW_TABLE, L.FAST_TABLE);
  f.end().i32(1);
}

/** Pushes RFLAGS as it is pushed on the stack, RF apart. Without a function for the arithmetic flags they are computed in place, which is shorter by the call. */
export function pushFlags(f: FunctionBody, flagsFunction?: number): void {
  const cpu = 0, field = (op: Op, at: number) => f.get(cpu).memory(op, at);
  if (flagsFunction === undefined) {
    const kind = f.local(Type.I32), result = f.local(Type.I64), source = f.local(Type.I64);
    field(Op.i32_load, L.CC_OP).set(kind);
    field(Op.i64_load, L.CC_DST).set(result);
    field(Op.i64_load, L.CC_SRC).set(source);
    pushFlagsOf(f, { op: kind, dst: result, src: source });
    f.release(kind, result, source);
  } else {
    field(Op.i32_load, L.CC_OP);
    field(Op.i64_load, L.CC_DST);
    field(Op.i64_load, L.CC_SRC).call(flagsFunction);
  }
  field(Op.i32_load, L.FLAGS).i32(~ARITHMETIC_FLAGS).op(Op.i32_and).i32(ALWAYS).op(Op.i32_or, Op.i32_or);
}

/** Pushes the FLAGS that a gate with the word in local `high` leaves as they are. */
function pushKeptFlags(f: FunctionBody, high: number): void { f.i32(~CLEARED).i32(~(CLEARED | Flag.IF)).get(high).i32(TRAP_GATE).op(Op.i32_and, Op.select); }

/** Writes the frame of 5 words at `at` above local `host`, with the FLAGS of a local. */
export function pushFrame(f: FunctionBody, { host, flags, at }: { host: number; flags: number; at: number }, pushResumeFlag: () => void): void {
  const cpu = 0, field = (op: Op, at: number) => f.get(cpu).memory(op, at);
  const push = (word: number, value: () => void) => {
    f.get(host);
    value();
    f.memory(Op.i64_store, at + word);
  };
  push(0, () => field(Op.i64_load, L.RIP));
  push(8, () => field(Op.i64_load32_u, CS_FIELD + L.SEG_SELECTOR));
  push(16, () => {
    f.get(flags);
    pushResumeFlag();
    f.op(Op.i32_or, Op.i64_extend_i32_u);
  });
  push(24, () => field(Op.i64_load, RSP));
  push(32, () => field(Op.i64_load32_u, SS_FIELD + L.SEG_SELECTOR));
}

/** Loads RFLAGS from a local: flags and CC_OP stand side by side. */
export function setFlags(f: FunctionBody, flags: number): void {
  const cpu = 0;
  f.get(cpu).get(flags).i32(~ARITHMETIC_FLAGS).op(Op.i32_and, Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl).memory(Op.i64_store, L.CC_OP);
  f.get(cpu).get(flags).i32(ARITHMETIC_FLAGS).op(Op.i32_and, Op.i64_extend_i32_u).memory(Op.i64_store, L.CC_SRC);
}
