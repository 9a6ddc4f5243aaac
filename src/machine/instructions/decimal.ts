import { Mnemonic } from 'iced-x86';
import { Vector } from '../core.js';
import { Flag } from '../cpu/layout.js';
import { MemoryKind } from '../memory/kind.js';
import { Cc, type Emitter, loadOp } from '../translate/emitter.js';
import { pushCarry, pushFlagBits, setFlagBits, setFlags } from '../translate/flags.js';
import { Op, Type } from '../translate/wasm.js';
import { pushResultFlags } from './arithmetic.js';
import { define } from './define.js';

/**
 * Instructions of the early processors that compilers no longer emit: decimal arithmetic, table look-up, array bounds (SDM Vol. 2A).
 * Flags that the SDM leaves undefined are as measured on Intel's processors.
 */

const AX = 0, CARRY = BigInt(Flag.CF), AUXILIARY = BigInt(Flag.AF);

/** Keeps an i64 of 1 where AL's low digit is no decimal one or AF is set. */
function keepAdjust(e: Emitter): number {
  const f = e.f;
  e.pushRegister(AX);
  f.i64(15n).op(Op.i64_and).i64(9n).op(Op.i64_gt_u);
  pushFlagBits(e);
  f.i32(Flag.AF).op(Op.i32_and, Op.i32_eqz, Op.i32_eqz, Op.i32_or, Op.i64_extend_i32_u);
  return e.keep();
}

/** AAA and AAS: six is added to (taken from) AX, with one more in AH, and AL keeps its low digit. */
for (const [mnemonic, op] of [[Mnemonic.Aaa, Op.i64_add], [Mnemonic.Aas, Op.i64_sub]] as const) {
  define(mnemonic, e => {
    const f = e.f, adjust = keepAdjust(e);
    e.pushPart(AX, 2);
    f.get(adjust).i64(0x106n).op(Op.i64_mul, op).i64(0xff0fn).op(Op.i64_and);
    const result = e.keep();
    f.get(result);
    e.popPart(AX, 2);
    f.get(adjust).i64(CARRY | AUXILIARY).op(Op.i64_mul);
    pushDigitFlags(e, result);
    setFlagBits(e);
    f.release(adjust, result);
  });
}

/** Pushes ZF, SF and PF of the low byte of a local, or-ed with the i64 on the stack. */
function pushDigitFlags(e: Emitter, result: number): void {
  const f = e.f;
  f.get(result).i64(0xffn).op(Op.i64_and);
  const byte = e.keep();
  pushResultFlags(e, 1, byte);
  f.op(Op.i64_or);
  f.release(byte);
}

/** DAA and DAS: the two decimal digits of AL are put right after an addition (subtraction). */
for (const [mnemonic, op] of [[Mnemonic.Daa, Op.i64_add], [Mnemonic.Das, Op.i64_sub]] as const) {
  define(mnemonic, e => {
    const f = e.f, adjust = keepAdjust(e);
    e.pushPart(AX, 1);
    const old = e.keep();
    f.get(old).i64(0x99n).op(Op.i64_gt_u, Op.i64_extend_i32_u);
    pushCarry(e);
    f.op(Op.i64_or);
    const high = e.keep();
    f.get(old).get(adjust).i64(6n).op(Op.i64_mul, op).get(high).i64(0x60n).op(Op.i64_mul, op);
    e.truncate(1);
    const result = e.keep();
    f.get(result);
    e.popPart(AX, 1);
    f.get(adjust).i64(AUXILIARY).op(Op.i64_mul).get(high);
    // DAS borrows by the low digit alone as well.
    if (op === Op.i64_sub) f.get(adjust).get(old).i64(6n).op(Op.i64_lt_u, Op.i64_extend_i32_u, Op.i64_and, Op.i64_or);
    f.op(Op.i64_or);
    pushDigitFlags(e, result);
    setFlagBits(e);
    f.release(adjust, old, high, result);
  });
}

/** AAM divides AL by the immediate into AH and AL, AAD puts them together again. */
define(Mnemonic.Aam, e => {
  const f = e.f;
  e.pushImmediate();
  e.truncate(1);
  const base = e.keep();
  f.get(base).op(Op.i64_eqz).if();
  e.raise(Vector.DE);
  f.end();
  e.pushPart(AX, 1);
  const value = e.keep();
  f.get(value).get(base).op(Op.i64_div_u).i64(8n).op(Op.i64_shl).get(value).get(base).op(Op.i64_rem_u, Op.i64_or);
  const result = e.keep();
  f.get(result);
  e.popPart(AX, 2);
  f.i64(0n);
  pushDigitFlags(e, result);
  setFlagBits(e);
  f.release(base, value, result);
});
/** AAD: the flags are those of the addition. */
define(Mnemonic.Aad, e => {
  const f = e.f;
  e.pushPart(AX, 2);
  const value = e.keep();
  f.get(value).i64(8n).op(Op.i64_shr_u);
  e.pushImmediate();
  f.op(Op.i64_mul);
  e.truncate(1);
  const tens = e.keep();
  f.get(value).get(tens).op(Op.i64_add);
  e.truncate(1);
  const result = e.keep();
  f.get(result);
  e.popPart(AX, 2);
  setFlags(e, Cc.Add, 1, result, tens);
  f.release(value, tens, result);
});

/** SALC: AL is filled with CF. Intel's processors have it without saying so. */
define(Mnemonic.Salc, e => {
  e.f.i64(0n);
  pushCarry(e);
  e.f.op(Op.i64_sub);
  e.truncate(1);
  e.popPart(AX, 1);
});

/** XLAT: the byte at (R)BX plus AL. */
define(Mnemonic.Xlatb, e => {
  e.pushLinear(1, MemoryKind.Read, () => e.pushPart(AX, 1));
  const host = e.resolve(1, MemoryKind.Read | e.stackKind);
  e.f.get(host).memory(Op.i64_load8_u);
  e.popPart(AX, 1);
  e.f.release(host);
});

/** BOUND: #BR unless the signed index lies between the two bounds in memory. The upper one is read, and aligned, by itself, and not for an index below the lower (measured). */
define(Mnemonic.Bound, e => {
  const f = e.f, size = e.size(0);
  e.push(0);
  e.signExtend(size);
  const index = e.keep();
  for (const [offset, isBeyond] of [[0, Op.i64_lt_s], [size, Op.i64_gt_s]] as const) {
    e.pushLinear(size, MemoryKind.Read, offset ? () => f.i64(BigInt(offset)) : undefined);
    const host = e.resolve(size, MemoryKind.Read | e.stackKind);
    f.get(index).get(host).memory(loadOp(size));
    e.signExtend(size);
    f.op(isBeyond).if();
    e.raise(Vector.BR);
    f.end();
    f.release(host);
  }
  f.release(index);
});

/** ARPL: the requested privilege level of a selector becomes that of another one if it is lower; ZF says so. */
define(Mnemonic.Arpl, e => {
  // Memory is written only where something changes (measured).
  const f = e.f, source = e.place(0, MemoryKind.Read);
  e.load(source);
  const selector = e.keep();
  e.done(source);
  e.push(1);
  f.i64(3n).op(Op.i64_and);
  const level = e.keep(), lower = f.local(Type.I64);
  f.get(selector).i64(3n).op(Op.i64_and).get(level).op(Op.i64_lt_u, Op.i64_extend_i32_u).set(lower);
  f.get(lower).op(Op.i32_wrap_i64).if();
  const place = e.place(0, MemoryKind.Write);
  f.get(selector).i64(~3n).op(Op.i64_and).get(level).op(Op.i64_or);
  e.store(place);
  e.done(place);
  f.end();
  pushFlagBits(e);
  f.i32(0x8d5 & ~Flag.ZF).op(Op.i32_and, Op.i64_extend_i32_u).get(lower).i64(6n).op(Op.i64_shl, Op.i64_or);
  setFlagBits(e);
  f.release(selector, level, lower);
});
