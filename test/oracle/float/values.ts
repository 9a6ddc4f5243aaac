import { binary32, binary64, extended, type Format } from '../../../src/machine/float/number.js';
import type { Random } from '../random.js';

/** Floating-point data of the kinds that matter to arithmetic, as bits. */

/** A significand of `width` bits: often with few ones or few zeros, so that results are exact or halfway between two numbers. */
function fraction(random: Random, width: number): bigint {
  const all = (1n << BigInt(width)) - 1n, bit = () => 1n << BigInt(random.below(width));
  switch (random.below(8)) {
    case 0: return 0n;
    case 1: return all;
    case 2: return bit();
    case 3: return bit() | bit();
    case 4: return all ^ bit();
    case 5: return random.u64() & all & ~((1n << BigInt(random.below(width))) - 1n);
    case 6: return BigInt(random.below(8)) & all;
    default: return random.u64() & all;
  }
}

/** @param near an exponent that the value's is often close to, biased */
export function datum(random: Random, format: Format, near?: number): bigint {
  const width = format.bits - 1, top = (1 << format.exponentBits) - 1, bias = format.maxExponent;
  const sign = BigInt(random.below(2));
  const build = (exponent: number, significand: bigint, integer = exponent > 0) => format.explicit
    ? sign << 79n | BigInt(exponent) << 64n | (integer ? 1n << 63n : 0n) | significand
    : sign << BigInt(format.exponentBits + width) | BigInt(exponent) << BigInt(width) | significand;
  const f = fraction(random, width), clamp = (e: number) => Math.max(1, Math.min(top - 1, e));
  const kind = random.below(20);
  if (kind === 0) return build(0, 0n, false);
  if (kind === 1) return build(top, 0n);
  if (kind === 2) return build(top, f | 1n << BigInt(width - 1));
  if (kind === 3) return build(top, f & ~(1n << BigInt(width - 1)) | 1n);
  if (kind <= 5) return build(0, f || 1n, false);
  if (kind === 6) return build(clamp(random.below(3)), f);
  if (kind === 7) return build(top - 1 - random.below(2), f);
  // Encodings of the registers alone: pseudo-denormals and what is not supported.
  if (kind === 8 && format.explicit) return build(random.pick([0, 0, 1, bias, top]), f, random.chance(0.4));
  if (kind <= 9) return build(clamp(random.below(top)), f);
  if (kind === 10) return build(bias + random.between(0, 70), f);
  if (kind <= 12) {
    // Integers and halves.
    const exponent = random.below(Math.min(width, 20)), keep = BigInt(width - exponent - random.below(2));
    return build(clamp(bias + exponent), keep > 0n ? f >> keep << keep : f);
  }
  if (kind <= 14 && near !== undefined) return build(clamp(near + random.between(-3, 3)), f);
  if (kind <= 16 && near !== undefined) return build(clamp(near + random.between(-70, 70)), f);
  return build(clamp(bias + random.between(-8, 8)), f);
}

/** The biased exponent field of a datum. */
export function exponentOf(format: Format, bits: bigint): number {
  return Number(bits >> BigInt(format.explicit ? 64 : format.bits - 1)) & (1 << format.exponentBits) - 1;
}
export { binary32, binary64, extended };
