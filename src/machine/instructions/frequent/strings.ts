import { Mnemonic } from 'iced-x86';
import { CodeMode, Flag, Seg, STRING_FIRST, STRING_SECOND } from '../../cpu/layout.js';
import { MemoryKind } from '../../memory/kind.js';
import { Cc, type Emitter, loadOp, storeOp } from '../../translate/emitter.js';
import { setFlags } from '../../translate/flags.js';
import type { RegionControl } from '../../translate/regionControl.js';
import { Op, Type } from '../../translate/wasm.js';
import { define, inRegions } from '../define.js';
import { handOverIf, handOverIfFlags } from './privilege.js';

/**
 * String instructions forward in 64-bit code with 64-bit addresses (SDM Vol. 1, 7.3.9): single ones, and rows of iterations with REP by
 * `emitted/strings.ts`. What does not come to its end there, and the rest, is the handler's (`strings.ts`).
 */

const RAX = 0, RCX = 1, RSI = 6, RDI = 7;

/** Hands over what is not usual; false if all of it is. */
function isUsual(e: Emitter, readsSource: boolean): boolean {
  const { mode, memory } = e.insn;
  if (!e.long || memory!.addressSize !== 8 || mode & (CodeMode.AlignmentCheck | CodeMode.Watched) || readsSource && memory!.segment >= Seg.FS) {
    e.handOver();
    return false;
  }
  handOverIfFlags(e, Flag.DF);
  return true;
}

function advance(e: Emitter, register: number, by: () => void): void {
  e.pushRegister(register);
  by();
  e.f.op(Op.i64_add);
  e.popRegister(register);
}

/** Host address (a local) for an access at RSI or RDI. */
function hostAt(e: Emitter, register: number, size: number, access: MemoryKind): number {
  e.pushRegister(register);
  return e.resolve(size, access);
}

interface Row {
  /** Pushes the first operands of the function in `emitted/strings.ts`: two addresses, or one and a value. */
  pushOperands: () => void;
  function: number;
  /** Of SCAS and CMPS: sets the flags of the last iteration, and pushes whether it has ended the row. */
  compare?: (stop: number) => void;
}

/** Iterations with REP, as many as the budget has steps for. */
function emitRow(e: Emitter, region: RegionControl, advances: readonly number[], { pushOperands, function: row, compare }: Row): void {
  const f = e.f, { rep, memory } = e.insn, log = Math.log2(memory!.size), stop = rep === 'repne' ? 1 : 0;
  const count = f.local(Type.I64), done = f.local(Type.I32);
  e.pushRegister(RCX);
  f.tee(count).op(Op.i64_eqz);
  // Without iterations the flags too stay as they are: what they are would not be known here.
  if (compare) handOverIf(e);
  else f.op(Op.i32_eqz).if();

  f.get(e.cpu);
  pushOperands();
  // All, or as many as leave a step for the handler, which then ends the turn between two iterations.
  f.get(count).op(Op.i32_wrap_i64);
  region.pushBudget();
  f.get(count).i64(1n).op(Op.i64_sub);
  region.pushBudget();
  f.op(Op.i64_extend_i32_u, Op.i64_le_u, Op.select).i32(log);
  if (compare) f.i32(stop);
  f.call(row).set(done);
  if (compare) {
    f.get(done).op(Op.i32_eqz);
    handOverIf(e);
  }
  f.get(count).get(done).op(Op.i64_extend_i32_u, Op.i64_sub).tee(count);
  e.popRegister(RCX);
  for (const register of advances) advance(e, register, () => f.get(done).op(Op.i64_extend_i32_u).i64(BigInt(log)).op(Op.i64_shl));
  f.get(count).op(Op.i64_eqz);
  if (compare) {
    compare(stop);
    f.op(Op.i32_or);
  }
  f.op(Op.i32_eqz).if();
  f.get(done);
  region.spend();
  e.handOver();
  f.end().get(done).i32(1).op(Op.i32_sub);
  region.spend();
  if (!compare) f.end();
  f.release(count, done);
}

/** Sets the flags of the comparison of two values in locals, zero-extended. */
function setComparison(e: Emitter, size: number, first: number, second: number): void {
  const result = e.f.local(Type.I64);
  e.f.get(first).get(second).op(Op.i64_sub);
  e.truncate(size);
  e.f.set(result);
  setFlags(e, Cc.Sub, size, result, second);
  e.f.release(result);
}

/** Sets the flags of the last iteration of a row; pushes whether it was to be the last. */
function compareLast(e: Emitter, pushFirst: () => void): (stop: number) => void {
  return stop => {
    const f = e.f, first = f.local(Type.I64), second = f.local(Type.I64);
    pushFirst();
    f.set(first).get(e.cpu).memory(Op.i64_load, STRING_SECOND).set(second);
    setComparison(e, e.insn.memory!.size, first, second);
    f.get(first).get(second).op(stop ? Op.i64_eq : Op.i64_ne);
    f.release(first, second);
  };
}

/** A family of string instructions. */
interface Family {
  mnemonics: readonly Mnemonic[];
  /** Registers that go on with each iteration. */
  advances: readonly number[];
  /** Emits one iteration, without that. */
  once(e: Emitter, size: number): void;
  /** What they are with REP; undefined for the handler. */
  row?(e: Emitter, size: number): Row;
}

function defineFamily({ mnemonics, advances, once, row }: Family): void {
  define(mnemonics, inRegions((e, region) => {
    const { rep, memory } = e.insn, { size } = memory!;
    if (rep !== 'none' && !row) { e.handOver(); return; }
    if (!isUsual(e, advances.includes(RSI))) return;
    if (rep !== 'none') { emitRow(e, region, advances, row!(e, size)); return; }
    once(e, size);
    for (const register of advances) advance(e, register, () => e.f.i64(BigInt(size)));
  }));
}

defineFamily({
  mnemonics: [Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Movsq], advances: [RSI, RDI],
  once: (e, size) => {
    const from = hostAt(e, RSI, size, MemoryKind.Read), to = hostAt(e, RDI, size, MemoryKind.Write);
    e.f.get(to).get(from).memory(loadOp(size)).memory(storeOp(size));
    e.f.release(from, to);
  },
  row: e => ({ function: e.imports.moves, pushOperands: () => { e.pushRegister(RSI); e.pushRegister(RDI); } }),
});

defineFamily({
  mnemonics: [Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd, Mnemonic.Stosq], advances: [RDI],
  once: (e, size) => {
    const to = hostAt(e, RDI, size, MemoryKind.Write);
    e.f.get(to);
    e.pushRegister(RAX);
    e.f.memory(storeOp(size));
    e.f.release(to);
  },
  row: e => ({ function: e.imports.stores, pushOperands: () => { e.pushRegister(RDI); e.pushRegister(RAX); } }),
});

defineFamily({
  mnemonics: [Mnemonic.Lodsb, Mnemonic.Lodsw, Mnemonic.Lodsd, Mnemonic.Lodsq], advances: [RSI],
  once: (e, size) => {
    const from = hostAt(e, RSI, size, MemoryKind.Read);
    e.f.get(from).memory(loadOp(size));
    e.popPart(RAX, size);
    e.f.release(from);
  },
});

defineFamily({
  mnemonics: [Mnemonic.Scasb, Mnemonic.Scasw, Mnemonic.Scasd, Mnemonic.Scasq], advances: [RDI],
  once: (e, size) => {
    const f = e.f, at = hostAt(e, RDI, size, MemoryKind.Read), first = f.local(Type.I64), second = f.local(Type.I64);
    f.get(at).memory(loadOp(size)).set(second);
    e.pushPart(RAX, size);
    f.set(first);
    setComparison(e, size, first, second);
    f.release(at, first, second);
  },
  row: (e, size) => ({
    function: e.imports.scans, pushOperands: () => { e.pushRegister(RDI); e.pushPart(RAX, size); }, compare: compareLast(e, () => e.pushPart(RAX, size)),
  }),
});

defineFamily({
  mnemonics: [Mnemonic.Cmpsb, Mnemonic.Cmpsw, Mnemonic.Cmpsd, Mnemonic.Cmpsq], advances: [RSI, RDI],
  once: (e, size) => {
    // ES:RDI is read first, which shows where both fault (measured).
    const f = e.f, to = hostAt(e, RDI, size, MemoryKind.Read), from = hostAt(e, RSI, size, MemoryKind.Read), first = f.local(Type.I64), second = f.local(Type.I64);
    f.get(to).memory(loadOp(size)).set(second).get(from).memory(loadOp(size)).set(first);
    setComparison(e, size, first, second);
    f.release(to, from, first, second);
  },
  row: e => ({
    function: e.imports.compares, pushOperands: () => { e.pushRegister(RSI); e.pushRegister(RDI); },
    compare: compareLast(e, () => e.f.get(e.cpu).memory(Op.i64_load, STRING_FIRST)),
  }),
});
