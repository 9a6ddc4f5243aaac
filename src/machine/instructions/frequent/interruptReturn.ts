import { Mnemonic } from 'iced-x86';
import {
  ARITHMETIC_FLAGS, CodeMode, Flag, FLAGS, GDTR_BASE, GDTR_LIMIT, NMI_BLOCKED, NMI_PENDING, RESUME_MARK, RIP, Seg, SEG, SEG_BASE, SEG_LIMIT, SEG_RIGHTS, SEG_SELECTOR,
  SEG_SIZE,
} from '../../cpu/layout.js';
import { Rights } from '../../cpu/modes.js';
import { MemoryKind } from '../../memory/kind.js';
import { RAM_BASE, TlbTable } from '../../memory/layout.js';
import type { Emitter } from '../../translate/emitter.js';
import { setFlagBits } from '../../translate/flags.js';
import { Op, Type } from '../../translate/wasm.js';
import { define, inRegions } from '../define.js';
import { handOverIf, handOverIfFlags, handOverUnlessCanonical, handOverUnlessKernel, pushEventsOpened, setPrivilege, UNUSUAL_FLAGS } from './privilege.js';

const RSP = 4;
/** Bytes of the frame: RIP, CS, RFLAGS, RSP, SS. */
const FRAME = 40;
/** Bit 1 of RFLAGS is always set. */
const ALWAYS = 2;
/** What IRET of CPL 0 loads (SDM Vol. 2A, IRET). */
const LOADED = Flag.RF | Flag.DF | Flag.NT | Flag.ID | Flag.IOPL | Flag.IF | Flag.VIF | Flag.VIP;
/** Rights that matter of a code segment for IRET, and what they are in 64-bit code that has been used before; DPL apart. */
const CODE_CHECKED = Rights.Present | Rights.CodeData | Rights.Code | Rights.DownConforming | Rights.Accessed | Rights.Long | Rights.Big;
const CODE_EXPECTED = Rights.Present | Rights.CodeData | Rights.Code | Rights.Accessed | Rights.Long;
/** The same of a stack segment: writable data. */
const STACK_CHECKED = Rights.Present | Rights.CodeData | Rights.Code | Rights.ReadWrite | Rights.Accessed;
const STACK_EXPECTED = Rights.Present | Rights.CodeData | Rights.ReadWrite | Rights.Accessed;
const DPL = 3 << 5;

/**
 * IRETQ (SDM Vol. 2A, IRET) from CPL 0 of 64-bit code to 64-bit code of CPL 0 or 3 whose segments are in the GDT and have been used
 * before, with TF, AC and NT out of the way. All that the handler reads is read in its order, so that the TLB remembers the same.
 */
define(Mnemonic.Iretq, inRegions((e, region) => {
  const f = e.f;
  if (!e.long || e.insn.mode & CodeMode.Watched) { e.handOver(); return; }
  handOverUnlessKernel(e);
  handOverIfFlags(e, UNUSUAL_FLAGS | Flag.NT);
  e.pushRegister(RSP);
  const stack = e.keep();
  f.get(stack).op(Op.i32_wrap_i64).i32(0xfff).op(Op.i32_and).i32(0x1000 - FRAME).op(Op.i32_gt_u);
  handOverIf(e);
  let host = -1;
  f.get(stack);
  region.tentative(() => { host = e.resolve(8, MemoryKind.Read | MemoryKind.Stack); });
  // No frame in a device's registers: those have no address in RAM.
  f.get(host).i32(RAM_BASE).op(Op.i32_lt_s);
  handOverIf(e);

  const cs = f.local(Type.I32), ss = f.local(Type.I32), flags = f.local(Type.I32), user = f.local(Type.I32), code = f.local(Type.I64), data = f.local(Type.I64);
  f.get(host).memory(Op.i32_load16_u, 8).tee(cs).i32(3).op(Op.i32_and).i32(0).op(Op.i32_ne).set(user);
  // To CPL 0 or 3 only.
  f.get(cs).i32(3).op(Op.i32_and).get(user).i32(3).op(Op.i32_mul, Op.i32_ne);
  handOverIf(e);
  f.get(host).memory(Op.i32_load, 16).tee(flags).i32(UNUSUAL_FLAGS).op(Op.i32_and);
  handOverIf(e);
  f.get(host).memory(Op.i64_load);
  const target = e.keep();
  loadDescriptor(e, cs, code);
  requireRights(e, code, user, CODE_CHECKED, CODE_EXPECTED);
  // SS: null is allowed at CPL 0, with RPL 0.
  f.get(host).memory(Op.i32_load16_u, 32).tee(ss).i32(0xfffc).op(Op.i32_and).if();
  f.get(ss).i32(3).op(Op.i32_and).get(user).i32(3).op(Op.i32_mul, Op.i32_ne);
  handOverIf(e);
  loadDescriptor(e, ss, data);
  requireRights(e, data, user, STACK_CHECKED, STACK_EXPECTED);
  f.else();
  f.get(ss).get(user).op(Op.i32_or);
  handOverIf(e);
  f.i64(0n).set(data).end();
  handOverUnlessCanonical(e, target);
  f.get(user).if();
  for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) handOverIfInner(e, seg);
  f.end();

  f.get(e.cpu).get(target).memory(Op.i64_store, RIP);
  f.get(host).memory(Op.i64_load, 24);
  e.popRegister(RSP);
  setSegment(e, Seg.CS, cs, code);
  setSegment(e, Seg.SS, ss, data);
  f.get(e.cpu).get(e.cpu).memory(Op.i32_load, FLAGS).i32(~(LOADED | ARITHMETIC_FLAGS)).op(Op.i32_and);
  f.get(flags).i32(LOADED).op(Op.i32_and, Op.i32_or).i32(ALWAYS).op(Op.i32_or).memory(Op.i32_store, FLAGS);
  f.get(flags).i32(ARITHMETIC_FLAGS).op(Op.i32_and, Op.i64_extend_i32_u);
  setFlagBits(e);
  const stack32 = () => f.get(data).i64(32n + 22n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(1).op(Op.i32_and).i32(Math.log2(CodeMode.Stack32)).op(Op.i32_shl);
  f.get(user).if();
  for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) dropNull(e, seg);
  setPrivilege(e, TlbTable.User, () => { stack32(); f.i32(CodeMode.Long | CodeMode.User).op(Op.i32_or); });
  f.else();
  setPrivilege(e, TlbTable.Supervisor, () => { stack32(); f.i32(CodeMode.Long).op(Op.i32_or); });
  f.end();
  // RF counts until the next instruction has completed (`cpu/debug.ts`).
  f.get(e.cpu);
  region.pushBudgetBehind();
  f.memory(Op.i32_store, RESUME_MARK);
  f.get(e.cpu).i32(0).memory(Op.i32_store, NMI_BLOCKED);
  pushEventsOpened(e, flags);
  f.get(e.cpu).memory(Op.i32_load, NMI_PENDING).op(Op.i32_or);
  f.release(stack, host, cs, ss, flags, user, code, data, target);
  region.end();
}));

/** Reads the descriptor that the selector in local `selector` (not null) means in the GDT into local `descriptor`. */
function loadDescriptor(e: Emitter, selector: number, descriptor: number): void {
  const f = e.f;
  f.get(selector).i32(4).op(Op.i32_and).get(selector).i32(7).op(Op.i32_or).get(e.cpu).memory(Op.i32_load, GDTR_LIMIT).op(Op.i32_gt_u, Op.i32_or);
  // A null selector is beyond every table.
  f.get(selector).i32(0xfffc).op(Op.i32_and, Op.i32_eqz, Op.i32_or);
  handOverIf(e);
  f.get(e.cpu).memory(Op.i64_load, GDTR_BASE).get(selector).i32(0xfff8).op(Op.i32_and, Op.i64_extend_i32_u, Op.i64_add);
  let host = -1;
  e.region!.tentative(() => { host = e.resolve(8, MemoryKind.Read); });
  f.get(host).memory(Op.i64_load).set(descriptor);
  f.release(host);
}

/** Pushes the access rights of a descriptor, as in SEG_RIGHTS. */
function pushRights(e: Emitter, descriptor: number): void { e.f.get(descriptor).i64(40n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(0xf0ff).op(Op.i32_and); }

/** Hands over unless the rights are as expected, and the DPL 3 (local `user` is 1) or 0. */
function requireRights(e: Emitter, descriptor: number, user: number, checked: number, expected: number): void {
  pushRights(e, descriptor);
  e.f.i32(checked | DPL).op(Op.i32_and).get(user).i32(DPL).op(Op.i32_mul).i32(expected).op(Op.i32_or, Op.i32_ne);
  handOverIf(e);
}

/** Loads a segment register from a descriptor; 0 is that of a null selector. */
function setSegment(e: Emitter, seg: Seg, selector: number, descriptor: number): void {
  const f = e.f, at = SEG + seg * SEG_SIZE, high = f.local(Type.I32), limit = f.local(Type.I32);
  f.get(descriptor).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).set(high);
  // Selector and rights, which stand side by side.
  f.get(e.cpu).get(selector).op(Op.i64_extend_i32_u);
  f.get(descriptor).i64(8n).op(Op.i64_shr_u).i64(0xf0ff_00000000n).op(Op.i64_and, Op.i64_or).memory(Op.i64_store, at + SEG_SELECTOR);
  f.get(descriptor).op(Op.i32_wrap_i64).i32(0xffff).op(Op.i32_and).get(high).i32(0xf0000).op(Op.i32_and, Op.i32_or).set(limit);
  f.get(e.cpu);
  f.get(limit).i32(12).op(Op.i32_shl).i32(0xfff).op(Op.i32_or).get(limit).get(high).i32(1 << 23).op(Op.i32_and, Op.select);
  f.memory(Op.i32_store, at + SEG_LIMIT);
  f.get(e.cpu);
  f.get(descriptor).i64(16n).op(Op.i64_shr_u).i64(0xffffffn).op(Op.i64_and);
  f.get(high).i32(0xff000000 | 0).op(Op.i32_and, Op.i64_extend_i32_u, Op.i64_or);
  f.memory(Op.i64_store, at + SEG_BASE);
  f.release(high, limit);
}

/** Hands over if a data segment is present that CPL 3 may not use, which would become null. */
function handOverIfInner(e: Emitter, seg: Seg): void {
  const f = e.f, rights = f.local(Type.I32);
  f.get(e.cpu).memory(Op.i32_load, SEG + seg * SEG_SIZE + SEG_RIGHTS).tee(rights).i32(Rights.Present).op(Op.i32_and).i32(0).op(Op.i32_ne);
  f.get(rights).i32(DPL).op(Op.i32_and).i32(DPL).op(Op.i32_ne, Op.i32_and);
  handOverIf(e);
  f.release(rights);
}

/** Null selectors become 0 on the way to CPL 3 (`dropInnerSegments`). */
function dropNull(e: Emitter, seg: Seg): void {
  const f = e.f, at = SEG + seg * SEG_SIZE;
  // Most are 0 already.
  f.get(e.cpu).memory(Op.i32_load, at + SEG_SELECTOR).if();
  f.get(e.cpu).memory(Op.i32_load, at + SEG_RIGHTS).i32(Rights.Present).op(Op.i32_and, Op.i32_eqz).if();
  f.get(e.cpu).i32(0).memory(Op.i32_store, at + SEG_SELECTOR).end().end();
}
