import { Environment, FloatException } from './environment.js';
import { type Float, type Format, indefinite, isNaN, Kind, quiet, unpack, zero } from './number.js';

/** Reads an operand, with MXCSR.DAZ applied. */
export function operand(env: Environment, format: Format, bits: bigint): Float {
  const a = unpack(format, bits);
  return a.denormal && env.denormalsAreZero ? zero(a.sign) : a;
}

export function invalid(env: Environment): Float {
  env.raise(FloatException.Invalid);
  return indefinite();
}

/** Raises #D if one of the operands is denormal. */
export function checkDenormal(env: Environment, a: Float, b?: Float): void {
  if (a.denormal || b?.denormal) env.raise(FloatException.Denormal);
}

/** The result where an operand is a NaN or an unsupported encoding, else undefined. */
export function specialResult(env: Environment, a: Float, b?: Float): Float | undefined {
  if (a.kind === Kind.Unsupported || b?.kind === Kind.Unsupported) return invalid(env);
  const nanA = isNaN(a), nanB = b !== undefined && isNaN(b);
  if (!nanA && !nanB) return undefined;
  if (a.kind === Kind.SignalingNaN || b?.kind === Kind.SignalingNaN) env.raise(FloatException.Invalid);
  return quiet(nanA && nanB ? chosenNaN(env, a, b) : nanA ? a : b!);
}

/**
 * Which of two NaNs becomes the result (SDM Vol. 1, table 4-7): the first operand for SSE; for the x87 a QNaN rather than an
 * SNaN, then the larger significand. Of equal ones it is the positive one (measured; the SDM leaves it open).
 */
function chosenNaN(env: Environment, a: Float, b: Float): Float {
  if (env.unit === 'sse') return a;
  if (a.kind !== b.kind) return a.kind === Kind.QuietNaN ? a : b;
  if (a.significand !== b.significand) return a.significand > b.significand ? a : b;
  return a.sign === 0 ? a : b;
}
