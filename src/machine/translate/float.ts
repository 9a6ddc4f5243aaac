import * as L from '../cpu/layout.js';
import type { Emitter } from './emitter.js';
import { Op, Type } from './wasm.js';

/**
 * Floating-point arithmetic by WebAssembly's own, which rounds to nearest and raises nothing. It serves where the same is true of
 * SSE: rounding to nearest, all exceptions masked, no operand denormal or NaN, and a result that is neither tiny nor overflows.
 * An inexact result is no news once MXCSR.PE is set; before that only results that are certainly exact are accepted. Everything
 * else is handed over to the library (`instructions/sse/`), which so also sets PE for the first inexact result. NaNs never come
 * from here: which bits WebAssembly gives them is open.
 */

/** MXCSR bits: masks and RC, with and without PE; what they are by default. */
const CONTROL = 0x7f80, PE = 0x20, DEFAULT = 0x1f80;

/** A format as WebAssembly has it; bits of values are integers of the same size. */
export interface Scalar {
  bytes: 4 | 8;
  int: Type.I32 | Type.I64;
  float: Type.F32 | Type.F64;
  /** Bits of the fraction. */
  fraction: number;
  maxExponent: number;
  fromBits: Op; toBits: Op; eq: Op; lt: Op;
  add: Op; sub: Op; mul: Op; div: Op; sqrt: Op;
}
export const f32: Scalar = {
  bytes: 4, int: Type.I32, float: Type.F32, fraction: 23, maxExponent: 0xff, fromBits: Op.f32_reinterpret_i32, toBits: Op.i32_reinterpret_f32, eq: Op.f32_eq, lt: Op.f32_lt,
  add: Op.f32_add, sub: Op.f32_sub, mul: Op.f32_mul, div: Op.f32_div, sqrt: Op.f32_sqrt,
};
export const f64: Scalar = {
  bytes: 8, int: Type.I64, float: Type.F64, fraction: 52, maxExponent: 0x7ff, fromBits: Op.f64_reinterpret_i64, toBits: Op.i64_reinterpret_f64, eq: Op.f64_eq, lt: Op.f64_lt,
  add: Op.f64_add, sub: Op.f64_sub, mul: Op.f64_mul, div: Op.f64_div, sqrt: Op.f64_sqrt,
};

/** Pushes an integer constant of the format's size. */
export function pushInt(e: Emitter, t: Scalar, value: bigint): void {
  if (t.bytes === 4) e.f.i32(Number(BigInt.asIntN(32, value)));
  else e.f.i64(value);
}
function intOp(t: Scalar, narrow: Op, wide: Op): Op { return t.bytes === 4 ? narrow : wide; }

/** Pushes the bits of the local `value` without its sign, shifted left by one. */
function pushMagnitude(e: Emitter, t: Scalar, value: number): void {
  e.f.get(value).op(t.toBits);
  pushInt(e, t, 1n);
  e.f.op(intOp(t, Op.i32_shl, Op.i64_shl));
}

/** Pushes an i32 that is set if the float local is denormal. */
export function pushDenormal(e: Emitter, t: Scalar, value: number): void {
  pushMagnitude(e, t, value);
  pushInt(e, t, 1n);
  e.f.op(intOp(t, Op.i32_sub, Op.i64_sub));
  pushInt(e, t, (1n << BigInt(t.fraction + 1)) - 1n);
  e.f.op(intOp(t, Op.i32_lt_u, Op.i64_lt_u));
}

/** Pushes an i32 that is set if the float local is not zero, not tiny (not even before it was rounded), no infinity and no NaN. */
export function pushNormal(e: Emitter, t: Scalar, value: number): void {
  pushMagnitude(e, t, value);
  pushInt(e, t, 2n << BigInt(t.fraction + 1));
  e.f.op(intOp(t, Op.i32_sub, Op.i64_sub));
  pushInt(e, t, BigInt(t.maxExponent - 2) << BigInt(t.fraction + 1));
  e.f.op(intOp(t, Op.i32_lt_u, Op.i64_lt_u));
}

/** Pushes an i32 that is set if the float local is a zero. */
export function pushZero(e: Emitter, t: Scalar, value: number): void {
  pushMagnitude(e, t, value);
  e.f.op(intOp(t, Op.i32_eqz, Op.i64_eqz));
}

/**
 * Pops an i32 that is set where a result must not be used and hands over then. MXCSR must be as WebAssembly computes; while PE is
 * clear `exact`, which pushes an i32, must hold, or nothing is accepted.
 */
export function handOverUnless(e: Emitter, exact?: () => void): void {
  const f = e.f, refused = f.local(Type.I32), control = f.local(Type.I32);
  f.set(refused);
  f.get(e.cpu).memory(Op.i32_load, L.MXCSR).i32(CONTROL | PE).op(Op.i32_and).tee(control).i32(DEFAULT | PE).op(Op.i32_ne).if();
  if (exact) {
    exact();
    f.op(Op.i32_eqz).get(control).i32(DEFAULT).op(Op.i32_ne, Op.i32_or).get(refused).op(Op.i32_or).set(refused);
  } else f.i32(1).set(refused);
  f.end().get(refused).if();
  e.handOver();
  f.end();
  f.release(refused, control);
}
