import { Mnemonic } from 'iced-x86';
import type { Emitter } from '../../translate/emitter.js';
import { handOverUnless } from '../../translate/float.js';
import { Simd } from '../../translate/simd.js';
import { keepVector, popVector, pushSource, pushVector } from '../../translate/vectors.js';
import { Op, Type } from '../../translate/wasm.js';
import { defineVector } from '../vector/registry.js';
import { pushRelations } from './fast.js';

/** Packed arithmetic as WebAssembly vectors, for the ordinary cases (`translate/float.ts` says which those are). */

/** A format as WebAssembly's vectors have it. */
interface Packed {
  abs: Simd; eq: Simd; lt: Simd; gt: Simd; le: Simd; ge: Simd;
  add: Simd; sub: Simd; mul: Simd; div: Simd; sqrt: Simd; pmin: Simd; pmax: Simd;
  /** Bits of the smallest normal number, of twice that, and of the largest number, in all elements. */
  smallest: number[]; safe: number[]; largest: number[];
}
function everywhere(bits: bigint, bytes: number): number[] { return Array.from({ length: 16 }, (_, n) => Number(bits >> BigInt(8 * (n % bytes)) & 0xffn)); }

const ps: Packed = {
  abs: Simd.f32x4_abs, eq: Simd.f32x4_eq, lt: Simd.f32x4_lt, gt: Simd.f32x4_gt, le: Simd.f32x4_le, ge: Simd.f32x4_ge,
  add: Simd.f32x4_add, sub: Simd.f32x4_sub, mul: Simd.f32x4_mul, div: Simd.f32x4_div, sqrt: Simd.f32x4_sqrt, pmin: Simd.f32x4_pmin, pmax: Simd.f32x4_pmax,
  smallest: everywhere(0x00800000n, 4), safe: everywhere(0x01000000n, 4), largest: everywhere(0x7f7fffffn, 4),
};
const pd: Packed = {
  abs: Simd.f64x2_abs, eq: Simd.f64x2_eq, lt: Simd.f64x2_lt, gt: Simd.f64x2_gt, le: Simd.f64x2_le, ge: Simd.f64x2_ge,
  add: Simd.f64x2_add, sub: Simd.f64x2_sub, mul: Simd.f64x2_mul, div: Simd.f64x2_div, sqrt: Simd.f64x2_sqrt, pmin: Simd.f64x2_pmin, pmax: Simd.f64x2_pmax,
  smallest: everywhere(0x0010000000000000n, 8), safe: everywhere(0x0020000000000000n, 8), largest: everywhere(0x7fefffffffffffffn, 8),
};
const ZERO = everywhere(0n, 8);

function constant(e: Emitter, bytes: readonly number[]): void { e.f.bytes16(Simd.v128_const, bytes); }
/** Pushes a mask of the elements of a local that are zero. */
function zeros(e: Emitter, t: Packed, value: number): void {
  e.f.get(value);
  constant(e, ZERO);
  e.f.simd(t.eq);
}
/** Pushes a mask of the elements of a local that are neither denormal nor NaN. */
function ordinary(e: Emitter, t: Packed, value: number): void {
  e.f.get(value).simd(t.abs);
  constant(e, t.smallest);
  e.f.simd(t.ge);
  zeros(e, t, value);
  e.f.simd(Simd.v128_or);
}
/** Pushes a mask of the elements of a local that are not zero, tiny, infinite or NaN. */
function normal(e: Emitter, t: Packed, value: number): void {
  const f = e.f, magnitude = f.local(Type.V128);
  f.get(value).simd(t.abs).set(magnitude).get(magnitude);
  constant(e, t.safe);
  f.simd(t.ge).get(magnitude);
  constant(e, t.largest);
  f.simd(t.le, Simd.v128_and);
  f.release(magnitude);
}
/** Pops a mask and pushes an i32 that is set unless it has all elements. */
function notAll(e: Emitter): void { e.f.simd(Simd.v128_not, Simd.v128_any_true); }

type Check = (e: Emitter, t: Packed, a: number, b: number, result: number) => void;

function binary(mnemonics: readonly [Mnemonic, Mnemonic], op: (t: Packed) => Simd, mayBeZero: Check | undefined, exact: Check | undefined): void {
  mnemonics.forEach((mnemonic, n) => {
    const t = n ? pd : ps;
    defineVector(mnemonic, e => {
      const f = e.f;
      pushSource(e, 1);
      const b = keepVector(e);
      pushVector(e, 0);
      const a = keepVector(e), result = f.local(Type.V128);
      f.get(a).get(b).simd(op(t)).set(result);
      normal(e, t, result);
      zeros(e, t, result);
      if (mayBeZero) {
        mayBeZero(e, t, a, b, result);
        f.simd(Simd.v128_and);
      }
      f.simd(Simd.v128_or);
      ordinary(e, t, a);
      ordinary(e, t, b);
      f.simd(Simd.v128_and, Simd.v128_and);
      notAll(e);
      handOverUnless(e, exact && (() => {
        exact(e, t, a, b, result);
        notAll(e);
        f.op(Op.i32_eqz);
      }));
      f.get(result);
      popVector(e, 0);
      f.release(a, b, result);
    });
  });
}
binary([Mnemonic.Addps, Mnemonic.Addpd], t => t.add, undefined, (e, t, a, b, sum) => {
  e.f.get(sum).get(a).simd(t.sub).get(b).simd(t.eq).get(sum).get(b).simd(t.sub).get(a).simd(t.eq, Simd.v128_and);
});
binary([Mnemonic.Subps, Mnemonic.Subpd], t => t.sub, undefined, (e, t, a, b, difference) => {
  e.f.get(a).get(difference).simd(t.sub).get(b).simd(t.eq).get(difference).get(b).simd(t.add).get(a).simd(t.eq, Simd.v128_and);
});
binary([Mnemonic.Mulps, Mnemonic.Mulpd], t => t.mul, (e, t, a, b) => {
  zeros(e, t, a);
  zeros(e, t, b);
  e.f.simd(Simd.v128_or);
}, undefined);
binary([Mnemonic.Divps, Mnemonic.Divpd], t => t.div, (e, t, a) => zeros(e, t, a), undefined);

for (const [mnemonic, t] of [[Mnemonic.Sqrtps, ps], [Mnemonic.Sqrtpd, pd]] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, result = f.local(Type.V128);
    pushSource(e, 1);
    const a = keepVector(e);
    f.get(a).simd(t.sqrt).set(result);
    normal(e, t, result);
    zeros(e, t, a);
    f.simd(Simd.v128_or);
    ordinary(e, t, a);
    f.simd(Simd.v128_and);
    notAll(e);
    handOverUnless(e);
    f.get(result);
    popVector(e, 0);
    f.release(a, result);
  });
}

/** MIN and MAX give the second operand where both are equal, as WebAssembly's pseudo-minimum gives its first. No exceptions are left. */
for (const [mnemonic, t, maximum] of [
  [Mnemonic.Minps, ps, false], [Mnemonic.Minpd, pd, false], [Mnemonic.Maxps, ps, true], [Mnemonic.Maxpd, pd, true],
] as const) {
  defineVector(mnemonic, e => {
    const f = e.f;
    pushSource(e, 1);
    const b = keepVector(e);
    pushVector(e, 0);
    const a = keepVector(e);
    ordinary(e, t, a);
    ordinary(e, t, b);
    f.simd(Simd.v128_and);
    notAll(e);
    f.if();
    e.handOver();
    f.end().get(b).get(a).simd(maximum ? t.pmax : t.pmin);
    popVector(e, 0);
    f.release(a, b);
  });
}

/** Doubles hold all 32-bit integers. */
defineVector(Mnemonic.Cvtdq2pd, e => {
  pushSource(e, 1);
  e.f.simd(Simd.f64x2_convert_low_i32x4_s);
  popVector(e, 0);
});

/** Singles hold the integers up to 2^24; others are rounded if MXCSR lets them. */
defineVector(Mnemonic.Cvtdq2ps, e => {
  const f = e.f;
  pushSource(e, 1);
  const a = keepVector(e);
  f.i32(0);
  handOverUnless(e, () => {
    f.get(a);
    constant(e, everywhere(0x01000000n, 4));
    f.simd(Simd.i32x4_add);
    constant(e, everywhere(0x02000001n, 4));
    f.simd(Simd.i32x4_lt_u);
    notAll(e);
    f.op(Op.i32_eqz);
  });
  f.get(a).simd(Simd.f32x4_convert_i32x4_s);
  popVector(e, 0);
  f.release(a);
});

/** Magnitudes below 2^31; the most negative integer is left to the library. */
defineVector(Mnemonic.Cvttps2dq, e => {
  const f = e.f, result = f.local(Type.V128);
  pushSource(e, 1);
  const a = keepVector(e);
  f.get(a).simd(Simd.i32x4_trunc_sat_f32x4_s).set(result);
  f.get(a).simd(Simd.f32x4_abs);
  constant(e, everywhere(0x4f000000n, 4));
  f.simd(Simd.f32x4_lt);
  notAll(e);
  handOverUnless(e, () => {
    f.get(result).simd(Simd.f32x4_convert_i32x4_s).get(a).simd(Simd.f32x4_eq);
    notAll(e);
    f.op(Op.i32_eqz);
  });
  f.get(result);
  popVector(e, 0);
  f.release(a, result);
});

/** Exact, but NaNs and denormals are something else: in double precision those are below 2^-126. */
defineVector(Mnemonic.Cvtps2pd, e => {
  const f = e.f, result = f.local(Type.V128);
  pushSource(e, 1);
  f.simd(Simd.f64x2_promote_low_f32x4).set(result);
  f.get(result).simd(Simd.f64x2_abs);
  constant(e, everywhere(0x3810000000000000n, 8));
  f.simd(Simd.f64x2_ge);
  zeros(e, pd, result);
  f.simd(Simd.v128_or);
  notAll(e);
  f.if();
  e.handOver();
  f.end().get(result);
  popVector(e, 0);
  f.release(result);
});

for (const [mnemonic, t] of [[Mnemonic.Cmpps, ps], [Mnemonic.Cmppd, pd]] as const) {
  defineVector(mnemonic, e => {
    const f = e.f, relations = f.local(Type.I32);
    pushSource(e, 1);
    const b = keepVector(e);
    pushVector(e, 0);
    const a = keepVector(e);
    ordinary(e, t, a);
    ordinary(e, t, b);
    f.simd(Simd.v128_and);
    notAll(e);
    f.if();
    e.handOver();
    f.end();
    pushRelations(e);
    f.set(relations);
    // Each relation's mask, if the predicate holds for it.
    [t.lt, t.eq, t.gt].forEach((relation, n) => {
      f.get(a).get(b).simd(relation).i32(0).get(relations).i32(n).op(Op.i32_shr_u).i32(1).op(Op.i32_and, Op.i32_sub).simd(Simd.i32x4_splat, Simd.v128_and);
      if (n) f.simd(Simd.v128_or);
    });
    popVector(e, 0);
    f.release(a, b, relations);
  });
}
