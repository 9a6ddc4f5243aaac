import { Environment, FloatException, Rounding } from './environment.js';
import { bitLength, finite, type Float, infinity, type Precision, zero } from './number.js';

/** What an unmasked overflow or underflow of the x87 is scaled by: 2^24576 (SDM Vol. 1, 8.5.4 and 8.5.5). */
const BIAS_ADJUST = 24576;

/** Rounds significand * 2^exponent to multiples of 2^lsb. */
function roundAt(rounding: Rounding, sign: 0 | 1, significand: bigint, exponent: number, lsb: number): { kept: bigint; inexact: boolean; up: boolean } {
  if (exponent >= lsb) return { kept: significand << BigInt(exponent - lsb), inexact: false, up: false };
  const shift = BigInt(lsb - exponent), kept = significand >> shift, rest = significand - (kept << shift);
  if (rest === 0n) return { kept, inexact: false, up: false };
  const up = roundsUp(rounding, sign, kept, rest, 1n << shift - 1n);
  return { kept: up ? kept + 1n : kept, inexact: true, up };
}

function roundsUp(rounding: Rounding, sign: 0 | 1, kept: bigint, rest: bigint, half: bigint): boolean {
  switch (rounding) {
    case Rounding.Nearest: return rest > half || rest === half && (kept & 1n) === 1n;
    case Rounding.Down: return sign === 1;
    case Rounding.Up: return sign === 0;
    case Rounding.Zero: return false;
  }
}

/**
 * Rounds a finite result, given as a positive significand (with a sticky bit at its end if it is not exact) and the exponent
 * of its last bit. Raises overflow, underflow and inexact; whether a result is tiny is decided after rounding (SDM Vol. 1, 4.9.1.5).
 */
export function round(env: Environment, to: Precision, sign: 0 | 1, significand: bigint, exponent: number): Float {
  const { bits, minExponent, maxExponent } = to;
  const lead = exponent + bitLength(significand) - 1, lsb = lead - bits + 1;
  const { kept, inexact, up } = roundAt(env.rounding, sign, significand, exponent, lsb);
  const roundedLead = kept >> BigInt(bits) ? lead + 1 : lead;
  env.roundedUp = up;
  if (roundedLead < minExponent) {
    if (!(env.masks & FloatException.Underflow)) {
      env.raise(FloatException.Underflow | (inexact ? FloatException.Inexact : 0));
      return finite(sign, kept, lsb + BIAS_ADJUST);
    }
    if (env.flushToZero) {
      env.raise(FloatException.Underflow | FloatException.Inexact);
      env.roundedUp = false;
      return zero(sign);
    }
    const denormal = roundAt(env.rounding, sign, significand, exponent, minExponent - bits + 1);
    env.roundedUp = denormal.up;
    if (denormal.inexact) env.raise(FloatException.Underflow | FloatException.Inexact);
    return denormal.kept ? finite(sign, denormal.kept, minExponent - bits + 1) : zero(sign);
  }
  if (roundedLead > maxExponent) {
    if (!(env.masks & FloatException.Overflow)) {
      env.raise(FloatException.Overflow | (inexact ? FloatException.Inexact : 0));
      return finite(sign, kept, lsb - BIAS_ADJUST);
    }
    env.raise(FloatException.Overflow | FloatException.Inexact);
    // SDM Vol. 1, table 4-10: infinity where the mode rounds away from zero.
    env.roundedUp = env.rounding === Rounding.Nearest || env.rounding === (sign ? Rounding.Down : Rounding.Up);
    return env.roundedUp ? infinity(sign) : finite(sign, (1n << BigInt(bits)) - 1n, maxExponent - bits + 1);
  }
  if (inexact) env.raise(FloatException.Inexact);
  return finite(sign, kept, lsb);
}

/** Rounds a finite number to an integer, which is given with the number's sign apart; raises inexact. */
export function roundToInteger(env: Environment, a: Float, rounding: Rounding = env.rounding): bigint {
  const { kept, inexact, up } = roundAt(rounding, a.sign, a.significand, a.exponent, 0);
  env.roundedUp = up;
  if (inexact) env.raise(FloatException.Inexact);
  return kept;
}
