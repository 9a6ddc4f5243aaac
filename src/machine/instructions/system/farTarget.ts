import { GuestFault, Vector } from '../../core.js';
import { isCanonical } from '../../cpu/modes.js';
import { type Descriptor, is64BitSegment } from '../../cpu/segments.js';
import type { CpuState } from '../../cpu/state.js';

/**
 * The instruction pointer after a far transfer to that offset: all of it, which must be canonical, in 64-bit code, else its low
 * 32 bits, which must lie within the limit (SDM Vol. 2A, JMP: a target in compatibility mode is cut before the check).
 * Throws #GP(0).
 */
export function targetPointer(cpu: CpuState, code: Descriptor, offset: bigint): bigint {
  const long = is64BitSegment(cpu, code.rights), pointer = long ? offset : offset & 0xffffffffn;
  if (long ? !isCanonical(pointer) : pointer > BigInt(code.limit)) throw new GuestFault(Vector.GP, 0);
  return pointer;
}
