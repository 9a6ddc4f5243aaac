import { GuestFault, Vector } from '../core.js';
import { MemoryKind } from '../memory/kind.js';
import { Seg } from './layout.js';
import { Rights } from './modes.js';
import { leaveFault } from './pendingFault.js';
import type { CpuState } from './state.js';

/**
 * Linear address of `size` bytes at `offset` in a segment, outside 64-bit code (SDM Vol. 3A, 5.3-5.5): null segments,
 * limits (expand-down ones too), and writes to read-only data or to code raise #GP(0), or #SS(0) through SS.
 * @param offset unsigned 32-bit offset
 * @returns unsigned 32-bit linear address
 */
export function segmentToLinear(cpu: CpuState, segment: number, offset: number, size: number, write: boolean): number {
  const rights = cpu.segRights(segment), limit = cpu.segLimit(segment);
  const code = (rights & Rights.Code) !== 0;
  const last = offset + Math.max(size, 1) - 1;
  const inside = !code && rights & Rights.DownConforming
    ? offset > limit && last <= (rights & Rights.Big ? 0xffffffff : 0xffff)
    : last <= limit;
  // A null selector leaves the segment without the present bit.
  const allowed = (rights & Rights.Present) !== 0
    && (write ? !code && (rights & Rights.ReadWrite) !== 0 : !code || segment === Seg.CS || (rights & Rights.ReadWrite) !== 0);
  if (!inside || !allowed) throw new GuestFault(segment === Seg.SS ? Vector.SS : Vector.GP, 0);
  return Number(cpu.segBase(segment) & 0xffffffffn) + offset >>> 0;
}

/** `segmentToLinear` for translated code: -1 if there is an exception, which is left for the run loop. @param kind size and access, see `MemoryKind` */
export function segmentOrFault(cpu: CpuState, segment: number, offset: number, kind: number): number {
  try {
    return segmentToLinear(cpu, segment, offset >>> 0, kind & 0xff, (kind & MemoryKind.Write) !== 0);
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    leaveFault(cpu, error);
    return -1;
  }
}
