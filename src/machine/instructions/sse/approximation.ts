import { Mnemonic } from 'iced-x86';
import { handleVector } from '../vector/registry.js';
import { readVector, VectorValue, writeVector } from '../vector/values.js';

/**
 * RCP and RSQRT (SDM Vol. 2B): approximations with a relative error up to 1.5 * 2^-12, from tables that differ between
 * processors. Here the value is rounded to 12 bits. They raise no exceptions and do not look at MXCSR.
 */

const SIGN = 0x80000000, EXPONENT = 0x7f800000, QUIET = 0x00400000, INDEFINITE = 0xffc00000;
const scratch = new VectorValue();

/** A positive normal number rounded to 12 bits; tiny ones become zero. */
function twelveBits(value: number): number {
  scratch.f32[0] = value;
  const bits = scratch.u32[0]! + 0x800 & ~0xfff;
  return bits & EXPONENT ? bits : 0;
}

/** The bits of the approximation of 1 / x. */
export function reciprocal(bits: number): number {
  const sign = bits & SIGN, magnitude = bits & ~SIGN;
  if (magnitude > EXPONENT) return (bits | QUIET) >>> 0;
  // Denormals count as zeros.
  if (!(magnitude & EXPONENT)) return (sign | EXPONENT) >>> 0;
  scratch.u32[0] = magnitude;
  return (sign | twelveBits(1 / scratch.f32[0]!)) >>> 0;
}

/** The bits of the approximation of 1 / sqrt(x). */
export function reciprocalRoot(bits: number): number {
  const sign = bits & SIGN, magnitude = bits & ~SIGN;
  if (magnitude > EXPONENT) return (bits | QUIET) >>> 0;
  if (!(magnitude & EXPONENT)) return (sign | EXPONENT) >>> 0;
  if (sign) return INDEFINITE;
  scratch.u32[0] = magnitude;
  return twelveBits(1 / Math.sqrt(scratch.f32[0]!)) >>> 0;
}

const to = new VectorValue(), from = new VectorValue();
for (const [mnemonic, count, approximation] of [
  [Mnemonic.Rcpps, 4, reciprocal], [Mnemonic.Rcpss, 1, reciprocal], [Mnemonic.Rsqrtps, 4, reciprocalRoot], [Mnemonic.Rsqrtss, 1, reciprocalRoot],
] as const) {
  handleVector(mnemonic, (core, cpu, insn) => {
    readVector(core, cpu, insn, 1, from);
    readVector(core, cpu, insn, 0, to);
    for (let n = 0; n < count; n++) to.u32[n] = approximation(from.u32[n]!);
    writeVector(core, cpu, insn, 0, to);
  });
}
