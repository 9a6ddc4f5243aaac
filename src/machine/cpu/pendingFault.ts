import { GuestFault, Vector } from '../core.js';
import * as L from './layout.js';
import type { CpuState } from './state.js';

/**
 * The exception of the instruction that is executing, in FAULT_*: how memory accesses and translated code, which cannot throw, report it.
 * `Mmu` and emitted code write the same fields.
 */

/** Leaves an exception for the run loop. */
export function leaveFault(cpu: CpuState, fault: GuestFault): void {
  cpu.setInt(L.FAULT_VECTOR, fault.vector);
  cpu.setInt(L.FAULT_HAS_ERROR, fault.errorCode === undefined ? 0 : 1);
  cpu.setInt(L.FAULT_ERROR, fault.errorCode ?? 0);
  cpu.set(L.FAULT_ADDRESS, fault.address ?? 0n);
}

/** The exception that has been left, which is cleared by it. Throws an Error if there is none. */
export function takeFault(cpu: CpuState): GuestFault {
  const vector = cpu.int(L.FAULT_VECTOR);
  if (vector < 0) throw new Error('no fault is pending');
  const fault = new GuestFault(vector, cpu.int(L.FAULT_HAS_ERROR) ? cpu.int(L.FAULT_ERROR) : undefined,
    vector === Vector.PF || vector === Vector.DB ? cpu.get(L.FAULT_ADDRESS) : undefined);
  cpu.setInt(L.FAULT_VECTOR, -1);
  return fault;
}
