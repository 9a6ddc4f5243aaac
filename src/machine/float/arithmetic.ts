import { Environment, FloatException, Rounding } from './environment.js';
import { bitLength, type Float, infinity, isNaN, Kind, negate, type Precision, zero } from './number.js';
import { checkDenormal, invalid, specialResult } from './operands.js';
import { round } from './round.js';

/*
 * IEEE 754 arithmetic on any of the formats: the exact result, or enough bits of it with a sticky bit behind them, is rounded
 * once. Results of invalid operations and the order of the checks: SDM Vol. 1, table 4-11 and 4.9.2.
 */

/** a + b. */
export function add(env: Environment, to: Precision, a: Float, b: Float): Float {
  const special = specialResult(env, a, b);
  if (special) return special;
  if (a.kind === Kind.Infinity && b.kind === Kind.Infinity && a.sign !== b.sign) return invalid(env);
  checkDenormal(env, a, b);
  if (a.kind === Kind.Infinity) return a;
  if (b.kind === Kind.Infinity) return b;
  if (a.kind === Kind.Zero && b.kind === Kind.Zero) return a.sign === b.sign ? a : zeroOfDifference(env);
  if (a.kind === Kind.Zero) return round(env, to, b.sign, b.significand, b.exponent);
  if (b.kind === Kind.Zero) return round(env, to, a.sign, a.significand, a.exponent);
  const large = leading(a) >= leading(b) ? a : b, small = large === a ? b : a;
  // What lies far below the last bit only decides about rounding: a sticky bit stands for it.
  let { significand, exponent } = small;
  const far = leading(large) - 200;
  if (leading(small) < far) {
    significand = 1n;
    exponent = far;
  }
  const lsb = Math.min(large.exponent, exponent);
  const x = signed(large.sign, large.significand << BigInt(large.exponent - lsb)), y = signed(small.sign, significand << BigInt(exponent - lsb));
  const sum = x + y;
  if (sum === 0n) return zeroOfDifference(env);
  return sum < 0n ? round(env, to, 1, -sum, lsb) : round(env, to, 0, sum, lsb);
}

/** a - b. A NaN keeps its sign. */
export function subtract(env: Environment, to: Precision, a: Float, b: Float): Float { return add(env, to, a, isNaN(b) ? b : negate(b)); }

/** a * b. */
export function multiply(env: Environment, to: Precision, a: Float, b: Float): Float {
  const special = specialResult(env, a, b);
  if (special) return special;
  const sign = signOfProduct(a, b), infinite = a.kind === Kind.Infinity || b.kind === Kind.Infinity;
  if (infinite && (a.kind === Kind.Zero || b.kind === Kind.Zero)) return invalid(env);
  checkDenormal(env, a, b);
  if (infinite) return infinity(sign);
  if (a.kind === Kind.Zero || b.kind === Kind.Zero) return zero(sign);
  return round(env, to, sign, a.significand * b.significand, a.exponent + b.exponent);
}

/** a / b. */
export function divide(env: Environment, to: Precision, a: Float, b: Float): Float {
  const special = specialResult(env, a, b);
  if (special) return special;
  const sign = signOfProduct(a, b);
  if (a.kind === b.kind && (a.kind === Kind.Infinity || a.kind === Kind.Zero)) return invalid(env);
  if (b.kind === Kind.Zero && a.kind === Kind.Finite) {
    env.raise(FloatException.DivideByZero);
    return infinity(sign);
  }
  checkDenormal(env, a, b);
  if (a.kind === Kind.Infinity) return infinity(sign);
  if (a.kind === Kind.Zero || b.kind === Kind.Infinity) return zero(sign);
  // At least two bits more than the result has, and a sticky bit.
  const shift = Math.max(0, to.bits + 2 - bitLength(a.significand) + bitLength(b.significand));
  const dividend = a.significand << BigInt(shift), quotient = dividend / b.significand;
  const sticky = quotient * b.significand === dividend ? 0n : 1n;
  return round(env, to, sign, quotient << 1n | sticky, a.exponent - b.exponent - shift - 1);
}

/** The square root of a. */
export function squareRoot(env: Environment, to: Precision, a: Float): Float {
  const special = specialResult(env, a);
  if (special) return special;
  if (a.kind === Kind.Zero) return a;
  if (a.sign) return invalid(env);
  checkDenormal(env, a);
  if (a.kind === Kind.Infinity) return a;
  let shift = Math.max(0, 2 * to.bits + 4 - bitLength(a.significand));
  if (a.exponent - shift & 1) shift++;
  const radicand = a.significand << BigInt(shift), root = integerRoot(radicand);
  return round(env, to, 0, root << 1n | (root * root === radicand ? 0n : 1n), (a.exponent - shift) / 2 - 1);
}

/** The integer part of the square root of a positive integer, by Newton's iteration. */
export function integerRoot(n: bigint): bigint {
  let x = 1n << BigInt(bitLength(n) + 1 >> 1);
  for (;;) {
    const next = x + n / x >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** Exponent of the leading bit of a finite number. */
export function leading(a: Float): number { return a.exponent + bitLength(a.significand) - 1; }

function signed(sign: 0 | 1, magnitude: bigint): bigint { return sign ? -magnitude : magnitude; }
function signOfProduct(a: Float, b: Float): 0 | 1 { return a.sign === b.sign ? 0 : 1; }
/** An exact zero from unlike signs is negative only when rounding down (SDM Vol. 1, 4.8.3.1). */
function zeroOfDifference(env: Environment): Float { return zero(env.rounding === Rounding.Down ? 1 : 0); }
