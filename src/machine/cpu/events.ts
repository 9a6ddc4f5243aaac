import { type Core, GuestFault, Vector } from '../core.js';
import { enterHandler, type Event } from './delivery.js';
import { combine, describeFault, exceptionLog, faultClass, pushesResumeFlag } from './exceptions.js';
import { recordDebugException } from './debug.js';
import * as L from './layout.js';
import { Flag, RunState } from './layout.js';
import { isProtected } from './modes.js';
import type { CpuState } from './state.js';
import { enterUsually, NO_ERROR } from './usualDelivery.js';

export { describeFault, exceptionLog, type ExceptionLog, type ExceptionRecord } from './exceptions.js';
export { takeFault } from './pendingFault.js';

/**
 * How a delivery ended. `Delivered`: the CPU stands at the handler. `Stopped`: the hook asked to stop; nothing has
 * changed, and the same event comes again when the CPU goes on. `Shutdown`: the CPU is dead (triple fault).
 */
export const enum Delivery { Delivered, Stopped, Shutdown }

/**
 * Delivers an exception of the instruction at RIP. Counts as one step, which the caller adds. Translated code has delivered usual ones itself
 * (`emitted/delivery.ts`).
 */
export function deliverFault(core: Core, cpu: CpuState, fault: GuestFault): Delivery {
  const unblocks = cpu.int(L.NMI_UNBLOCK) !== 0;
  cpu.setInt(L.NMI_UNBLOCK, 0);
  const result = deliver(core, cpu, undefined, fault);
  if (unblocks && result !== Delivery.Stopped) cpu.setInt(L.NMI_BLOCKED, 0);
  return result;
}

/**
 * Delivers an external interrupt that the local APIC has acknowledged; if it is not delivered after all, the APIC holds
 * it again. Wakes a halted CPU. One step.
 */
export function deliverInterrupt(core: Core, cpu: CpuState, vector: number): Delivery {
  const before = cpu.runState;
  cpu.runState = RunState.Running;
  if (enterUsually(core, cpu, vector, NO_ERROR, false)) return Delivery.Delivered;
  return deliverOr(core, cpu, vector, () => {
    cpu.runState = before;
    core.apics[cpu.index]!.retract(vector);
  });
}

/** Delivers a pending NMI; further ones are blocked until the next IRET. Wakes a halted CPU. One step. */
export function deliverNmi(core: Core, cpu: CpuState): Delivery {
  const before = cpu.runState;
  cpu.runState = RunState.Running;
  cpu.setInt(L.NMI_PENDING, 0);
  cpu.setInt(L.NMI_BLOCKED, 1);
  return deliverOr(core, cpu, Vector.NMI, () => {
    cpu.runState = before;
    cpu.setInt(L.NMI_PENDING, 1);
    cpu.setInt(L.NMI_BLOCKED, 0);
  });
}

/** Delivers an event from outside; `undo` puts back what was done for it if it stops, or meets what the machine lacks. */
function deliverOr(core: Core, cpu: CpuState, vector: number, undo: () => void): Delivery {
  try {
    const result = deliver(core, cpu, { vector, software: false, returnIp: cpu.rip, resumeFlag: false });
    if (result === Delivery.Stopped) undo();
    return result;
  } catch (error) {
    undo();
    throw error;
  }
}

/** INT n, INT3, INTO and INT1: delivers from within the instruction. Its faults are the instruction's own. */
export function enterSoftware(core: Core, cpu: CpuState, vector: number, returnIp: bigint, software = true): void {
  // RF is cleared as the instruction begins, so that it is clear in the frame (SDM Vol. 3B, 17.3.1.1).
  cpu.setInt(L.FLAGS, cpu.int(L.FLAGS) & ~Flag.RF);
  const rip = cpu.rip;
  cpu.rip = returnIp;
  if (!enterUsually(core, cpu, vector, NO_ERROR, false, software)) {
    cpu.rip = rip;
    enterHandler(core, cpu, { vector, software, returnIp, resumeFlag: false });
  }
  // They clear TF before the trap of a single step would come (SDM Vol. 3B, 17.3.1.4).
  cpu.setInt(L.SINGLE_STEP, 0);
}

/** True if an NMI would be taken before the next instruction. */
export function nmiReady(cpu: CpuState): boolean {
  return cpu.int(L.NMI_PENDING) !== 0 && cpu.int(L.NMI_BLOCKED) === 0 && cpu.int(L.SHADOW) === 0;
}

/** True if the CPU takes external interrupts before the next instruction. */
export function interruptsOpen(cpu: CpuState): boolean {
  return (cpu.int(L.FLAGS) & Flag.IF) !== 0 && cpu.int(L.SHADOW) === 0;
}

/**
 * Delivers an event or an exception, and whatever exceptions that raises in turn: serially, as a double fault, or to the
 * end of the CPU (SDM Vol. 3A, 6.15, interrupt 8). Throws `Unimplemented` where the IDT asks for what the machine lacks.
 */
function deliver(core: Core, cpu: CpuState, event: Event | undefined, fault?: GuestFault): Delivery {
  const log = exceptionLog(core);
  let noted = 0;
  const note = (raised: GuestFault): void => {
    const address = raised.address ?? 0n;
    log.note(cpu, raised.vector, raised.errorCode, Number(address & 0xffffffffn), Number(address >> 32n & 0xffffffffn));
    noted++;
  };
  const cr2 = cpu.get(L.CR2), dr6 = cpu.get(L.DR + 48), dr7 = cpu.get(L.DR + 56);
  const undo = (): void => {
    cpu.set(L.CR2, cr2);
    cpu.set(L.DR + 48, dr6);
    cpu.set(L.DR + 56, dr7);
    for (; noted > 0; noted--) log.retract(cpu);
  };
  let current = event;
  for (;;) {
    if (fault) {
      if (log.isWatched && log.onException(describeFault(core, cpu, fault))) {
        undo();
        return Delivery.Stopped;
      }
      note(fault);
      if (fault.vector === Vector.PF) cpu.set(L.CR2, fault.address ?? 0n);
      if (fault.vector === Vector.DB) recordDebugException(cpu, Number(fault.address ?? 0n));
      // Real mode has no error codes on its stack.
      current = {
        vector: fault.vector, errorCode: isProtected(cpu) ? fault.errorCode : undefined, software: false, returnIp: cpu.rip,
        resumeFlag: pushesResumeFlag(fault),
      };
    }
    try {
      enterHandler(core, cpu, current!);
      return Delivery.Delivered;
    } catch (error) {
      if (!(error instanceof GuestFault)) {
        undo();
        throw error;
      }
      // An interrupt that was being delivered counts as benign: the exception follows it.
      const outcome = fault ? combine(faultClass(fault.vector), faultClass(error.vector)) : 'serial';
      if (outcome === 'shutdown') {
        note(error);
        cpu.runState = RunState.Shutdown;
        return Delivery.Shutdown;
      }
      if (outcome === 'double') {
        note(error);
        if (error.vector === Vector.PF) cpu.set(L.CR2, error.address ?? 0n);
        fault = new GuestFault(Vector.DF, 0);
      } else {
        fault = error;
      }
    }
  }
}
