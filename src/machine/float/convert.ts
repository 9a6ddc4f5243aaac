import { Environment, FloatException, Rounding } from './environment.js';
import { finite, type Float, Kind, type Precision, zero } from './number.js';
import { checkDenormal, specialResult } from './operands.js';
import { round, roundToInteger } from './round.js';

/** Rounds a datum to another format. @param reportDenormal #D counts here (it does not where the x87 stores) */
export function convert(env: Environment, to: Precision, a: Float, reportDenormal = true): Float {
  const special = specialResult(env, a);
  if (special) return special;
  if (reportDenormal) checkDenormal(env, a);
  return a.kind === Kind.Finite ? round(env, to, a.sign, a.significand, a.exponent) : a;
}

/**
 * Rounds to a signed integer of `bits` bits. Where that has no room for it, or for NaNs and infinities: #I, and the integer
 * indefinite, which is the most negative one (SDM Vol. 1, table 4-1). Denormal operands are not reported.
 */
export function toInteger(env: Environment, a: Float, bits: number, rounding: Rounding = env.rounding): bigint {
  const value = exactInteger(env, a, bits, rounding);
  if (value !== undefined) return value;
  env.raise(FloatException.Invalid);
  env.roundedUp = false;
  return -(1n << BigInt(bits - 1));
}

function exactInteger(env: Environment, a: Float, bits: number, rounding: Rounding): bigint | undefined {
  if (a.kind === Kind.Zero) return 0n;
  if (a.kind !== Kind.Finite || a.exponent > bits) return undefined;
  const before = env.exceptions, magnitude = roundToInteger(env, a, rounding);
  if (magnitude <= (1n << BigInt(bits - 1)) - (a.sign ? 0n : 1n)) return a.sign ? -magnitude : magnitude;
  env.exceptions = before;
  return undefined;
}

/** Rounds to an integer in the same format (FRNDINT). Denormal operands are reported. */
export function toIntegral(env: Environment, a: Float): Float {
  const special = specialResult(env, a);
  if (special) return special;
  checkDenormal(env, a);
  if (a.kind !== Kind.Finite || a.exponent >= 0) return a;
  const magnitude = roundToInteger(env, a);
  return magnitude ? finite(a.sign, magnitude, 0) : zero(a.sign);
}
