import { Mnemonic } from 'iced-x86';
import type { Emitter } from '../../translate/emitter.js';
import { Simd } from '../../translate/simd.js';
import { keepVector, popVector, pushSource, pushVector } from '../../translate/vectors.js';
import { Op, Type } from '../../translate/wasm.js';
import { defineVector } from './registry.js';

/**
 * Shifts of elements (SDM Vol. 2B, PSLLW and its kin): the count is an immediate or the low 64 bits of a vector; one that is
 * too large gives zero, or the sign.
 */
function shift(mnemonic: Mnemonic, bits: number, op: Simd, arithmetic: boolean): void {
  defineVector(mnemonic, e => {
    const f = e.f, immediate = e.insn.operands[1]!.kind === 'immediate';
    if (immediate && e.constant !== undefined) {
      const count = Number(e.constant & 0xffn);
      if (count >= bits && !arithmetic) f.i64(0n).simd(Simd.i64x2_splat);
      else {
        pushVector(e, 0);
        f.i32(Math.min(count, bits - 1)).simd(op);
      }
      popVector(e, 0);
      return;
    }
    if (immediate) e.pushImmediate();
    else {
      pushSource(e, 1);
      f.lane(Simd.i64x2_extract_lane, 0);
    }
    const count = e.keep(), inRange = () => f.get(count).i64(BigInt(bits)).op(Op.i64_lt_u);
    pushVector(e, 0);
    if (arithmetic) {
      f.get(count).i64(BigInt(bits - 1));
      inRange();
      f.op(Op.select, Op.i32_wrap_i64).simd(op);
    } else {
      f.get(count).op(Op.i32_wrap_i64).simd(op);
      f.i64(0n);
      inRange();
      f.op(Op.i64_extend_i32_u, Op.i64_sub).simd(Simd.i64x2_splat, Simd.v128_and);
    }
    f.release(count);
    popVector(e, 0);
  });
}
shift(Mnemonic.Psllw, 16, Simd.i16x8_shl, false);
shift(Mnemonic.Pslld, 32, Simd.i32x4_shl, false);
shift(Mnemonic.Psllq, 64, Simd.i64x2_shl, false);
shift(Mnemonic.Psrlw, 16, Simd.i16x8_shr_u, false);
shift(Mnemonic.Psrld, 32, Simd.i32x4_shr_u, false);
shift(Mnemonic.Psrlq, 64, Simd.i64x2_shr_u, false);
shift(Mnemonic.Psraw, 16, Simd.i16x8_shr_s, true);
shift(Mnemonic.Psrad, 32, Simd.i32x4_shr_s, true);

/** The numbers of the bytes of a vector. */
export const BYTES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/**
 * Pops a vector and pushes it shifted right by the bytes of the i32 local `by` (negative: left), between -128 and 112; zeros
 * come in.
 */
export function shiftBytes(e: Emitter, by: number): void {
  // A number outside 0-15 selects zero.
  e.f.bytes16(Simd.v128_const, BYTES).get(by).simd(Simd.i8x16_splat, Simd.i8x16_add, Simd.i8x16_swizzle);
}

/** Pushes the immediate as i32, cut to `most` if it is larger. */
export function pushClamped(e: Emitter, most: number): void {
  if (e.constant !== undefined) { e.f.i32(Math.min(Number(e.constant & 0xffn), most)); return; }
  const f = e.f;
  e.pushImmediate();
  const value = e.keep();
  f.get(value).i64(BigInt(most)).get(value).i64(BigInt(most)).op(Op.i64_lt_u, Op.select, Op.i32_wrap_i64);
  f.release(value);
}

for (const [mnemonic, left] of [[Mnemonic.Pslldq, true], [Mnemonic.Psrldq, false]] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, by = f.local(Type.I32);
    if (left) f.i32(0);
    pushClamped(e, 16);
    if (left) f.op(Op.i32_sub);
    f.set(by);
    pushVector(e, 0);
    shiftBytes(e, by);
    f.release(by);
    popVector(e, 0);
  });
}

/** PALIGNR: destination and source side by side, shifted right by bytes. */
defineVector(Mnemonic.Palignr, e => {
  const f = e.f;
  pushSource(e, 1);
  const source = keepVector(e), by = f.local(Type.I32), mmx = e.size(0) === 8;
  pushClamped(e, mmx ? 16 : 32);
  f.set(by);
  if (mmx) {
    f.get(source);
    pushVector(e, 0);
    f.lane(Simd.i64x2_extract_lane, 0).lane(Simd.i64x2_replace_lane, 1);
    shiftBytes(e, by);
  } else {
    f.get(source);
    shiftBytes(e, by);
    f.get(by).i32(16).op(Op.i32_sub).set(by);
    pushVector(e, 0);
    shiftBytes(e, by);
    f.simd(Simd.v128_or);
  }
  f.release(by, source);
  popVector(e, 0);
});
