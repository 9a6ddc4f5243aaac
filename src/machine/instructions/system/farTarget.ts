import { GuestFault, Vector } from '../../core.js';
import { isCanonical } from '../../cpu/modes.js';
import { type Descriptor, is64BitSegment } from '../../cpu/segments.js';
import type { CpuState } from '../../cpu/state.js';

/** #GP(0) unless the offset can be executed in that code segment: canonical in 64-bit code, else within the limit. */
export function checkTarget(cpu: CpuState, code: Descriptor, target: bigint): void {
  const good = is64BitSegment(cpu, code.rights) ? isCanonical(target) : target <= BigInt(code.limit);
  if (!good) throw new GuestFault(Vector.GP, 0);
}
