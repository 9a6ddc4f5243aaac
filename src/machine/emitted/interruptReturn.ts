import * as L from '../cpu/layout.js';
import { ARITHMETIC_FLAGS, CodeMode, Flag, Seg } from '../cpu/layout.js';
import { Rights } from '../cpu/modes.js';
import { H_MODE } from '../memory/tlbLayout.js';
import { Exit } from '../translate/exit.js';
import { INTERRUPT_RETURN_SIGNATURE } from '../translate/imports.js';
import { type FunctionBody, type Label, type ModuleBuilder, Op, Type } from '../translate/wasm.js';
import { pushIndexedTable, pushSupervisorHost, pushTlbRegion } from './fastTable.js';
import * as M from './remembered.js';

/** The result that hands over to the instruction's handler. */
const HAND_OVER = -1;
const RSP = L.GPR + 8 * 4;
/** Bytes of the frame: RIP, CS, RFLAGS, RSP, SS. */
const FRAME = 40;
/** Bit 1 of RFLAGS is always set. */
const ALWAYS = 2;
/** RFLAGS before and behind with which more than the usual happens. */
const UNUSUAL = Flag.TF | Flag.AC;
/** What IRET of CPL 0 loads (SDM Vol. 2A, IRET). */
const LOADED = Flag.RF | Flag.DF | Flag.NT | Flag.ID | Flag.IOPL | Flag.IF | Flag.VIF | Flag.VIP;
/** Rights that matter of a code segment for IRET, and what they are in 64-bit code that has been used before; DPL apart. */
const CODE_CHECKED = Rights.Present | Rights.CodeData | Rights.Code | Rights.DownConforming | Rights.Accessed | Rights.Long | Rights.Big;
const CODE_EXPECTED = Rights.Present | Rights.CodeData | Rights.Code | Rights.Accessed | Rights.Long;
/** The same of a stack segment: writable data. */
const STACK_CHECKED = Rights.Present | Rights.CodeData | Rights.Code | Rights.ReadWrite | Rights.Accessed;
const STACK_EXPECTED = Rights.Present | Rights.CodeData | Rights.ReadWrite | Rights.Accessed;
const DPL = 3 << 5;
const at = (seg: Seg) => L.SEG + seg * L.SEG_SIZE;
/** Segments that may be dropped on the way to CPL 3. */
const DROPPED = [Seg.ES, Seg.DS, Seg.FS, Seg.GS];
const REMEMBERED = L.REMEMBERED_RETURN;

/**
 * Adds `interruptReturn`: (cpu, rsp, budget) -> Exit, or negative to hand over. IRETQ (SDM Vol. 2A, IRET) from CPL 0 of 64-bit code to
 * 64-bit code of CPL 0 or 3 whose segments are in the GDT and have been used before, with TF, AC and NT out of the way. All that the handler reads is
 * read in its order, so that the TLB remembers the same; nothing has changed where it is handed over. `budget` is BUDGET behind the instruction.
 */
export function emitInterruptReturn(module: ModuleBuilder, supervisorHost: number): void {
  emit(module.function(INTERRUPT_RETURN_SIGNATURE, 'interruptReturn').body, supervisorHost);
}

/** Locals: the frame's host address, and what has been read from it. */
interface Frame { host: number; cs: number; ss: number; user: number; }

function emit(f: FunctionBody, supervisorHost: number): void {
  const cpu = 0, budget = 2;
  const frame: Frame = { host: f.local(Type.I32), cs: f.local(Type.I32), ss: f.local(Type.I32), user: f.local(Type.I32) };
  const flags = f.local(Type.I32), target = f.local(Type.I64), { host, user } = frame;
  f.get(cpu).memory(Op.i32_load, L.FLAGS).i32(UNUSUAL | Flag.NT).op(Op.i32_and);
  handOverIf(f);
  const usual = f.block(), missed = f.block();
  emitRemembered(f, frame, missed);
  checkFlagsAndTarget(f, host, flags, target);
  M.copy16(f, cpu, at(Seg.CS), REMEMBERED + M.R_CS);
  M.copy8(f, cpu, at(Seg.CS) + L.SEG_BASE, REMEMBERED + M.R_CS_BASE);
  M.copy16(f, cpu, at(Seg.SS), REMEMBERED + M.R_SS);
  M.copy8(f, cpu, at(Seg.SS) + L.SEG_BASE, REMEMBERED + M.R_SS_BASE);
  M.copy4(f, cpu, L.MODE, REMEMBERED + M.R_NEW_MODE);
  f.i32(1).set(user).br(usual).end();
  emitSegments(f, frame, supervisorHost, () => checkFlagsAndTarget(f, host, flags, target));
  f.end();

  f.get(cpu).get(target).memory(Op.i64_store, L.RIP);
  f.get(cpu).get(host).memory(Op.i64_load, 24).memory(Op.i64_store, RSP);
  // FLAGS stand above CC_OP, which is 0 for flags as they are.
  f.get(cpu).get(cpu).memory(Op.i32_load, L.FLAGS).i32(~(LOADED | ARITHMETIC_FLAGS)).op(Op.i32_and);
  f.get(flags).i32(LOADED).op(Op.i32_and, Op.i32_or).i32(ALWAYS).op(Op.i32_or, Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl).memory(Op.i64_store, L.CC_OP);
  f.get(cpu).get(flags).i32(ARITHMETIC_FLAGS).op(Op.i32_and, Op.i64_extend_i32_u).memory(Op.i64_store, L.CC_SRC);
  // `TlbTable` numbers supervisor and user as 0 and 1.
  pushTlbRegion(f, cpu);
  f.get(user).memory(Op.i32_store, 4 * H_MODE);
  f.get(cpu);
  pushIndexedTable(f, cpu, { local: user });
  f.memory(Op.i32_store, L.FAST_TABLE);
  // RF counts until the next instruction has completed (`cpu/debug.ts`).
  f.get(cpu).get(budget).memory(Op.i32_store, L.RESUME_MARK);
  f.get(cpu).i32(0).memory(Op.i32_store, L.NMI_BLOCKED);
  f.i32(Exit.Event).i32(Exit.Next).get(cpu).memory(Op.i32_load, L.EVENT_WAITS).i32(0).op(Op.i32_ne).get(flags).i32(Math.log2(Flag.IF)).op(Op.i32_shr_u, Op.i32_and);
  f.get(cpu).memory(Op.i32_load, L.NMI_PENDING).op(Op.i32_or, Op.select);
}

function handOverIf(f: FunctionBody): void {
  f.unlikely().if();
  f.i32(HAND_OVER).op(Op.return).end();
}

/** Reads RFLAGS and RIP of the frame, and hands over unless they are usual. */
function checkFlagsAndTarget(f: FunctionBody, host: number, flags: number, target: number): void {
  f.get(host).memory(Op.i32_load, 16).tee(flags).i32(UNUSUAL).op(Op.i32_and);
  handOverIf(f);
  f.get(host).memory(Op.i64_load).tee(target).i64(47n).op(Op.i64_shr_s).i64(1n).op(Op.i64_add).i64(1n).op(Op.i64_gt_u);
  handOverIf(f);
}

/** Branches to `missed` unless all is as it was remembered, segments and privilege concerned. */
function emitRemembered(f: FunctionBody, { host, cs, ss }: Frame, missed: Label): void {
  const [cpu, stack] = [0, 1];
  const remembered = (op: Op, field: number) => f.get(cpu).memory(op, REMEMBERED + field);
  const missedIf = () => M.brUnlikely(f, missed);
  f.get(stack);
  remembered(Op.i64_load, M.R_STACK).op(Op.i64_ne);
  missedIf();
  f.get(cpu).memory(Op.i32_load, L.MODE);
  remembered(Op.i32_load, M.R_MODE).op(Op.i32_ne);
  missedIf();
  f.get(cpu).memory(Op.i64_load, L.FAST_CONTEXT);
  remembered(Op.i64_load, M.R_CONTEXT).op(Op.i64_ne);
  missedIf();
  remembered(Op.i32_load, M.R_FRAME_AT).tee(host).memory(Op.i32_load16_u, 8).tee(cs);
  remembered(Op.i32_load, M.R_CODE_SELECTOR).op(Op.i32_ne);
  missedIf();
  f.get(host).memory(Op.i32_load16_u, 32).tee(ss);
  remembered(Op.i32_load, M.R_DATA_SELECTOR).op(Op.i32_ne);
  missedIf();
  for (const [at, descriptor] of [[M.R_CODE_AT, M.R_CODE], [M.R_DATA_AT, M.R_DATA]] as const) {
    remembered(Op.i32_load, at).memory(Op.i64_load);
    remembered(Op.i64_load, descriptor).op(Op.i64_ne);
    missedIf();
  }
}

/** Reads and checks everything, then loads CS and SS, drops null selectors, changes MODE, and remembers it if it was a change to CPL 3. */
function emitSegments(f: FunctionBody, { host, cs, ss, user }: Frame, supervisorHost: number, checkOthers: () => void): void {
  const [cpu, stack] = [0, 1], entry = f.local(Type.I32), low = f.local(Type.I32), linear = f.local(Type.I64), code = f.local(Type.I64), data = f.local(Type.I64);
  const remember = (op: Op, field: number, value: () => void) => {
    f.get(cpu);
    value();
    f.memory(op, REMEMBERED + field);
  };
  /** Pushes the host address for `linear`; hands over if there is none in RAM. */
  const find = (bytes: number, place: number) => {
    f.get(linear).op(Op.i32_wrap_i64).i32(0xfff).op(Op.i32_and).i32(0x1000 - bytes).op(Op.i32_gt_u);
    handOverIf(f);
    pushSupervisorHost(f, cpu, linear, low, entry, false, supervisorHost);
    f.tee(host).i32(0).op(Op.i32_lt_s);
    handOverIf(f);
    remember(Op.i32_store, place, () => f.get(host));
  };
  const frame = f.local(Type.I32);
  remember(Op.i32_store, M.R_MODE, () => f.i32(M.NOTHING));
  f.get(stack).set(linear);
  find(FRAME, M.R_FRAME_AT);
  f.get(host).set(frame);
  f.get(frame).memory(Op.i32_load16_u, 8).tee(cs).i32(3).op(Op.i32_and).i32(0).op(Op.i32_ne).set(user);
  // To CPL 0 or 3 only.
  f.get(cs).i32(3).op(Op.i32_and).get(user).i32(3).op(Op.i32_mul, Op.i32_ne);
  handOverIf(f);
  /** Reads the descriptor that a selector (not null) means in the GDT. */
  const load = (selector: number, descriptor: number, place: number) => {
    // A null selector is beyond every table.
    f.get(selector).i32(4).op(Op.i32_and).get(selector).i32(7).op(Op.i32_or).get(cpu).memory(Op.i32_load, L.GDTR_LIMIT).op(Op.i32_gt_u, Op.i32_or);
    f.get(selector).i32(0xfffc).op(Op.i32_and, Op.i32_eqz, Op.i32_or);
    handOverIf(f);
    f.get(cpu).memory(Op.i64_load, L.GDTR_BASE).get(selector).i32(0xfff8).op(Op.i32_and, Op.i64_extend_i32_u, Op.i64_add).set(linear);
    find(8, place);
    f.get(host).memory(Op.i64_load).set(descriptor);
  };
  load(cs, code, M.R_CODE_AT);
  requireRights(f, code, user, CODE_CHECKED, CODE_EXPECTED);
  // SS: null is allowed at CPL 0, with RPL 0.
  f.get(frame).memory(Op.i32_load16_u, 32).tee(ss).i32(0xfffc).op(Op.i32_and).if();
  f.get(ss).i32(3).op(Op.i32_and).get(user).i32(3).op(Op.i32_mul, Op.i32_ne);
  handOverIf(f);
  load(ss, data, M.R_DATA_AT);
  requireRights(f, data, user, STACK_CHECKED, STACK_EXPECTED);
  f.else();
  f.get(ss).get(user).op(Op.i32_or);
  handOverIf(f);
  f.i64(0n).set(data).end();
  f.get(frame).set(host);
  checkOthers();
  f.get(user).if();
  for (const seg of DROPPED) handOverIfInner(f, seg);
  f.end();

  // Nothing can go wrong from here on.
  f.get(user).if();
  remember(Op.i64_store, M.R_STACK, () => f.get(stack));
  M.copy8(f, cpu, REMEMBERED + M.R_CONTEXT, L.FAST_CONTEXT);
  remember(Op.i64_store, M.R_CODE, () => f.get(code));
  remember(Op.i64_store, M.R_DATA, () => f.get(data));
  remember(Op.i32_store, M.R_CODE_SELECTOR, () => f.get(cs));
  remember(Op.i32_store, M.R_DATA_SELECTOR, () => f.get(ss));
  remember(Op.i32_store, M.R_MODE, () => f.get(cpu).memory(Op.i32_load, L.MODE));
  f.end();
  setSegment(f, Seg.CS, cs, code);
  setSegment(f, Seg.SS, ss, data);
  f.get(cpu).get(cpu).memory(Op.i32_load, L.MODE).i32(L.KEPT_MODE).op(Op.i32_and).get(user).i32(Math.log2(CodeMode.User)).op(Op.i32_shl, Op.i32_or).i32(CodeMode.Long).op(Op.i32_or);
  f.get(data).i64(32n + 22n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(1).op(Op.i32_and).i32(Math.log2(CodeMode.Stack32)).op(Op.i32_shl, Op.i32_or).memory(Op.i32_store, L.MODE);
  f.get(user).if();
  for (const seg of DROPPED) dropNull(f, seg);
  M.copy16(f, cpu, REMEMBERED + M.R_CS, at(Seg.CS));
  M.copy8(f, cpu, REMEMBERED + M.R_CS_BASE, at(Seg.CS) + L.SEG_BASE);
  M.copy16(f, cpu, REMEMBERED + M.R_SS, at(Seg.SS));
  M.copy8(f, cpu, REMEMBERED + M.R_SS_BASE, at(Seg.SS) + L.SEG_BASE);
  M.copy4(f, cpu, REMEMBERED + M.R_NEW_MODE, L.MODE);
  f.end();
  f.release(entry, low, linear, code, data, frame);
}

/** Hands over unless the rights of a descriptor are as expected, and its DPL 3 (local `user` is 1) or 0. */
function requireRights(f: FunctionBody, descriptor: number, user: number, checked: number, expected: number): void {
  f.get(descriptor).i64(40n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(checked | DPL).op(Op.i32_and).get(user).i32(DPL).op(Op.i32_mul).i32(expected).op(Op.i32_or, Op.i32_ne);
  handOverIf(f);
}

/** Loads a segment register from a descriptor; 0 is that of a null selector. */
function setSegment(f: FunctionBody, seg: Seg, selector: number, descriptor: number): void {
  const cpu = 0, high = f.local(Type.I32), limit = f.local(Type.I32);
  f.get(descriptor).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).set(high);
  // Selector and rights, which stand side by side.
  f.get(cpu).get(selector).op(Op.i64_extend_i32_u);
  f.get(descriptor).i64(8n).op(Op.i64_shr_u).i64(0xf0ff_00000000n).op(Op.i64_and, Op.i64_or).memory(Op.i64_store, at(seg) + L.SEG_SELECTOR);
  f.get(descriptor).op(Op.i32_wrap_i64).i32(0xffff).op(Op.i32_and).get(high).i32(0xf0000).op(Op.i32_and, Op.i32_or).set(limit);
  f.get(cpu);
  f.get(limit).i32(12).op(Op.i32_shl).i32(0xfff).op(Op.i32_or).get(limit).get(high).i32(1 << 23).op(Op.i32_and, Op.select);
  f.memory(Op.i32_store, at(seg) + L.SEG_LIMIT);
  f.get(cpu);
  f.get(descriptor).i64(16n).op(Op.i64_shr_u).i64(0xffffffn).op(Op.i64_and);
  f.get(high).i32(0xff000000 | 0).op(Op.i32_and, Op.i64_extend_i32_u, Op.i64_or);
  f.memory(Op.i64_store, at(seg) + L.SEG_BASE);
  f.release(high, limit);
}

/** Hands over if a data segment is present that CPL 3 may not use, which would become null. */
function handOverIfInner(f: FunctionBody, seg: Seg): void {
  const cpu = 0, rights = f.local(Type.I32);
  f.get(cpu).memory(Op.i32_load, at(seg) + L.SEG_RIGHTS).tee(rights).i32(Rights.Present).op(Op.i32_and).i32(0).op(Op.i32_ne);
  f.get(rights).i32(DPL).op(Op.i32_and).i32(DPL).op(Op.i32_ne, Op.i32_and);
  handOverIf(f);
  f.release(rights);
}

/** Null selectors become 0 on the way to CPL 3 (`dropInnerSegments`). */
function dropNull(f: FunctionBody, seg: Seg): void {
  const cpu = 0;
  f.get(cpu).memory(Op.i32_load, at(seg) + L.SEG_RIGHTS).i32(Rights.Present).op(Op.i32_and, Op.i32_eqz).if();
  f.get(cpu).i32(0).memory(Op.i32_store, at(seg) + L.SEG_SELECTOR).end();
}
