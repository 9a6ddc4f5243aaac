/**
 * Elementary functions in fixed point: numbers are integers that count units of 2^-bits. The series are summed until their
 * terms vanish; the error is a few units in the last place, so callers ask for more bits than they need.
 */

/** sin t and cos t for |t| <= 1. */
export function sineCosine(t: bigint, bits: number): { sine: bigint; cosine: bigint } {
  const f = BigInt(bits), square = t * t >> f;
  let sine = 0n, cosine = 0n, even = 1n << f, odd = t;
  for (let n = 0n; even !== 0n || odd !== 0n; n += 2n) {
    cosine += even;
    sine += odd;
    even = -(even * square >> f) / ((n + 1n) * (n + 2n));
    odd = -(odd * square >> f) / ((n + 2n) * (n + 3n));
  }
  return { sine, cosine };
}

/** e^t - 1 for |t| <= 1. */
export function exponentialMinusOne(t: bigint, bits: number): bigint {
  const f = BigInt(bits);
  let sum = 0n;
  for (let term = t, n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = (term * t >> f) / n;
  }
  return sum;
}

/** Sum of t^(2k+1) / (2k+1), with alternating signs or without: arc tangent and its hyperbolic brother, for |t| < 1/2. */
function arcSeries(t: bigint, bits: number, alternating: boolean): bigint {
  const f = BigInt(bits), square = t * t >> f;
  let sum = 0n;
  for (let power = t, n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += power / n;
    power = power * square >> f;
    if (alternating) power = -power;
  }
  return sum;
}

/** artanh t for |t| < 1/2. */
export function hyperbolicArcTangent(t: bigint, bits: number): bigint { return arcSeries(t, bits, false); }

/** arctan t for 0 <= t <= 1. */
export function arcTangent(t: bigint, bits: number, root: (n: bigint) => bigint): bigint {
  const f = BigInt(bits), one = 1n << f;
  // arctan t = 2 arctan(t / (1 + sqrt(1 + t^2))): four times, then t is below 1/16.
  for (let n = 0; n < 4; n++) t = (t << f) / (one + root(one * one + t * t));
  return arcSeries(t, bits, true) << 4n;
}

const CONSTANT_BITS = 320;

/** pi by Machin's formula, ln 2 = 2 artanh(1/3). */
const PI = 16n * arcSeries((1n << BigInt(CONSTANT_BITS)) / 5n, CONSTANT_BITS, true) - 4n * arcSeries((1n << BigInt(CONSTANT_BITS)) / 239n, CONSTANT_BITS, true);
const LN2 = 2n * arcSeries((1n << BigInt(CONSTANT_BITS)) / 3n, CONSTANT_BITS, false);

/** pi in units of 2^-bits, up to 310 bits. */
export function pi(bits: number): bigint { return PI >> BigInt(CONSTANT_BITS - bits); }
/** The natural logarithm of 2 in units of 2^-bits, up to 310 bits. */
export function ln2(bits: number): bigint { return LN2 >> BigInt(CONSTANT_BITS - bits); }
