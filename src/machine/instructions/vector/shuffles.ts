import { Mnemonic } from 'iced-x86';
import type { Emitter } from '../../translate/emitter.js';
import { Simd } from '../../translate/simd.js';
import { isMmx, keepVector, popVector, pushSource, pushVector } from '../../translate/vectors.js';
import { Op } from '../../translate/wasm.js';
import { combinedLocals, pushQuadwords } from './lanes.js';
import { defineVector } from './registry.js';

/** Byte numbers of `count` elements of `size` bytes, by the numbers of the elements. */
function bytesOf(elements: readonly number[], size: number): number[] { return elements.flatMap(n => Array.from({ length: size }, (_, b) => n * size + b)); }

/** UNPCK and PUNPCK: the elements of one half of destination and source, in turns. */
function unpack(mnemonics: readonly Mnemonic[], size: number, high: boolean): void {
  defineVector(mnemonics, e => {
    // Of an MMX register only the low half counts.
    const half = (isMmx(e, 0) ? 4 : 8) / size, first = high ? half : 0;
    pushSource(e, 1);
    const source = keepVector(e);
    pushVector(e, 0);
    const pairs = Array.from({ length: 8 / size }, (_, n) => first + n % half).flatMap(n => [n, n + 16 / size]);
    e.f.get(source).bytes16(Simd.i8x16_shuffle, bytesOf(pairs, size));
    e.f.release(source);
    popVector(e, 0);
  });
}
unpack([Mnemonic.Punpcklbw], 1, false);
unpack([Mnemonic.Punpcklwd], 2, false);
unpack([Mnemonic.Punpckldq, Mnemonic.Unpcklps], 4, false);
unpack([Mnemonic.Punpcklqdq, Mnemonic.Unpcklpd], 8, false);
unpack([Mnemonic.Punpckhbw], 1, true);
unpack([Mnemonic.Punpckhwd], 2, true);
unpack([Mnemonic.Punpckhdq, Mnemonic.Unpckhps], 4, true);
unpack([Mnemonic.Punpckhqdq, Mnemonic.Unpckhpd], 8, true);

/** Pushes destination a and source b as one vector of 16 bytes, if they are MMX registers: source above destination. */
function joinHalves(e: Emitter, a: number, b: number): void {
  e.f.get(a).get(b).lane(Simd.i64x2_extract_lane, 0).lane(Simd.i64x2_replace_lane, 1);
}

/** PACK: wider elements cut with saturation, those of the destination first. */
for (const [mnemonic, op] of [
  [Mnemonic.Packsswb, Simd.i8x16_narrow_i16x8_s], [Mnemonic.Packuswb, Simd.i8x16_narrow_i16x8_u], [Mnemonic.Packssdw, Simd.i16x8_narrow_i32x4_s],
] as const) {
  defineVector(mnemonic, combinedLocals((e, a, b) => {
    const f = e.f;
    if (isMmx(e, 0)) {
      joinHalves(e, a, b);
      f.set(a).get(a).get(a).simd(op);
    } else f.get(a).get(b).simd(op);
  }));
}

/** PHADD and PHSUB: sums or differences of neighbours. */
for (const [mnemonic, size, op] of [
  [Mnemonic.Phaddw, 2, Simd.i16x8_add], [Mnemonic.Phaddsw, 2, Simd.i16x8_add_sat_s], [Mnemonic.Phaddd, 4, Simd.i32x4_add],
  [Mnemonic.Phsubw, 2, Simd.i16x8_sub], [Mnemonic.Phsubsw, 2, Simd.i16x8_sub_sat_s], [Mnemonic.Phsubd, 4, Simd.i32x4_sub],
] as const) {
  defineVector(mnemonic, combinedLocals((e, a, b) => {
    const f = e.f, count = 16 / size;
    if (isMmx(e, 0)) {
      joinHalves(e, a, b);
      f.tee(a).set(b);
    }
    for (const odd of [0, 1]) {
      f.get(a).get(b).bytes16(Simd.i8x16_shuffle, bytesOf(Array.from({ length: count }, (_, n) => 2 * n + odd), size));
    }
    f.simd(op);
  }));
}

/** PSHUFB: the low bits of each source byte name a byte of the destination, bit 7 gives zero. */
defineVector(Mnemonic.Pshufb, combinedLocals((e, a, b) => {
  e.f.get(a).get(b);
  // What is larger than 15 gives zero.
  pushQuadwords(e, isMmx(e, 0) ? 0x8787878787878787n : 0x8f8f8f8f8f8f8f8fn);
  e.f.simd(Simd.v128_and, Simd.i8x16_swizzle);
}));

/** Four two-bit fields of an immediate. */
function fields(immediate: number): number[] { return [0, 2, 4, 6].map(at => immediate >> at & 3); }

/**
 * Pops a vector and pushes it with its elements in the order of the immediate; where the immediate is not known until run
 * time, its fields are brought into the elements of a vector and made byte numbers there.
 */
function shuffleDoublewords(e: Emitter): void {
  const f = e.f;
  if (e.constant !== undefined) {
    const value = keepVector(e);
    f.get(value).get(value).bytes16(Simd.i8x16_shuffle, bytesOf(fields(Number(e.constant)), 4));
    f.release(value);
    return;
  }
  e.pushImmediate();
  f.op(Op.i32_wrap_i64).simd(Simd.i32x4_splat);
  // Multiplied by 64, 16, 4, 1 each element has its field at bit 6.
  f.bytes16(Simd.v128_const, [64, 0, 0, 0, 16, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0]).simd(Simd.i32x4_mul).i32(6).simd(Simd.i32x4_shr_u);
  pushQuadwords(e, 0x0000000300000003n);
  f.simd(Simd.v128_and);
  pushQuadwords(e, 0x0404040404040404n);
  f.simd(Simd.i32x4_mul);
  pushQuadwords(e, 0x0302010003020100n);
  f.simd(Simd.i32x4_add, Simd.i8x16_swizzle);
}

/** As `shuffleDoublewords`, with the words of one half; the other half stays. */
function shuffleWords(e: Emitter, upper: boolean): void {
  const f = e.f;
  if (e.constant !== undefined) {
    const value = keepVector(e), moved = fields(Number(e.constant)), kept = [0, 1, 2, 3];
    f.get(value).get(value).bytes16(Simd.i8x16_shuffle, bytesOf(upper ? [...kept, ...moved.map(n => n + 4)] : [...moved, ...kept.map(n => n + 4)], 2));
    f.release(value);
    return;
  }
  e.pushImmediate();
  f.op(Op.i32_wrap_i64).simd(Simd.i16x8_splat);
  const nothing = [0, 0, 0, 0, 0, 0, 0, 0], shifts = [64, 0, 16, 0, 4, 0, 1, 0], threes = [3, 0, 3, 0, 3, 0, 3, 0];
  const inHalf = (bytes: readonly number[], others: readonly number[]) => f.bytes16(Simd.v128_const, upper ? [...others, ...bytes] : [...bytes, ...others]);
  inHalf(shifts, nothing).simd(Simd.i16x8_mul).i32(6).simd(Simd.i16x8_shr_u);
  inHalf(threes, nothing).simd(Simd.v128_and);
  f.i64(0x0202020202020202n).simd(Simd.i64x2_splat, Simd.i16x8_mul);
  inHalf(upper ? [8, 9, 8, 9, 8, 9, 8, 9] : [0, 1, 0, 1, 0, 1, 0, 1], upper ? [0, 1, 2, 3, 4, 5, 6, 7] : [8, 9, 10, 11, 12, 13, 14, 15]);
  f.simd(Simd.i16x8_add, Simd.i8x16_swizzle);
}

for (const [mnemonic, shuffle] of [
  [Mnemonic.Pshufd, shuffleDoublewords], [Mnemonic.Pshufw, (e: Emitter) => shuffleWords(e, false)], [Mnemonic.Pshuflw, (e: Emitter) => shuffleWords(e, false)],
  [Mnemonic.Pshufhw, (e: Emitter) => shuffleWords(e, true)],
] as const) {
  defineVector(mnemonic, e => {
    pushSource(e, 1);
    shuffle(e);
    popVector(e, 0);
  });
}

/** SHUFPS: two elements of the destination, then two of the source. */
defineVector(Mnemonic.Shufps, combinedLocals((e, a, b) => {
  const f = e.f;
  if (e.constant !== undefined) {
    const order = fields(Number(e.constant));
    f.get(a).get(b).bytes16(Simd.i8x16_shuffle, bytesOf(order.map((n, at) => at < 2 ? n : n + 4), 4));
    return;
  }
  f.get(a);
  shuffleDoublewords(e);
  f.get(b);
  shuffleDoublewords(e);
  f.bytes16(Simd.i8x16_shuffle, bytesOf([0, 1, 6, 7], 4));
}));

/** SHUFPD: a quadword of the destination, then one of the source. */
defineVector(Mnemonic.Shufpd, combinedLocals((e, a, b) => {
  const f = e.f;
  if (e.constant !== undefined) {
    f.get(a).get(b).bytes16(Simd.i8x16_shuffle, bytesOf([Number(e.constant & 1n), 2 + Number(e.constant >> 1n & 1n)], 8));
    return;
  }
  [a, b].forEach((operand, bit) => {
    f.get(operand).lane(Simd.i64x2_extract_lane, 1).get(operand).lane(Simd.i64x2_extract_lane, 0);
    e.pushImmediate();
    f.i64(1n << BigInt(bit)).op(Op.i64_and, Op.i64_eqz, Op.i32_eqz, Op.select);
    if (bit === 0) f.simd(Simd.i64x2_splat);
    else f.lane(Simd.i64x2_replace_lane, 1);
  });
}));

/** SSE3: elements twice. */
for (const [mnemonic, elements, size] of [[Mnemonic.Movddup, [0, 0], 8], [Mnemonic.Movsldup, [0, 0, 2, 2], 4], [Mnemonic.Movshdup, [1, 1, 3, 3], 4]] as const) {
  defineVector(mnemonic, e => {
    pushSource(e, 1);
    const value = keepVector(e);
    e.f.get(value).get(value).bytes16(Simd.i8x16_shuffle, bytesOf(elements, size));
    e.f.release(value);
    popVector(e, 0);
  });
}
