import { Mnemonic } from 'iced-x86';
import { CMOV, forConditions, SETCC } from './conditions.js';
import { MemoryKind } from '../memory/kind.js';
import type { Emitter } from '../translate/emitter.js';
import { pushCondition, pushFlagBits, setFlagBits } from '../translate/flags.js';
import { Op } from '../translate/wasm.js';
import { define } from './define.js';

define(Mnemonic.Mov, e => {
  const size = e.size(0);
  if (e.insn.operands[0]!.kind === 'register') {
    e.pushSized(1, size);
    e.store({ register: 0, size });
    return;
  }
  const place = e.place(0, MemoryKind.Write);
  e.pushSized(1, size);
  e.store(place);
  e.done(place);
});

define(Mnemonic.Movzx, e => {
  e.push(1);
  e.store({ register: 0, size: e.size(0) });
});

define([Mnemonic.Movsx, Mnemonic.Movsxd], e => {
  e.push(1);
  e.signExtend(e.size(1));
  e.truncate(e.size(0));
  e.store({ register: 0, size: e.size(0) });
});

define(Mnemonic.Lea, e => {
  e.pushOffset();
  e.truncate(e.size(0));
  e.store({ register: 0, size: e.size(0) });
});

define(Mnemonic.Xchg, e => {
  const f = e.f, size = e.size(0);
  // Only one operand can be memory; with registers the order does not matter.
  const memory = e.insn.operands[1]!.kind === 'memory' ? 1 : 0;
  const place = e.place(memory, MemoryKind.Write | MemoryKind.Modify);
  e.load(place);
  const old = e.keep();
  e.push(1 - memory);
  e.store(place);
  f.get(old);
  e.store({ register: 1 - memory, size });
  e.done(place);
  f.release(old);
});

/** Reverses the bytes of the value on the stack; of 16 bits too. */
function reverseBytes(e: Emitter, size: number): void {
  const f = e.f, x = e.keep();
  const swap = (mask: bigint, by: bigint) => {
    f.get(x).i64(by).op(Op.i64_shr_u).i64(mask).op(Op.i64_and);
    f.get(x).i64(mask).op(Op.i64_and).i64(by).op(Op.i64_shl, Op.i64_or).set(x);
  };
  swap(0x00ff00ff00ff00ffn, 8n);
  swap(0x0000ffff0000ffffn, 16n);
  f.get(x).i64(32n).op(Op.i64_rotl);
  // A narrower value stands in the upper part now.
  if (size < 8) f.i64(BigInt(64 - size * 8)).op(Op.i64_shr_u);
  f.release(x);
}

/** BSWAP: of 16-bit operands the result is undefined, zero as on Intel's. */
define(Mnemonic.Bswap, e => {
  const size = e.size(0);
  if (size === 2) e.f.i64(0n);
  else {
    e.push(0);
    reverseBytes(e, size);
  }
  e.store({ register: 0, size });
});

define(Mnemonic.Movbe, e => {
  const size = e.size(0), place = e.place(0, MemoryKind.Write);
  e.push(1);
  reverseBytes(e, size);
  e.store(place);
  e.done(place);
});

/** Sign extension inside the accumulator: from, to. */
for (const [mnemonic, from, to] of [[Mnemonic.Cbw, 1, 2], [Mnemonic.Cwde, 2, 4], [Mnemonic.Cdqe, 4, 8]] as const) {
  define(mnemonic, e => {
    e.pushPart(0, from);
    e.signExtend(from);
    e.truncate(to);
    e.popPart(0, to);
  });
}
/** The sign of the accumulator fills RDX. */
for (const [mnemonic, size] of [[Mnemonic.Cwd, 2], [Mnemonic.Cdq, 4], [Mnemonic.Cqo, 8]] as const) {
  define(mnemonic, e => {
    e.pushPart(0, size);
    e.signExtend(size);
    e.f.i64(63n).op(Op.i64_shr_s);
    e.truncate(size);
    e.popPart(2, size);
  });
}

forConditions(CMOV, (mnemonic, condition) => define(mnemonic, e => {
  // The source is read whatever the condition; a 32-bit destination is zero-extended even if nothing is moved.
  e.push(1);
  e.push(0);
  pushCondition(e, condition);
  e.f.op(Op.select);
  e.store({ register: 0, size: e.size(0) });
}));

forConditions(SETCC, (mnemonic, condition) => define(mnemonic, e => {
  const place = e.place(0, MemoryKind.Write);
  pushCondition(e, condition);
  e.f.op(Op.i32_eqz, Op.i32_eqz, Op.i64_extend_i32_u);
  e.store(place);
  e.done(place);
}));

define(Mnemonic.Lahf, e => {
  pushFlagBits(e);
  e.f.i32(0xd5).op(Op.i32_and).i32(2).op(Op.i32_or, Op.i64_extend_i32_u).i64(8n).op(Op.i64_shl);
  e.pushRegister(0);
  e.f.i64(~0xff00n).op(Op.i64_and, Op.i64_or);
  e.popRegister(0);
});
define(Mnemonic.Sahf, e => {
  pushFlagBits(e);
  e.f.i32(0x800).op(Op.i32_and, Op.i64_extend_i32_u);
  e.pushRegister(0);
  e.f.i64(8n).op(Op.i64_shr_u).i64(0xd5n).op(Op.i64_and, Op.i64_or);
  setFlagBits(e);
});
for (const [mnemonic, keep, flip] of [[Mnemonic.Clc, 0x8d4, 0], [Mnemonic.Stc, 0x8d4, 1], [Mnemonic.Cmc, 0x8d5, 1]] as const) {
  define(mnemonic, e => {
    pushFlagBits(e);
    e.f.i32(keep).op(Op.i32_and).i32(flip).op(Op.i32_xor, Op.i64_extend_i32_u);
    setFlagBits(e);
  });
}

/** CLFLUSH (SDM Vol. 2A) faults like a load; there is no cache that it could flush. */
define(Mnemonic.Clflush, e => e.done(e.place(0, MemoryKind.Read)));

/** No state that the machine has is changed: hints, fences (one CPU runs at a time), ENDBR without CET. */
define([
  Mnemonic.Nop, Mnemonic.Reservednop, Mnemonic.Pause, Mnemonic.Endbr64, Mnemonic.Endbr32, Mnemonic.Lfence, Mnemonic.Mfence, Mnemonic.Sfence,
  Mnemonic.Prefetcht0, Mnemonic.Prefetcht1, Mnemonic.Prefetcht2, Mnemonic.Prefetchnta, Mnemonic.Prefetchw, Mnemonic.Prefetch, Mnemonic.Prefetchwt1,
  Mnemonic.Prefetchit0, Mnemonic.Prefetchit1, Mnemonic.Cldemote, Mnemonic.Rdsspd, Mnemonic.Rdsspq,
], () => {});
