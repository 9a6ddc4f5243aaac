import { leading } from './arithmetic.js';
import { Environment, FloatException } from './environment.js';
import { extended, finite, type Float, infinity, Kind, zero } from './number.js';
import { checkDenormal, invalid, specialResult } from './operands.js';
import { round } from './round.js';
import { exponentialMinusOne, hyperbolicArcTangent, ln2 } from './series.js';

/* F2XM1, FYL2X, FYL2XP1: the exact results, rounded. Processors promise an error below one unit in the last place. */

const BITS = 300;
/** Below 2^TINY the first term of a series says all. */
const TINY = -100;

/** x in units of 2^-bits. */
function fixed(x: Float, bits: number): bigint {
  const shift = BigInt(x.exponent + bits), magnitude = shift >= 0n ? x.significand << shift : x.significand >> -shift;
  return x.sign ? -magnitude : magnitude;
}

/** 2^x - 1 for |x| <= 1; outside the SDM leaves the result open, and it is x itself (measured). */
export function powerMinusOne(env: Environment, x: Float): Float {
  const special = specialResult(env, x);
  if (special) return special;
  checkDenormal(env, x);
  if (x.kind === Kind.Zero) return x;
  if (x.kind === Kind.Infinity) return x.sign ? finite(1, 1n, 0) : x;
  // Always: processors do not look whether a result is exact (measured).
  env.raise(FloatException.Inexact);
  if (leading(x) >= 0) return leading(x) > 0 || x.significand & x.significand - 1n ? x : x.sign ? finite(1, 1n, -1) : x;
  if (leading(x) < TINY) return round(env, extended, x.sign, x.significand * ln2(BITS) << 1n | 1n, x.exponent - BITS - 1);
  const power = exponentialMinusOne(fixed(x, BITS) * ln2(BITS) >> BigInt(BITS), BITS);
  return round(env, extended, x.sign, (power < 0n ? -power : power) << 1n | 1n, -BITS - 1);
}

/** The logarithm to base 2 of (one + t) / (one - t), where `scale` units make one, from the quotient t in units of 2^-BITS. */
function log2OfRatio(t: bigint): bigint { return (hyperbolicArcTangent(t, BITS) << BigInt(BITS + 1)) / ln2(BITS); }

/** y * log, for a logarithm in units of 2^-bits. */
function times(env: Environment, y: Float, log: bigint, bits: number, exact: boolean): Float {
  const sign = (y.sign === 1) !== log < 0n ? 1 : 0, magnitude = log < 0n ? -log : log;
  // #P even where the result is exact (measured).
  env.raise(FloatException.Inexact);
  if (!exact) return round(env, extended, sign, y.significand * magnitude << 1n | 1n, y.exponent - bits - 1);
  const result = finite(sign, y.significand * magnitude, y.exponent);
  if (leading(result) < extended.minExponent) env.raise(FloatException.Underflow);
  return round(env, extended, sign, result.significand, result.exponent);
}

/** FYL2X: y * log2 x (SDM Vol. 2A, FYL2X, the table of results). */
export function yLog2(env: Environment, y: Float, x: Float): Float {
  const special = specialResult(env, y, x);
  if (special) return special;
  if (x.sign && x.kind !== Kind.Zero) return invalid(env);
  if (x.kind === Kind.Zero) {
    if (y.kind === Kind.Zero) return invalid(env);
    if (y.kind === Kind.Finite) env.raise(FloatException.DivideByZero);
    return infinity(y.sign ? 0 : 1);
  }
  const one = x.kind === Kind.Finite && leading(x) === 0 && !(x.significand & x.significand - 1n);
  if (x.kind === Kind.Infinity ? y.kind === Kind.Zero : one && y.kind === Kind.Infinity) return invalid(env);
  checkDenormal(env, y, x);
  if (x.kind === Kind.Infinity) return infinity(y.sign);
  if (one) return zero(y.sign);
  const below = leading(x) < 0;
  if (y.kind !== Kind.Finite) return { ...y, sign: (y.sign === 1) !== below ? 1 : 0 };
  if (!(x.significand & x.significand - 1n)) return times(env, y, BigInt(leading(x)), 0, true);
  // x = m * 2^k with m between 3/4 and 3/2.
  const unit = 1n << BigInt(BITS);
  let k = leading(x), m = fixed({ ...x, exponent: x.exponent - k }, BITS);
  if (m >= unit + (unit >> 1n)) {
    k++;
    m >>= 1n;
  }
  const log = log2OfRatio((m - unit << BigInt(BITS)) / (m + unit));
  return times(env, y, (BigInt(k) << BigInt(BITS)) + log, BITS, false);
}

/** FYL2XP1: y * log2(x + 1) for x > -1; further down the SDM leaves the result open, and it is x itself (measured). */
export function yLog2PlusOne(env: Environment, y: Float, x: Float): Float {
  const special = specialResult(env, y, x);
  if (special) return special;
  if (x.kind === Kind.Zero && y.kind === Kind.Infinity || x.kind === Kind.Infinity && y.kind === Kind.Zero) return invalid(env);
  if (x.sign && x.kind === Kind.Infinity) return invalid(env);
  checkDenormal(env, y, x);
  const sign = y.sign === x.sign ? 0 : 1;
  if (x.kind === Kind.Infinity || y.kind === Kind.Infinity) return infinity(sign);
  if (x.kind === Kind.Zero || y.kind === Kind.Zero) return zero(sign);
  if (x.sign && leading(x) >= 0) {
    env.raise(FloatException.Inexact);
    return x;
  }
  if (leading(x) < TINY) {
    // y * x / ln 2.
    const product = (y.significand * x.significand << BigInt(2 * BITS)) / ln2(BITS);
    return round(env, extended, sign, product << 1n | 1n, y.exponent + x.exponent - BITS - 1);
  }
  if (leading(x) > 64) return yLog2(env, y, x);
  const t = fixed(x, BITS), unit = 1n << BigInt(BITS);
  // 1 + x = m * 2^k with m between 3/4 and 3/2; while k is 0 nothing of x is lost.
  let k = 0, m = unit + t;
  while (m >= unit + (unit >> 1n)) { m >>= 1n; k++; }
  while (m < unit - (unit >> 2n)) { m <<= 1n; k--; }
  const log = log2OfRatio((m - unit << BigInt(BITS)) / (m + unit));
  return times(env, y, (BigInt(k) << BigInt(BITS)) + log, BITS, false);
}
