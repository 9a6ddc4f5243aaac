import { integerRoot, leading } from './arithmetic.js';
import { Environment, FloatException } from './environment.js';
import { extended, finite, type Float, fromInteger, Kind, zero } from './number.js';
import { checkDenormal, invalid, specialResult } from './operands.js';
import { round } from './round.js';
import { arcTangent, pi, sineCosine } from './series.js';

/*
 * FSIN, FCOS, FPTAN, FPATAN. Results are the exact ones rounded, but for the reduction of large angles, which uses the
 * x87's pi of 66 bits (SDM Vol. 1, 8.3.8). Processors promise an error below one unit in the last place: their last bit may differ.
 */

/** Bits beyond the leading one to which functions are computed: what they lack of exactness is far behind the 64 of a result. */
const WORKING = 150;
/** Below 2^TINY the first term of a series and a sticky bit say all. */
const TINY = -80;

const PI66 = 0xc90fdaa22168c234cn, PI66_EXPONENT = -66;

/** True if FSIN, FCOS and FPTAN leave the operand alone and set C2: its magnitude is 2^63 or more. */
export function angleOutOfRange(a: Float): boolean { return a.kind === Kind.Finite && leading(a) >= 63; }

/** An angle as quarter * pi/2 + sign * significand * 2^exponent, the rest being at most pi/4. */
function reduce(a: Float): { quarter: number; rest: Float } {
  if (leading(a) < -1) return { quarter: 0, rest: a };
  const lsb = Math.min(a.exponent, PI66_EXPONENT - 1);
  const angle = a.significand << BigInt(a.exponent - lsb), half = PI66 << BigInt(PI66_EXPONENT - 1 - lsb);
  const quarters = (angle + (half >> 1n)) / half, rest = angle - quarters * half;
  const sign = rest < 0n !== (a.sign === 1) ? 1 : 0, quarter = Number(quarters & 3n);
  return {
    quarter: a.sign ? -quarter & 3 : quarter,
    rest: rest === 0n ? zero(a.sign) : finite(sign, rest < 0n ? -rest : rest, lsb),
  };
}

/** Sine and cosine of a reduced angle as unrounded numbers; each is inexact unless the angle is zero. */
function unrounded(rest: Float): { sine: Float; cosine: Float } {
  if (rest.kind === Kind.Zero) return { sine: rest, cosine: fromInteger(1n) };
  const tiny = leading(rest) < TINY;
  const bits = WORKING - (tiny ? TINY : leading(rest)), shift = BigInt(rest.exponent + bits);
  const t = shift >= 0n ? rest.significand << shift : rest.significand >> -shift;
  const { sine, cosine } = sineCosine(tiny ? 1n << BigInt(bits + TINY) : t, bits);
  return {
    // A little less than the angle itself.
    sine: tiny ? finite(rest.sign, (rest.significand << 128n) - 1n, rest.exponent - 128) : finite(rest.sign, sine << 1n | 1n, -bits - 1),
    cosine: finite(0, cosine << 1n | 1n, -bits - 1),
  };
}

function evaluate(a: Float): { sine: Float; cosine: Float } {
  const { quarter, rest } = reduce(a), { sine, cosine } = unrounded(rest);
  const minus = (x: Float): Float => ({ ...x, sign: x.sign ? 0 : 1 });
  switch (quarter) {
    case 0: return { sine, cosine };
    case 1: return { sine: cosine, cosine: minus(sine) };
    case 2: return { sine: minus(sine), cosine: minus(cosine) };
    default: return { sine: minus(cosine), cosine: sine };
  }
}

function finish(env: Environment, x: Float): Float { return x.kind === Kind.Zero ? x : round(env, extended, x.sign, x.significand, x.exponent); }

/** What all of these give for NaNs and infinities. */
function special(env: Environment, a: Float): Float | undefined {
  const result = specialResult(env, a);
  if (result) return result;
  if (a.kind === Kind.Infinity) return invalid(env);
  checkDenormal(env, a);
  return undefined;
}

/** The sine of an angle that is in range. */
export function sine(env: Environment, a: Float): Float {
  return special(env, a) ?? (a.kind === Kind.Zero ? a : leading(a) < TINY ? tinyResult(env, a) : finish(env, evaluate(a).sine));
}

/** The cosine of an angle that is in range. */
export function cosine(env: Environment, a: Float): Float {
  const result = special(env, a);
  if (result) return result;
  if (a.kind === Kind.Zero) return fromInteger(1n);
  if (leading(a) >= TINY) return finish(env, evaluate(a).cosine);
  env.raise(FloatException.Inexact);
  return fromInteger(1n);
}

/** A tiny angle is its own sine and tangent, in whatever mode is rounded (measured): inexact all the same. */
function tinyResult(env: Environment, a: Float): Float {
  const result = round(env, extended, a.sign, a.significand, a.exponent);
  env.raise(FloatException.Inexact | (leading(a) < extended.minExponent ? FloatException.Underflow : 0));
  return result;
}

/** The tangent of an angle that is in range. */
export function tangent(env: Environment, a: Float): Float {
  const result = special(env, a);
  if (result) return result;
  if (a.kind === Kind.Zero) return a;
  if (leading(a) < TINY) return tinyResult(env, a);
  const { quarter, rest } = reduce(a);
  const { sine, cosine } = unrounded(rest), [top, bottom] = quarter & 1 ? [cosine, sine] : [sine, cosine];
  const sign = rest.sign ^ quarter & 1 ? 1 : 0;
  return round(env, extended, sign, (top.significand << 200n) / bottom.significand << 1n | 1n, top.exponent - bottom.exponent - 201);
}

/** Multiples of pi/4, rounded. */
function ofPi(env: Environment, sign: 0 | 1, quarters: bigint): Float { return round(env, extended, sign, quarters * pi(200) << 1n | 1n, -203); }

/** FPATAN: the angle of the point (x, y), from -pi to pi (SDM Vol. 2A, FPATAN, the table of results). */
export function arcTangent2(env: Environment, y: Float, x: Float): Float {
  const result = specialResult(env, y, x);
  if (result) return result;
  checkDenormal(env, y, x);
  if (y.kind === Kind.Infinity) return ofPi(env, y.sign, x.kind === Kind.Infinity ? (x.sign ? 3n : 1n) : 2n);
  if (y.kind === Kind.Zero || x.kind === Kind.Infinity) return x.sign ? ofPi(env, y.sign, 4n) : zero(y.sign);
  if (x.kind === Kind.Zero) return ofPi(env, y.sign, 2n);
  const distance = leading(y) - leading(x);
  if (distance < TINY && !x.sign) {
    // A little less than the quotient.
    const quotient = (y.significand << 300n) / x.significand;
    return round(env, extended, y.sign, (quotient << 64n) - 1n, y.exponent - x.exponent - 364);
  }
  const steep = y.significand << BigInt(Math.max(0, y.exponent - x.exponent)) > x.significand << BigInt(Math.max(0, x.exponent - y.exponent));
  const [small, large] = steep ? [x, y] : [y, x];
  // To that many bits an angle is the difference from a multiple of pi/2; a small angle by itself needs more.
  const bits = 2 * WORKING, shift = small.exponent - large.exponent + bits;
  const ratio = Math.abs(distance) > bits ? 0n : (small.significand << BigInt(Math.max(0, shift))) / (large.significand << BigInt(Math.max(0, -shift)));
  let angle = arcTangent(ratio, bits, integerRoot);
  if (steep) angle = pi(bits - 1) - angle;
  if (x.sign) angle = pi(bits) - angle;
  return round(env, extended, y.sign, angle << 1n | 1n, -bits - 1);
}
