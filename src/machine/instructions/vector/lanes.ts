import { Mnemonic } from 'iced-x86';
import type { Emitter } from '../../translate/emitter.js';
import { Simd } from '../../translate/simd.js';
import { isMmx, keepVector, popVector, pushSource, pushVector, registerClass } from '../../translate/vectors.js';
import { Op } from '../../translate/wasm.js';
import type { Definition } from '../define.js';
import { defineVector } from './registry.js';

/**
 * Logic, integer arithmetic and comparisons, whose elements do not depend on each other or only inside a quadword: what is done
 * to the lower half of a vector is what an MMX instruction does.
 */

/** A definition dst = combine(dst, src), for which both stand on the stack in this order. */
export function combined(combine: (e: Emitter) => void): Definition {
  return e => {
    pushSource(e, 1);
    const source = keepVector(e);
    pushVector(e, 0);
    e.f.get(source);
    e.f.release(source);
    combine(e);
    popVector(e, 0);
  };
}
/** As `combined`, with the operands in locals. */
export function combinedLocals(combine: (e: Emitter, a: number, b: number) => void): Definition {
  return combined(e => {
    const b = keepVector(e), a = keepVector(e);
    combine(e, a, b);
    e.f.release(a, b);
  });
}
/** A definition by one WebAssembly instruction. */
export function lanewise(mnemonics: Mnemonic | readonly Mnemonic[], op: Simd): void { defineVector(mnemonics, combined(e => { e.f.simd(op); })); }

lanewise([Mnemonic.Andps, Mnemonic.Andpd, Mnemonic.Pand], Simd.v128_and);
lanewise([Mnemonic.Orps, Mnemonic.Orpd, Mnemonic.Por], Simd.v128_or);
lanewise([Mnemonic.Xorps, Mnemonic.Xorpd, Mnemonic.Pxor], Simd.v128_xor);
/** The destination is what is inverted. */
defineVector([Mnemonic.Andnps, Mnemonic.Andnpd, Mnemonic.Pandn], e => {
  pushSource(e, 1);
  pushVector(e, 0);
  e.f.simd(Simd.v128_andnot);
  popVector(e, 0);
});

for (const [mnemonic, op] of [
  [Mnemonic.Paddb, Simd.i8x16_add], [Mnemonic.Paddw, Simd.i16x8_add], [Mnemonic.Paddd, Simd.i32x4_add], [Mnemonic.Paddq, Simd.i64x2_add],
  [Mnemonic.Paddsb, Simd.i8x16_add_sat_s], [Mnemonic.Paddsw, Simd.i16x8_add_sat_s], [Mnemonic.Paddusb, Simd.i8x16_add_sat_u], [Mnemonic.Paddusw, Simd.i16x8_add_sat_u],
  [Mnemonic.Psubb, Simd.i8x16_sub], [Mnemonic.Psubw, Simd.i16x8_sub], [Mnemonic.Psubd, Simd.i32x4_sub], [Mnemonic.Psubq, Simd.i64x2_sub],
  [Mnemonic.Psubsb, Simd.i8x16_sub_sat_s], [Mnemonic.Psubsw, Simd.i16x8_sub_sat_s], [Mnemonic.Psubusb, Simd.i8x16_sub_sat_u], [Mnemonic.Psubusw, Simd.i16x8_sub_sat_u],
  [Mnemonic.Pmullw, Simd.i16x8_mul], [Mnemonic.Pmaddwd, Simd.i32x4_dot_i16x8_s],
  [Mnemonic.Pavgb, Simd.i8x16_avgr_u], [Mnemonic.Pavgw, Simd.i16x8_avgr_u],
  [Mnemonic.Pminub, Simd.i8x16_min_u], [Mnemonic.Pmaxub, Simd.i8x16_max_u], [Mnemonic.Pminsw, Simd.i16x8_min_s], [Mnemonic.Pmaxsw, Simd.i16x8_max_s],
  [Mnemonic.Pcmpeqb, Simd.i8x16_eq], [Mnemonic.Pcmpeqw, Simd.i16x8_eq], [Mnemonic.Pcmpeqd, Simd.i32x4_eq],
  [Mnemonic.Pcmpgtb, Simd.i8x16_gt_s], [Mnemonic.Pcmpgtw, Simd.i16x8_gt_s], [Mnemonic.Pcmpgtd, Simd.i32x4_gt_s],
] as const) lanewise(mnemonic, op);

/** The upper halves of eight products of words. */
const HIGH_WORDS = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31];
for (const [mnemonic, low, high] of [
  [Mnemonic.Pmulhw, Simd.i32x4_extmul_low_i16x8_s, Simd.i32x4_extmul_high_i16x8_s],
  [Mnemonic.Pmulhuw, Simd.i32x4_extmul_low_i16x8_u, Simd.i32x4_extmul_high_i16x8_u],
] as const) {
  defineVector(mnemonic, combinedLocals((e, a, b) => {
    e.f.get(a).get(b).simd(low).get(a).get(b).simd(high).bytes16(Simd.i8x16_shuffle, HIGH_WORDS);
  }));
}

/** Pushes a vector of two equal quadwords. */
export function pushQuadwords(e: Emitter, value: bigint): void { e.f.i64(value).simd(Simd.i64x2_splat); }

/** Products of the even doublewords. */
defineVector(Mnemonic.Pmuludq, combinedLocals((e, a, b) => {
  for (const operand of [a, b]) {
    e.f.get(operand);
    pushQuadwords(e, 0xffffffffn);
    e.f.simd(Simd.v128_and);
  }
  e.f.simd(Simd.i64x2_mul);
}));

/** The sum of eight absolute differences of bytes, in each quadword. */
defineVector(Mnemonic.Psadbw, combinedLocals((e, a, b) => {
  const f = e.f;
  f.get(a).get(b).simd(Simd.i8x16_max_u).get(a).get(b).simd(Simd.i8x16_min_u).simd(Simd.i8x16_sub);
  f.simd(Simd.i16x8_extadd_pairwise_i8x16_u, Simd.i32x4_extadd_pairwise_i16x8_u);
  const sums = keepVector(e);
  f.get(sums);
  pushQuadwords(e, 0xffffffffn);
  f.simd(Simd.v128_and).get(sums).i32(32).simd(Simd.i64x2_shr_u).simd(Simd.i64x2_add);
  f.release(sums);
}));

/** SSSE3. */
for (const [mnemonic, op] of [[Mnemonic.Pabsb, Simd.i8x16_abs], [Mnemonic.Pabsw, Simd.i16x8_abs], [Mnemonic.Pabsd, Simd.i32x4_abs]] as const) {
  defineVector(mnemonic, e => {
    pushSource(e, 1);
    e.f.simd(op);
    popVector(e, 0);
  });
}

/** PSIGN: negated where the source is negative, zero where it is zero. */
for (const [mnemonic, greater, equal, subtract] of [
  [Mnemonic.Psignb, Simd.i8x16_gt_s, Simd.i8x16_eq, Simd.i8x16_sub], [Mnemonic.Psignw, Simd.i16x8_gt_s, Simd.i16x8_eq, Simd.i16x8_sub],
  [Mnemonic.Psignd, Simd.i32x4_gt_s, Simd.i32x4_eq, Simd.i32x4_sub],
] as const) {
  defineVector(mnemonic, combinedLocals((e, a, b) => {
    const f = e.f;
    pushQuadwords(e, 0n);
    f.get(b).simd(greater);
    const negative = keepVector(e);
    f.get(a).get(negative).simd(Simd.v128_xor).get(negative).simd(subtract);
    f.get(b);
    pushQuadwords(e, 0n);
    f.simd(equal).simd(Simd.v128_andnot);
    f.release(negative);
  }));
}

/** PMULHRSW: the rounding product saturates in WebAssembly where both are -1, and is -1 on processors. */
defineVector(Mnemonic.Pmulhrsw, combinedLocals((e, a, b) => {
  const f = e.f;
  f.get(a).get(b).simd(Simd.i16x8_q15mulr_sat_s);
  for (const operand of [a, b]) {
    f.get(operand);
    pushQuadwords(e, 0x8000800080008000n);
    f.simd(Simd.i16x8_eq);
  }
  f.simd(Simd.v128_and).simd(Simd.v128_xor);
}));

/** PMADDUBSW: unsigned bytes of the destination by signed ones of the source, sums of pairs with saturation. */
defineVector(Mnemonic.Pmaddubsw, combinedLocals((e, a, b) => {
  const f = e.f;
  f.get(a);
  pushQuadwords(e, 0x00ff00ff00ff00ffn);
  f.simd(Simd.v128_and).get(b).i32(8).simd(Simd.i16x8_shl).i32(8).simd(Simd.i16x8_shr_s).simd(Simd.i16x8_mul);
  f.get(a).i32(8).simd(Simd.i16x8_shr_u).get(b).i32(8).simd(Simd.i16x8_shr_s).simd(Simd.i16x8_mul);
  f.simd(Simd.i16x8_add_sat_s);
}));

/** The signs of all elements as bits of a general register. */
for (const [mnemonic, op] of [[Mnemonic.Pmovmskb, Simd.i8x16_bitmask], [Mnemonic.Movmskps, Simd.i32x4_bitmask], [Mnemonic.Movmskpd, Simd.i64x2_bitmask]] as const) {
  defineVector(mnemonic, e => {
    pushVector(e, 1);
    e.f.simd(op).op(Op.i64_extend_i32_u);
    e.store({ register: 0, size: e.size(0) });
  });
}

/** The number of the element that an immediate names, as an i32 byte offset, of words. */
function pushWordOffset(e: Emitter, register: number): void {
  e.pushImmediate();
  e.f.op(Op.i32_wrap_i64).i32(isMmx(e, register) ? 3 : 7).op(Op.i32_and).i32(1).op(Op.i32_shl);
}
defineVector(Mnemonic.Pextrw, e => {
  const offset = e.pushOperandBase(1);
  pushWordOffset(e, 1);
  e.f.op(Op.i32_add).memory(Op.i64_load16_u, offset);
  e.store({ register: 0, size: e.size(0) });
});
defineVector(Mnemonic.Pinsrw, e => {
  e.push(1);
  const value = e.keep(), offset = e.pushOperandBase(0);
  pushWordOffset(e, 0);
  e.f.op(Op.i32_add).get(value).memory(Op.i64_store16, offset);
  e.f.release(value);
  if (registerClass(e, 0) === 'mmx') {
    pushVector(e, 0);
    popVector(e, 0);
  }
});
