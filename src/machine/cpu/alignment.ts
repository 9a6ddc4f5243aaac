import { GuestFault, Vector } from '../core.js';
import * as L from './layout.js';
import { CodeMode } from './layout.js';
import { isCanonicalHigh, isLongMode } from './modes.js';
import type { CpuState } from './state.js';

/**
 * Alignment checks: at CPL 3 with CR0.AM and RFLAGS.AC set, data accesses that are not aligned raise #AC(0) (SDM Vol. 3A, 6.15, interrupt 17,
 * and table 6-7). It comes after the #GP or #SS of an address that is not canonical, and ahead of page faults (measured).
 */

/**
 * The alignment that an access of `size` bytes must have: its size for words, doublewords and quadwords, 8 for the 10 bytes of the
 * x87, none for others; 16-byte operands raise #GP where they must be aligned, and MOVUPS and its like need none (measured).
 */
export function alignmentOf(size: number): number { return size === 2 || size === 4 || size === 8 ? size : size === 10 ? 8 : 1; }

/** True if alignment checks are on and the linear address with this low half is no multiple of `alignment` (a power of 2). */
export function isMisaligned(cpu: CpuState, lo: number, alignment: number): boolean {
  return (cpu.int(L.MODE) & CodeMode.AlignmentCheck) !== 0 && (lo & alignment - 1) !== 0;
}

/** Throws #AC(0) if `isMisaligned`, for an address that is canonical or outside long mode. */
export function requireAlignment(cpu: CpuState, linear: bigint, alignment: number): void {
  if (!isMisaligned(cpu, Number(linear & 0xfffn), alignment)) return;
  if (!isLongMode(cpu) || isCanonicalHigh(Number(BigInt.asIntN(32, linear >> 32n)))) throw new GuestFault(Vector.AC, 0);
}
