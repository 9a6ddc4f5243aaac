import { Mnemonic } from 'iced-x86';
import type { Emitter } from '../../translate/emitter.js';
import { f32, f64, handOverUnless, pushDenormal, pushInt, pushNormal, pushZero, type Scalar } from '../../translate/float.js';
import { setFlagBits } from '../../translate/flags.js';
import { popHalf, pushSourceLow } from '../../translate/vectors.js';
import { Op, Type } from '../../translate/wasm.js';
import { defineVector } from '../vector/registry.js';

/** Scalar arithmetic, comparison and conversion as WebAssembly, for the ordinary cases (`translate/float.ts` says which those are). */

/** The lowest element of operand i in a new float local. */
function source(e: Emitter, t: Scalar, i: number): number {
  const local = e.f.local(t.float);
  pushSourceLow(e, i);
  if (t.bytes === 4) e.f.op(Op.i32_wrap_i64);
  e.f.op(t.fromBits).set(local);
  return local;
}

/** Pops the bits of a result into the lowest element of operand 0; the others stay. */
function popBits(e: Emitter, t: Scalar): void {
  if (t.bytes === 8) { popHalf(e, 0); return; }
  const value = e.f.local(Type.I32);
  e.f.set(value);
  const offset = e.pushOperandBase(0);
  e.f.get(value).memory(Op.i32_store, offset);
  e.f.release(value);
}
function store(e: Emitter, t: Scalar, result: number): void {
  e.f.get(result).op(t.toBits);
  popBits(e, t);
}

/** Pushes a float local as f64. */
function pushWide(e: Emitter, t: Scalar, value: number): void {
  e.f.get(value);
  if (t.bytes === 4) e.f.op(Op.f64_promote_f32);
}

/** Pushes an i32 that is set if a + b = sum exactly: the difference from the larger operand is exact, so both come out only then. */
function pushExactSum(e: Emitter, t: Scalar, a: number, b: number, sum: number): void {
  e.f.get(sum).get(a).op(t.sub).get(b).op(t.eq).get(sum).get(b).op(t.sub).get(a).op(t.eq, Op.i32_and);
}
/** The same for a - b. */
function pushExactDifference(e: Emitter, t: Scalar, a: number, b: number, difference: number): void {
  e.f.get(a).get(difference).op(t.sub).get(b).op(t.eq).get(difference).get(b).op(t.add).get(a).op(t.eq, Op.i32_and);
}

/** Pushes an i32 that is set if the product of two f64 locals certainly needs no rounding: their last set bits are far enough up. */
function pushExactProduct(e: Emitter, x: number, y: number): void {
  const zeros = (value: number) => e.f.get(value).op(Op.i64_reinterpret_f64).i64(1n << 52n).op(Op.i64_or, Op.i64_ctz);
  zeros(x);
  zeros(y);
  e.f.op(Op.i64_add).i64(52n).op(Op.i64_gt_u);
}

/** Pushes an i32 that is set if product = x * y exactly. */
function pushProductIs(e: Emitter, t: Scalar, x: number, y: number, product: number): void {
  const f = e.f;
  if (t.bytes === 8) pushExactProduct(e, x, y);
  pushWide(e, t, x);
  pushWide(e, t, y);
  f.op(Op.f64_mul);
  pushWide(e, t, product);
  f.op(Op.f64_eq);
  if (t.bytes === 8) f.op(Op.i32_and);
}

type Check = (e: Emitter, t: Scalar, a: number, b: number, result: number) => void;

/** An operation with two operands. `mayBeZero` pushes whether a result of zero is right; `exact` whether the result is exact. */
function binary(mnemonics: readonly [Mnemonic, Mnemonic], op: (t: Scalar) => Op, mayBeZero: Check | undefined, exact: Check): void {
  mnemonics.forEach((mnemonic, n) => {
    const t = n ? f64 : f32;
    defineVector(mnemonic, e => {
      const f = e.f, b = source(e, t, 1), a = source(e, t, 0), result = f.local(t.float);
      f.get(a).get(b).op(op(t)).set(result);
      pushNormal(e, t, result);
      pushZero(e, t, result);
      if (mayBeZero) {
        mayBeZero(e, t, a, b, result);
        f.op(Op.i32_and);
      }
      f.op(Op.i32_or, Op.i32_eqz);
      pushDenormal(e, t, a);
      pushDenormal(e, t, b);
      f.op(Op.i32_or, Op.i32_or);
      handOverUnless(e, () => exact(e, t, a, b, result));
      store(e, t, result);
      f.release(a, b, result);
    });
  });
}
binary([Mnemonic.Addss, Mnemonic.Addsd], t => t.add, undefined, pushExactSum);
binary([Mnemonic.Subss, Mnemonic.Subsd], t => t.sub, undefined, pushExactDifference);
binary([Mnemonic.Mulss, Mnemonic.Mulsd], t => t.mul, (e, t, a, b) => {
  pushZero(e, t, a);
  pushZero(e, t, b);
  e.f.op(Op.i32_or);
}, pushProductIs);
binary([Mnemonic.Divss, Mnemonic.Divsd], t => t.div, (e, t, a) => pushZero(e, t, a), (e, t, a, b, result) => pushProductIs(e, t, result, b, a));

for (const [mnemonic, t] of [[Mnemonic.Sqrtss, f32], [Mnemonic.Sqrtsd, f64]] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, a = source(e, t, 1), result = f.local(t.float);
    f.get(a).op(t.sqrt).set(result);
    pushNormal(e, t, result);
    pushZero(e, t, a);
    f.op(Op.i32_or, Op.i32_eqz);
    pushDenormal(e, t, a);
    f.op(Op.i32_or);
    handOverUnless(e, () => pushProductIs(e, t, result, result, a));
    store(e, t, result);
    f.release(a, result);
  });
}

/** Hands over if one of the operands is a NaN or denormal: other exceptions comparisons do not have. */
function requireOrdered(e: Emitter, t: Scalar, a: number, b: number): void {
  const f = e.f;
  f.get(a).get(a).op(t.eq).get(b).get(b).op(t.eq, Op.i32_and, Op.i32_eqz);
  pushDenormal(e, t, a);
  pushDenormal(e, t, b);
  f.op(Op.i32_or, Op.i32_or).if();
  e.handOver();
  f.end();
}

for (const [mnemonic, t, maximum] of [
  [Mnemonic.Minss, f32, false], [Mnemonic.Minsd, f64, false], [Mnemonic.Maxss, f32, true], [Mnemonic.Maxsd, f64, true],
] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, b = source(e, t, 1), a = source(e, t, 0);
    requireOrdered(e, t, a, b);
    f.get(a).op(t.toBits).get(b).op(t.toBits);
    if (maximum) f.get(b).get(a).op(t.lt, Op.select);
    else f.get(a).get(b).op(t.lt, Op.select);
    popBits(e, t);
    f.release(a, b);
  });
}

for (const [mnemonic, t] of [[Mnemonic.Comiss, f32], [Mnemonic.Ucomiss, f32], [Mnemonic.Comisd, f64], [Mnemonic.Ucomisd, f64]] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, b = source(e, t, 1), a = source(e, t, 0);
    requireOrdered(e, t, a, b);
    // CF and ZF.
    f.get(a).get(b).op(t.lt).get(a).get(b).op(t.eq).i32(6).op(Op.i32_shl, Op.i32_or, Op.i64_extend_i32_u);
    setFlagBits(e);
    f.release(a, b);
  });
}

/** For each predicate of the CMP instructions a digit with the relations for which it holds: 1 less, 2 equal, 4 greater. */
const PREDICATES = 0x74650312;
/** Pushes the digit of the instruction's predicate as the low bits of an i32. */
export function pushRelations(e: Emitter): void {
  e.f.i32(PREDICATES);
  e.pushImmediate();
  e.f.op(Op.i32_wrap_i64).i32(7).op(Op.i32_and).i32(2).op(Op.i32_shl, Op.i32_shr_u);
}
for (const [mnemonic, t] of [[Mnemonic.Cmpss, f32], [Mnemonic.Cmpsd, f64]] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, b = source(e, t, 1), a = source(e, t, 0);
    requireOrdered(e, t, a, b);
    pushInt(e, t, 0n);
    pushRelations(e);
    f.get(a).get(b).op(t.lt).get(a).get(b).op(t.eq).i32(1).op(Op.i32_shl, Op.i32_or).get(b).get(a).op(t.lt).i32(2).op(Op.i32_shl, Op.i32_or);
    f.op(Op.i32_and).i32(0).op(Op.i32_ne);
    if (t.bytes === 8) f.op(Op.i64_extend_i32_u, Op.i64_sub);
    else f.op(Op.i32_sub);
    popBits(e, t);
    f.release(a, b);
  });
}

/** Integers of 32 bits always have a double; others while they are small, or when MXCSR lets them be rounded. */
for (const [mnemonic, t, exactBits] of [[Mnemonic.Cvtsi2ss, f32, 24], [Mnemonic.Cvtsi2sd, f64, 53]] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, size = e.size(1);
    e.push(1);
    e.signExtend(size);
    const value = e.keep();
    if (size * 8 > exactBits) {
      const limit = 1n << BigInt(exactBits);
      f.get(value).i64(limit).op(Op.i64_add).i64(2n * limit).op(Op.i64_gt_u).if();
      f.i32(0);
      handOverUnless(e);
      f.end();
    }
    f.get(value).op(t.bytes === 4 ? Op.f32_convert_i64_s : Op.f64_convert_i64_s, t.toBits);
    popBits(e, t);
    f.release(value);
  });
}

/** Pushes an f64 constant. */
function pushDouble(e: Emitter, value: number): void {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  e.f.i64(view.getBigUint64(0)).op(Op.f64_reinterpret_i64);
}

for (const [mnemonic, t, cut] of [
  [Mnemonic.Cvtss2si, f32, false], [Mnemonic.Cvttss2si, f32, true], [Mnemonic.Cvtsd2si, f64, false], [Mnemonic.Cvttsd2si, f64, true],
] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, size = e.size(0), a = source(e, t, 1), integral = f.local(Type.F64);
    pushWide(e, t, a);
    f.op(cut ? Op.f64_trunc : Op.f64_nearest).set(integral);
    // Out of range, or a NaN.
    const limit = 2 ** (size * 8 - 1);
    f.get(integral);
    pushDouble(e, -limit);
    f.op(Op.f64_ge).get(integral);
    pushDouble(e, limit);
    f.op(Op.f64_lt, Op.i32_and, Op.i32_eqz);
    handOverUnless(e, () => {
      f.get(integral);
      pushWide(e, t, a);
      f.op(Op.f64_eq);
    });
    f.get(integral).op(Op.i64_trunc_f64_s);
    e.truncate(size);
    e.store({ register: 0, size });
    f.release(a, integral);
  });
}

/** Exact, but NaNs and denormals are something else. */
defineVector(Mnemonic.Cvtss2sd, e => {
  const f = e.f, a = source(e, f32, 1);
  f.get(a).get(a).op(Op.f32_eq, Op.i32_eqz);
  pushDenormal(e, f32, a);
  f.op(Op.i32_or).if();
  e.handOver();
  f.end().get(a).op(Op.f64_promote_f32, Op.i64_reinterpret_f64);
  popHalf(e, 0);
  f.release(a);
});

defineVector(Mnemonic.Cvtsd2ss, e => {
  const f = e.f, a = source(e, f64, 1), result = f.local(Type.F32);
  f.get(a).op(Op.f32_demote_f64).set(result);
  pushNormal(e, f32, result);
  pushZero(e, f64, a);
  f.op(Op.i32_or, Op.i32_eqz);
  handOverUnless(e, () => f.get(result).op(Op.f64_promote_f32).get(a).op(Op.f64_eq));
  store(e, f32, result);
  f.release(a, result);
});
