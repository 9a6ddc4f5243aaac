import * as L from './layout.js';
import { ARITHMETIC_FLAGS, Flag } from './layout.js';
import type { CpuState } from './state.js';

/**
 * RFLAGS stands in two places: the arithmetic flags as the operands of the last operation (CC_OP, CC_DST, CC_SRC; the
 * encoding is that of `translate/flags.ts`), all others in FLAGS. Here they are put together and taken apart.
 * All values fit 32 bits: the upper half of RFLAGS is reserved and zero (SDM Vol. 1, 3.4.3).
 */

/** Kinds of operations: CC_OP >> 2. Its low two bits are log2 of the operand size in bytes. */
const enum Kind { Flags = 0, Add = 1, Sub = 2, Logic = 3, Inc = 4, Dec = 5, Shl = 6, Shr = 7, Sar = 8 }

/** Bit 1 of RFLAGS is always set. */
const ALWAYS = 2;

/** The whole RFLAGS register. */
export function readFlags(cpu: CpuState): number {
  return cpu.int(L.FLAGS) & ~ARITHMETIC_FLAGS | ALWAYS | readArithmeticFlags(cpu);
}

/** Sets the whole RFLAGS register. The caller has decided which bits may change. */
export function writeFlags(cpu: CpuState, value: number): void {
  cpu.setInt(L.FLAGS, value & ~ARITHMETIC_FLAGS | ALWAYS);
  writeArithmeticFlags(cpu, value);
}

/** Sets CF PF AF ZF SF OF from the bits of `value`, and leaves the others alone. */
export function writeArithmeticFlags(cpu: CpuState, value: number): void {
  cpu.setInt(L.CC_OP, Kind.Flags);
  cpu.setInt(L.CC_SRC, value & ARITHMETIC_FLAGS);
  cpu.setInt(L.CC_SRC + 4, 0);
  cpu.setInt(L.CC_DST, 0);
  cpu.setInt(L.CC_DST + 4, 0);
}

/** CF PF AF ZF SF OF as bits of RFLAGS. */
export function readArithmeticFlags(cpu: CpuState): number {
  const op = cpu.int(L.CC_OP), kind = op >> 2;
  const srcLo = cpu.u32[L.CC_SRC >> 2]!;
  if (kind === Kind.Flags) return srcLo & ARITHMETIC_FLAGS;
  const srcHi = cpu.u32[L.CC_SRC + 4 >> 2]!, dstLo = cpu.u32[L.CC_DST >> 2]!, dstHi = cpu.u32[L.CC_DST + 4 >> 2]!;
  const wide = (op & 3) === 3;
  /** Position of the sign, within the half that has it. */
  const top = wide ? 31 : (8 << (op & 3)) - 1;
  const sign = (lo: number, hi: number) => (wide ? hi : lo) >>> top & 1;
  let flags = (dstLo | dstHi) === 0 ? Flag.ZF : 0;
  if (sign(dstLo, dstHi)) flags |= Flag.SF;
  if (evenParity(dstLo)) flags |= Flag.PF;
  switch (kind) {
    case Kind.Add: {
      const aLo = dstLo - srcLo | 0, aHi = dstHi - srcHi - (dstLo < srcLo ? 1 : 0) | 0;
      if (dstHi < srcHi || dstHi === srcHi && dstLo < srcLo) flags |= Flag.CF;
      if ((aLo ^ srcLo ^ dstLo) & 0x10) flags |= Flag.AF;
      if (sign((aLo ^ dstLo) & (srcLo ^ dstLo), (aHi ^ dstHi) & (srcHi ^ dstHi))) flags |= Flag.OF;
      return flags;
    }
    case Kind.Sub: {
      const sum = dstLo + srcLo, mask = wide || (op & 3) === 2 ? 0xffffffff : (1 << top + 1) - 1;
      const aLo = (sum & mask) >>> 0, aHi = wide ? dstHi + srcHi + (sum > 0xffffffff ? 1 : 0) >>> 0 : 0;
      if (aHi < srcHi || aHi === srcHi && aLo < srcLo) flags |= Flag.CF;
      if ((aLo ^ srcLo ^ dstLo) & 0x10) flags |= Flag.AF;
      if (sign((aLo ^ srcLo) & (aLo ^ dstLo), (aHi ^ srcHi) & (aHi ^ dstHi))) flags |= Flag.OF;
      return flags;
    }
    case Kind.Inc:
      if (srcLo & 1) flags |= Flag.CF;
      if ((dstLo & 15) === 0) flags |= Flag.AF;
      if (isTopOnly(dstLo, dstHi, top, wide)) flags |= Flag.OF;
      return flags;
    case Kind.Dec:
      if (srcLo & 1) flags |= Flag.CF;
      if ((dstLo & 15) === 15) flags |= Flag.AF;
      if (isAllButTop(dstLo, dstHi, top, wide)) flags |= Flag.OF;
      return flags;
    case Kind.Shl:
      if (sign(srcLo, srcHi)) flags |= Flag.CF;
      if (sign(srcLo ^ dstLo, srcHi ^ dstHi)) flags |= Flag.OF;
      return flags;
    case Kind.Shr:
      if (srcLo & 1) flags |= Flag.CF;
      if (sign(srcLo ^ dstLo, srcHi ^ dstHi)) flags |= Flag.OF;
      return flags;
    case Kind.Sar:
      return srcLo & 1 ? flags | Flag.CF : flags;
    default: // Logic
      return flags;
  }
}

/** PF looks at the low byte only (SDM Vol. 1, 3.4.3.1). */
function evenParity(value: number): boolean {
  value ^= value >> 4;
  return (0x9669 >> (value & 15) & 1) === 1;
}

/** The value is 100...0: what INC gives upon overflow. */
function isTopOnly(lo: number, hi: number, top: number, wide: boolean): boolean {
  const bit = 1 << top >>> 0;
  return wide ? hi === bit && lo === 0 : lo === bit;
}

/** The value is 011...1: what DEC gives upon overflow. */
function isAllButTop(lo: number, hi: number, top: number, wide: boolean): boolean {
  const rest = (1 << top >>> 0) - 1;
  return wide ? hi === rest && lo === 0xffffffff : lo === rest;
}
