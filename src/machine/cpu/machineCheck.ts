import { type Core, GuestFault, Vector } from '../core.js';
import { Delivery, deliverFault } from './events.js';
import * as L from './layout.js';
import { RunState } from './layout.js';
import type { CpuState } from './state.js';

/**
 * Machine checks (SDM Vol. 3B, chapter 15). The hardware of this machine never fails, so they come on request only, and there are no
 * banks that tell more: IA32_MCG_CAP is 0, IA32_MCG_STATUS says that execution can go on at the pushed address.
 */

const PENDING = 1;
/** IA32_MCG_STATUS lies this many bits up in MACHINE_CHECK. */
const STATUS_SHIFT = 8;
/** Bits of IA32_MCG_STATUS: the pushed address is that of the interrupted instruction; a machine check is being handled. */
const RIPV = 1, MCIP = 4, STATUS_DEFINED = 7;
/** CR4.MCE in the low half of the register. */
const MCE = 1 << 6;

/** Asks for a machine check on a CPU, before its next instruction. */
export function requestMachineCheck(cpu: CpuState): void { cpu.setInt(L.MACHINE_CHECK, cpu.int(L.MACHINE_CHECK) | PENDING); }

/** Does a machine check wait? It comes before every other event (SDM Vol. 3A, table 6-2). */
export function machineCheckReady(cpu: CpuState): boolean { return (cpu.int(L.MACHINE_CHECK) & PENDING) !== 0; }

/**
 * Delivers #MC; wakes a halted CPU. Without CR4.MCE, or while another one is being handled, the CPU shuts down (SDM Vol. 3A, 6.15,
 * interrupt 18). One step.
 */
export function deliverMachineCheck(core: Core, cpu: CpuState): Delivery {
  const before = cpu.int(L.MACHINE_CHECK), state = cpu.runState;
  if (!(cpu.int(L.CR4) & MCE) || before >> STATUS_SHIFT & MCIP) {
    cpu.setInt(L.MACHINE_CHECK, before & ~PENDING);
    cpu.runState = RunState.Shutdown;
    return Delivery.Shutdown;
  }
  const undo = (): void => {
    cpu.setInt(L.MACHINE_CHECK, before);
    cpu.runState = state;
  };
  cpu.setInt(L.MACHINE_CHECK, (RIPV | MCIP) << STATUS_SHIFT);
  cpu.runState = RunState.Running;
  try {
    const result = deliverFault(core, cpu, new GuestFault(Vector.MC));
    if (result === Delivery.Stopped) undo();
    return result;
  } catch (error) {
    undo();
    throw error;
  }
}

/** IA32_MCG_STATUS. */
export function readMachineCheckStatus(cpu: CpuState): bigint { return BigInt(cpu.int(L.MACHINE_CHECK) >> STATUS_SHIFT); }

/** WRMSR to IA32_MCG_STATUS: false for reserved bits. Handlers write 0 when they are done. */
export function writeMachineCheckStatus(cpu: CpuState, value: bigint): boolean {
  if (value & ~BigInt(STATUS_DEFINED)) return false;
  cpu.setInt(L.MACHINE_CHECK, cpu.int(L.MACHINE_CHECK) & PENDING | Number(value) << STATUS_SHIFT);
  return true;
}
