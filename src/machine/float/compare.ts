import { leading } from './arithmetic.js';
import { Environment, FloatException } from './environment.js';
import { type Float, isNaN, Kind } from './number.js';
import { checkDenormal } from './operands.js';

export const enum Relation { Less, Equal, Greater, Unordered }

/** Compares a with b. @param quietly a QNaN raises no #I (UCOMIS, FUCOM) */
export function compare(env: Environment, a: Float, b: Float, quietly: boolean): Relation {
  if (isNaN(a) || isNaN(b) || a.kind === Kind.Unsupported || b.kind === Kind.Unsupported) {
    const loud = !quietly || [a, b].some(x => x.kind === Kind.SignalingNaN || x.kind === Kind.Unsupported);
    if (loud) env.raise(FloatException.Invalid);
    return Relation.Unordered;
  }
  checkDenormal(env, a, b);
  return order(a, b);
}

/** The relation of two numbers that are no NaNs. */
export function order(a: Float, b: Float): Relation {
  const x = rank(a), y = rank(b);
  if (x !== y) return x < y ? Relation.Less : Relation.Greater;
  if (a.kind !== Kind.Finite) return Relation.Equal;
  const magnitude = compareMagnitudes(a, b);
  return magnitude === 0 ? Relation.Equal : magnitude < 0 !== (a.sign === 1) ? Relation.Less : Relation.Greater;
}

/** -infinity, negative, zero, positive, +infinity as -2 to 2. */
function rank(a: Float): number {
  const magnitude = a.kind === Kind.Zero ? 0 : a.kind === Kind.Infinity ? 2 : 1;
  return a.sign && magnitude ? -magnitude : magnitude;
}

function compareMagnitudes(a: Float, b: Float): number {
  const distance = leading(a) - leading(b);
  if (distance) return distance;
  const lsb = Math.min(a.exponent, b.exponent);
  const x = a.significand << BigInt(a.exponent - lsb), y = b.significand << BigInt(b.exponent - lsb);
  return x < y ? -1 : x > y ? 1 : 0;
}
