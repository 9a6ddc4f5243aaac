import { Environment, FloatException } from '../../float/environment.js';
import { type Float, fromInteger, Kind, zero } from '../../float/number.js';
import { roundToInteger } from '../../float/round.js';

/** Packed decimals of FBLD and FBSTP: 18 digits in nine bytes, and the sign in bit 79 (SDM Vol. 1, 4.7). */

const DIGITS = 18;
const LIMIT = 10n ** BigInt(DIGITS);
/** The packed BCD integer indefinite (SDM Vol. 1, table 4-4). */
export const decimalIndefinite = 0xffffc000000000000000n;

/** A digit beyond 9 counts with its value, which the SDM leaves open. */
export function readDecimal(bits: bigint): Float {
  let value = 0n;
  for (let n = DIGITS - 1; n >= 0; n--) value = value * 10n + (bits >> BigInt(4 * n) & 15n);
  const sign = bits >> 79n & 1n ? 1 : 0;
  return value === 0n ? zero(sign) : { ...fromInteger(value), sign };
}

/** Rounds to an integer of 18 digits; where there is no room for it, #I and the indefinite. */
export function decimalOf(env: Environment, a: Float): bigint {
  const sign = a.sign ? 1n << 79n : 0n;
  if (a.kind === Kind.Zero) return sign;
  if (a.kind === Kind.Finite && a.exponent < 64) {
    const before = env.exceptions;
    let value = roundToInteger(env, a);
    if (value < LIMIT) {
      let bits = 0n;
      for (let n = 0n; value; n++) {
        bits |= value % 10n << 4n * n;
        value /= 10n;
      }
      return sign | bits;
    }
    env.exceptions = before;
    env.roundedUp = false;
  }
  env.raise(FloatException.Invalid);
  return decimalIndefinite;
}
