import type { Core } from '../core.js';
import { PUSH_RF, SOFTWARE } from '../emitted/delivery.js';
import { emittedFor } from '../emitted/index.js';
import * as L from './layout.js';
import type { CpuState } from './state.js';

export { NO_ERROR } from '../emitted/delivery.js';
export { PLAIN_FAULTS } from '../emitted/faultDelivery.js';

/**
 * `enterHandler` of an event that returns to RIP, in the usual case: long mode, a gate that leads to 64-bit code at CPL 0, tables and
 * frame in RAM, none of them across a page, and no exception on the way. Needs no memory and no bigints.
 * @param errorCode what is pushed above the frame, or NO_ERROR
 * @param software raised by INT n, INT3 or INTO
 * @returns false if the case is another; then nothing has happened but translations that `enterHandler` will ask for in the same
 *   order, and FAULT_* may have been overwritten
 */
export function enterUsually(core: Core, cpu: CpuState, vector: number, errorCode: number, resumeFlag: boolean, software = false): boolean {
  if (!emittedFor(core.memory).emitted.enterUsually(cpu.base, vector, errorCode, (resumeFlag ? PUSH_RF : 0) | (software ? SOFTWARE : 0))) return false;
  cpu.setInt(L.SHADOW, 0);
  return true;
}
