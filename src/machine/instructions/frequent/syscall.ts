import { Mnemonic } from 'iced-x86';
import { ARITHMETIC_FLAGS, CodeMode, EFER, Flag, FLAGS, LSTAR, RIP, Seg, SFMASK, STAR } from '../../cpu/layout.js';
import { TlbTable } from '../../memory/layout.js';
import type { Emitter } from '../../translate/emitter.js';
import { pushFlagBits, setFlagBits } from '../../translate/flags.js';
import { Op, Type } from '../../translate/wasm.js';
import { define, inRegions } from '../define.js';
import { CODE64, DATA, DPL3, SYSRET_FLAGS } from '../system/flatSegments.js';
import { handOverIf, handOverIfFlags, handOverUnlessCanonical, handOverUnlessKernel, pushEventsOpened, setFlatSegment, setPrivilege, UNUSUAL_FLAGS } from './privilege.js';

const RCX = 1, R11 = 11;
/** Bit 1 of RFLAGS is always set. */
const ALWAYS = 2;

function handOverUnlessSce(e: Emitter): void {
  e.f.get(e.cpu).memory(Op.i32_load, EFER).i32(1).op(Op.i32_and, Op.i32_eqz);
  handOverIf(e);
}

/** SYSCALL (SDM Vol. 2B) of 64-bit code, with TF and AC clear. */
define(Mnemonic.Syscall, inRegions((e, region) => {
  const f = e.f;
  if (!e.long) { e.handOver(); return; }
  handOverUnlessSce(e);
  handOverIfFlags(e, UNUSUAL_FLAGS);
  pushFlagBits(e);
  f.get(e.cpu).memory(Op.i32_load, FLAGS).i32(~(ARITHMETIC_FLAGS | Flag.RF)).op(Op.i32_and).i32(ALWAYS).op(Op.i32_or, Op.i32_or);
  const flags = f.local(Type.I32), selector = f.local(Type.I32);
  f.set(flags).get(flags).op(Op.i64_extend_i32_u);
  e.popRegister(R11);
  e.pushNext();
  e.popRegister(RCX);
  f.get(e.cpu).get(e.cpu).memory(Op.i64_load, LSTAR).memory(Op.i64_store, RIP);
  f.get(flags).get(e.cpu).memory(Op.i32_load, SFMASK).i32(-1).op(Op.i32_xor, Op.i32_and).set(flags);
  f.get(e.cpu).get(flags).i32(~ARITHMETIC_FLAGS).op(Op.i32_and).i32(ALWAYS).op(Op.i32_or).memory(Op.i32_store, FLAGS);
  f.get(flags).i32(ARITHMETIC_FLAGS).op(Op.i32_and, Op.i64_extend_i32_u);
  setFlagBits(e);
  f.get(e.cpu).memory(Op.i32_load, STAR + 4).i32(0xfffc).op(Op.i32_and).set(selector);
  setFlatSegment(e, Seg.CS, selector, 0, CODE64);
  setFlatSegment(e, Seg.SS, selector, 8, DATA);
  f.release(flags, selector);
  setPrivilege(e, TlbTable.Supervisor, () => f.i32(CodeMode.Long | CodeMode.Stack32));
  // Nothing that waits becomes possible by it.
  f.i32(0);
  region.end();
}));

/** SYSRET (SDM Vol. 2B) to 64-bit code, with TF and AC clear before and after. */
define(Mnemonic.Sysretq, inRegions((e, region) => {
  const f = e.f;
  if (!e.long) { e.handOver(); return; }
  handOverUnlessKernel(e);
  handOverUnlessSce(e);
  handOverIfFlags(e, UNUSUAL_FLAGS);
  const flags = f.local(Type.I32), selector = f.local(Type.I32);
  e.pushRegister(R11);
  f.op(Op.i32_wrap_i64).tee(flags).i32(UNUSUAL_FLAGS).op(Op.i32_and);
  handOverIf(e);
  e.pushRegister(RCX);
  const target = e.keep();
  handOverUnlessCanonical(e, target);
  f.get(e.cpu).get(target).memory(Op.i64_store, RIP);
  f.get(e.cpu).get(flags).i32(SYSRET_FLAGS & ~ARITHMETIC_FLAGS).op(Op.i32_and).i32(ALWAYS).op(Op.i32_or).memory(Op.i32_store, FLAGS);
  f.get(flags).i32(ARITHMETIC_FLAGS).op(Op.i32_and, Op.i64_extend_i32_u);
  setFlagBits(e);
  f.get(e.cpu).memory(Op.i32_load16_u, STAR + 6).i32(3).op(Op.i32_or).set(selector);
  setFlatSegment(e, Seg.CS, selector, 16, CODE64 | DPL3);
  setFlatSegment(e, Seg.SS, selector, 8, DATA | DPL3);
  setPrivilege(e, TlbTable.User, () => f.i32(CodeMode.Long | CodeMode.Stack32 | CodeMode.User));
  pushEventsOpened(e, flags);
  f.release(flags, selector, target);
  region.end();
}));
