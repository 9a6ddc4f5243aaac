import { leading } from './arithmetic.js';
import { Environment } from './environment.js';
import { extended, type Float, Kind, zero } from './number.js';
import { checkDenormal, invalid, specialResult } from './operands.js';
import { round } from './round.js';

export interface Remainder {
  result: Float;
  /** False if only the magnitude has been reduced, by less than 2^64: the instruction is to be repeated (C2). */
  complete: boolean;
  /** The low three bits of the quotient, where the reduction is complete. */
  quotient: number;
}

/**
 * FPREM and FPREM1 (SDM Vol. 2A): the remainder of a / b, with the quotient cut off (`nearest` false) or rounded to the nearest
 * integer, ties to even. It is exact. An exponent difference of 64 or more is reduced by 32 to 63 in one go.
 */
export function remainder(env: Environment, a: Float, b: Float, nearest: boolean): Remainder {
  const complete = (result: Float): Remainder => ({ result, complete: true, quotient: 0 });
  const special = specialResult(env, a, b);
  if (special) return complete(special);
  if (a.kind === Kind.Infinity || b.kind === Kind.Zero) return complete(invalid(env));
  checkDenormal(env, a, b);
  if (a.kind === Kind.Zero) return complete(a);
  if (b.kind === Kind.Infinity) return complete(a);
  const distance = leading(a) - leading(b);
  if (distance >= 64) {
    // The SDM leaves N open between 32 and 63; this is what processors do (measured).
    const skipped = distance - (distance & 31 | 32);
    const lsb = Math.min(a.exponent, b.exponent + skipped);
    const rest = (a.significand << BigInt(a.exponent - lsb)) % (b.significand << BigInt(b.exponent + skipped - lsb));
    return { result: rest ? round(env, extended, a.sign, rest, lsb) : zero(a.sign), complete: false, quotient: 0 };
  }
  if (distance < -1) return { result: round(env, extended, a.sign, a.significand, a.exponent), complete: true, quotient: 0 };
  const lsb = Math.min(a.exponent, b.exponent);
  const dividend = a.significand << BigInt(a.exponent - lsb), divisor = b.significand << BigInt(b.exponent - lsb);
  let quotient = dividend / divisor, rest = dividend - quotient * divisor, sign = a.sign;
  const twice = rest << 1n;
  if (nearest && (twice > divisor || twice === divisor && (quotient & 1n) === 1n)) {
    quotient++;
    rest = divisor - rest;
    sign = sign ? 0 : 1;
  }
  return { result: rest ? round(env, extended, sign, rest, lsb) : zero(a.sign), complete: true, quotient: Number(quotient & 7n) };
}
