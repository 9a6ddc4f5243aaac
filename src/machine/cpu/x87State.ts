import { GuestFault, Unimplemented, Vector } from '../core.js';
import * as L from './layout.js';
import { CR0_NE } from './modes.js';
import type { CpuState } from './state.js';

/** Bits of the x87 status word (SDM Vol. 1, 8.1.3): an unmasked exception waits; number of the register that is ST(0). */
export const X87_ES = 1 << 7, X87_TOP = 7 << 11;
/** Tags (SDM Vol. 1, 8.1.7). */
export const enum X87Tag { Valid = 0, Zero = 1, Special = 2, Empty = 3 }
/** All registers empty. */
export const X87_ALL_EMPTY = 0xffff;

/** Raises #MF if an unmasked x87 exception waits: ahead of MMX instructions and of x87 instructions that wait. */
export function raisePendingX87(cpu: CpuState): void {
  if (!(cpu.int(L.X87_STATUS) & X87_ES)) return;
  if (cpu.get(L.CR0) & CR0_NE) throw new GuestFault(Vector.MF);
  throw new Unimplemented(`CPU ${cpu.index}, rip 0x${cpu.rip.toString(16)}: an x87 exception waits and CR0.NE is clear, so it would be reported through FERR# `
    + 'and the interrupt controller; this machine has #MF only: set CR0.NE.');
}

/** What every MMX instruction but EMMS does: TOP becomes 0, all tags valid (SDM Vol. 1, 9.6.1). */
export function enterMmx(cpu: CpuState): void {
  cpu.setInt(L.X87_STATUS, cpu.int(L.X87_STATUS) & ~X87_TOP);
  cpu.setInt(L.X87_TAGS, 0);
}

/** The tag that belongs to the contents of physical register n, if it is not empty (SDM Vol. 1, 8.1.7). */
export function contentTag(cpu: CpuState, n: number): X87Tag {
  const at = L.X87 + 16 * n, low = cpu.get(at), exponent = cpu.int(at + 8) & 0x7fff;
  if (exponent === 0) return low === 0n ? X87Tag.Zero : X87Tag.Special;
  return exponent === 0x7fff || low >> 63n === 0n ? X87Tag.Special : X87Tag.Valid;
}
