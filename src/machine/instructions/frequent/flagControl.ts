import { Mnemonic } from 'iced-x86';
import { ARITHMETIC_FLAGS, CodeMode, CR4, EVENT_WAITS, Flag, FLAGS, SHADOW } from '../../cpu/layout.js';
import { MemoryKind } from '../../memory/kind.js';
import { TlbTable } from '../../memory/layout.js';
import { pushFlagBits, setFlagBits } from '../../translate/flags.js';
import { Op, Type } from '../../translate/wasm.js';
import { define, inRegions } from '../define.js';
import { handOverIf, handOverIfFlags, handOverUnlessKernel, pushEventsOpened, setTable, UNUSUAL_FLAGS } from './privilege.js';

/** Bit 1 of RFLAGS is always set. */
const ALWAYS = 2;
const CR4_SMAP = 1 << 21;

/** CLI (SDM Vol. 2A) at CPL 0: nothing that waits becomes possible by it, so translated code goes on. */
define(Mnemonic.Cli, e => {
  handOverUnlessKernel(e);
  e.f.get(e.cpu).get(e.cpu).memory(Op.i32_load, FLAGS).i32(~Flag.IF).op(Op.i32_and).memory(Op.i32_store, FLAGS);
});

/**
 * STI (SDM Vol. 2B) at CPL 0. If IF was clear interrupts stay off for one more instruction. If nothing waits and that one follows
 * in the region, no look at what waits is needed between the two; else the run loop sees to it.
 */
define(Mnemonic.Sti, inRegions((e, region) => {
  const f = e.f;
  handOverUnlessKernel(e);
  const flags = f.local(Type.I32);
  f.get(e.cpu).memory(Op.i32_load, FLAGS).tee(flags).i32(Flag.IF).op(Op.i32_and, Op.i32_eqz).if();
  f.get(e.cpu).get(flags).i32(Flag.IF).op(Op.i32_or).memory(Op.i32_store, FLAGS);
  f.get(e.cpu).i32(1).memory(Op.i32_store, SHADOW);
  f.release(flags);
  if (region.shadow()) {
    f.get(e.cpu).memory(Op.i32_load, EVENT_WAITS).if();
    region.event();
    f.end();
  } else {
    region.event();
  }
  f.end();
}));

/** PUSHF of 64-bit code with 8 bytes: RF and VM show as clear (SDM Vol. 2B). */
define(Mnemonic.Pushfq, e => {
  const f = e.f;
  if (!e.long) { e.handOver(); return; }
  pushFlagBits(e);
  f.get(e.cpu).memory(Op.i32_load, FLAGS).i32(~(ARITHMETIC_FLAGS | Flag.RF | Flag.VM)).op(Op.i32_and).i32(ALWAYS).op(Op.i32_or, Op.i32_or, Op.i64_extend_i32_u);
  const value = e.keep();
  e.guestPush(value, 8);
  f.release(value);
});

/** POPF of 64-bit code with 8 bytes (SDM Vol. 2B), TF and AC clear before and after; at CPL 3 with an IOPL that leaves IF alone. */
define(Mnemonic.Popfq, inRegions((e, region) => {
  const f = e.f, user = (e.insn.mode & CodeMode.User) !== 0;
  if (!e.long || e.insn.mode & CodeMode.Middle) { e.handOver(); return; }
  const flags = f.local(Type.I32), old = f.local(Type.I32);
  e.pushStackPointer(0);
  const host = e.resolveStack(8, MemoryKind.Read);
  f.get(host).memory(Op.i32_load).tee(flags).get(e.cpu).memory(Op.i32_load, FLAGS).tee(old).op(Op.i32_or).i32(UNUSUAL_FLAGS).op(Op.i32_and);
  handOverIf(e);
  if (user) {
    f.get(old).i32(Flag.IOPL).op(Op.i32_and).i32(Flag.IOPL).op(Op.i32_eq);
    handOverIf(e);
  }
  e.pushStackPointer(8);
  e.popStackPointer();
  const changed = Flag.DF | Flag.NT | Flag.ID | (user ? 0 : Flag.IOPL | Flag.IF);
  f.get(e.cpu).get(old).i32(~(changed | ARITHMETIC_FLAGS | Flag.RF)).op(Op.i32_and);
  f.get(flags).i32(changed).op(Op.i32_and, Op.i32_or).i32(ALWAYS).op(Op.i32_or).memory(Op.i32_store, FLAGS);
  f.get(flags).i32(ARITHMETIC_FLAGS).op(Op.i32_and, Op.i64_extend_i32_u);
  setFlagBits(e);
  if (!user) {
    pushEventsOpened(e, flags);
    f.if();
    region.event();
    f.end();
  }
  f.release(host, flags, old);
}));

/** CLAC and STAC (SDM Vol. 2A and 2B) at CPL 0 with CR4.SMAP set: they choose the fast table. */
for (const [mnemonic, set] of [[Mnemonic.Clac, false], [Mnemonic.Stac, true]] as const) {
  define(mnemonic, inRegions((e, region) => {
    const f = e.f;
    if (!e.long) { e.handOver(); return; }
    handOverUnlessKernel(e);
    f.get(e.cpu).memory(Op.i32_load, CR4).i32(CR4_SMAP).op(Op.i32_and, Op.i32_eqz);
    handOverIf(e);
    handOverIfFlags(e, Flag.TF);
    f.get(e.cpu).get(e.cpu).memory(Op.i32_load, FLAGS).i32(set ? Flag.AC : ~Flag.AC).op(set ? Op.i32_or : Op.i32_and).memory(Op.i32_store, FLAGS);
    setTable(e, set ? TlbTable.SupervisorAc : TlbTable.Supervisor);
    region.translationChanged();
  }));
}
