import { type GuestFault, Unimplemented } from './core.js';
import { debugTrapReady, deliverDebugTrap, DR6_BS, expireResumeFlag, instructionBreakpoint } from './cpu/debug.js';
import {
  Delivery, deliverFault, deliverInterrupt, deliverNmi, exceptionLog, type ExceptionLog, type ExceptionRecord, interruptsOpen, nmiReady, takeFault,
} from './cpu/events.js';
import * as L from './cpu/layout.js';
import { Flag, RunState } from './cpu/layout.js';
import { deliverMachineCheck, machineCheckReady } from './cpu/machineCheck.js';
import { wakesMasked } from './cpu/monitor.js';
import type { CpuState } from './cpu/state.js';
import { DELIVERY_CYCLES } from './cycles/model.js';
import { PLAIN_FAULTS } from './cpu/usualDelivery.js';
import type { Machine, MachineStop } from './machine.js';
import type { Turn } from './schedule.js';
import { Exit } from './translate/emitter.js';

/** Steps that BUDGET, an i32, is given at most. */
const MAX_BUDGET = 2 ** 30;

/** What can be delivered between instructions. */
const enum Waiting { MachineCheck, DebugTrap, Nmi, Interrupt, Fault }

/**
 * Runs turns: what waits is delivered, translated code gets a budget of steps, and its exits are dealt with. It knows which CPU is
 * running, and so the exact position at any moment.
 */
export class TurnRunner {
  /** The CPU whose translated code is running. */
  active: CpuState | undefined;
  /** The exception at which the machine has stopped. */
  stoppedAt: ExceptionRecord | undefined;
  /** One CPU by turns of equal length: nothing happens between them, so they are run as one. */
  private readonly alone: boolean;
  /** See `Machine.quietPageFaults`. */
  quietPageFaults = 0;
  private readonly log: ExceptionLog;
  private hook: ((record: ExceptionRecord) => boolean) | undefined;
  /** The budget of the run that is under way, and when its CPU's timer is due. */
  private budget = 0;
  private deadline = Infinity;
  /** The exception that is not asked about again. */
  private passException: ExceptionRecord | undefined;

  constructor(private readonly machine: Machine) {
    this.alone = machine.cpus.length === 1 && machine.schedule.spec.kind === 'round-robin';
    this.log = exceptionLog(machine);
    this.log.position = () => this.positionNow();
  }

  get onException(): ((record: ExceptionRecord) => boolean) | undefined { return this.hook; }
  set onException(hook: ((record: ExceptionRecord) => boolean) | undefined) {
    this.hook = hook;
    this.log.onException = hook && (record => this.exceptionRaised(record));
  }

  /** A new call of `Machine.run` begins: it passes the exception at which the last one has stopped. */
  begin(): void {
    this.passException = this.stoppedAt;
    this.stoppedAt = undefined;
  }

  /** A snapshot has been restored. */
  restore(stoppedAt: ExceptionRecord | undefined): void {
    this.stoppedAt = stoppedAt;
    this.passException = undefined;
  }

  /** Steps completed machine-wide, those of the run that is under way included. */
  positionNow(): number { return this.active ? this.machine.position + this.budget - this.active.int(L.BUDGET) : this.machine.position; }

  /**
   * Goes on with a turn, up to position `limit`, until something else than translated code has to be looked at.
   * @returns 'idle' if the CPU is not running and nothing wakes it
   */
  run(turn: Turn, limit: number): MachineStop | 'idle' | undefined {
    const { machine } = this, cpu = machine.cpus[turn.cpu]!, apic = machine.apics[turn.cpu]!, now = machine.now();
    let deadline = apic.nextDeadline();
    if (now >= deadline) {
      apic.advance(now);
      deadline = apic.nextDeadline();
    }
    const waits = apic.pendingVector() >= 0;
    cpu.setInt(L.EVENT_WAITS, waits ? 1 : 0);
    if (machineCheckReady(cpu)) return this.deliver(cpu, turn, Waiting.MachineCheck);
    if (debugTrapReady(cpu)) return this.deliver(cpu, turn, Waiting.DebugTrap);
    if (!machine.inhibitInterrupts) {
      if (nmiReady(cpu)) return this.deliver(cpu, turn, Waiting.Nmi);
      if (waits && interruptsOpen(cpu)) return this.deliver(cpu, turn, Waiting.Interrupt);
    }
    if (waits && wakesMasked(cpu)) cpu.runState = RunState.Running;
    if (cpu.runState !== RunState.Running) return 'idle';
    const breakpoint = instructionBreakpoint(cpu);
    if (breakpoint) return this.deliver(cpu, turn, Waiting.Fault, breakpoint);
    this.deadline = deadline;
    const shadow = cpu.int(L.SHADOW) !== 0, trap = (cpu.int(L.FLAGS) & Flag.TF) !== 0;
    const budget = shadow || trap ? 1 : Math.min(this.alone ? MAX_BUDGET : turn.steps, limit - machine.position, Math.max(1, Math.ceil(this.deadline - now)));
    cpu.setInt(L.SINGLE_STEP, trap ? 1 : 0);
    const exit = this.execute(cpu, budget), used = budget - cpu.int(L.BUDGET);
    this.complete(cpu, turn, used);
    const trapped = cpu.int(L.SINGLE_STEP) !== 0;
    cpu.setInt(L.SINGLE_STEP, 0);
    if (shadow && used) cpu.setInt(L.SHADOW, 0);
    if (exit === Exit.Fault || exit === Exit.Stop) {
      machine.watch.drop(cpu);
      // The same instruction will meet them again, or its fault takes precedence over what MOV SS has held.
      cpu.setInt(L.PENDING_DEBUG, 0);
    } else {
      machine.watch.settle(cpu);
      if (trapped && used && cpu.int(L.SHADOW) !== L.SHADOW_STACK) cpu.setInt(L.PENDING_DEBUG, cpu.int(L.PENDING_DEBUG) | DR6_BS);
    }
    return this.handleExit(cpu, turn, exit);
  }

  /** Must the run loop look at the CPU, after an instruction in which TypeScript has had a hand? */
  needsAttention(cpu: CpuState): boolean {
    const apic = this.machine.apics[cpu.index]!, waits = apic.pendingVector() >= 0, flags = cpu.int(L.FLAGS);
    cpu.setInt(L.EVENT_WAITS, waits ? 1 : 0);
    return cpu.runState !== RunState.Running || cpu.int(L.SHADOW) !== 0 || cpu.int(L.PENDING_DEBUG) !== 0 || cpu.int(L.NMI_PENDING) !== 0
      || (flags & Flag.TF) !== 0 || waits && (flags & Flag.IF) !== 0 || this.machine.isExiting || apic.nextDeadline() !== this.deadline;
  }

  /** Runs translated code. */
  private execute(cpu: CpuState, budget: number): Exit {
    const { machine } = this, { translator } = machine;
    cpu.setInt(L.BUDGET, budget);
    cpu.setInt(L.RESUME_MARK, budget);
    cpu.f64[L.BUDGET_END >> 3] = machine.position + budget;
    cpu.setInt(L.PLAIN_VECTORS, this.hook ? 0 : PLAIN_FAULTS);
    cpu.setInt(L.QUIET_PAGE_FAULTS, this.quietPageFaults);
    this.budget = budget;
    this.active = cpu;
    let exit: Exit;
    try {
      do {
        exit = translator.runtime.run(cpu.base);
        if (exit === Exit.Miss) exit = translator.provide(cpu);
        else if (exit === Exit.Crossing) exit = translator.runCrossing(cpu);
        else if (exit === Exit.Hot) {
          translator.heat(cpu);
          exit = Exit.Next;
        }
      } while (exit === Exit.Next || exit === Exit.Refetch);
    } catch (error) {
      if (!(error instanceof Unimplemented)) throw error;
      translator.stopReason = error;
      exit = Exit.Stop;
    } finally {
      this.active = undefined;
    }
    // An instruction that was not completed leaves no stores to carry out.
    if (exit === Exit.Fault || exit === Exit.Stop) this.machine.mmu.dropPending(cpu.base);
    expireResumeFlag(cpu);
    return exit;
  }

  private handleExit(cpu: CpuState, turn: Turn, exit: Exit): MachineStop | undefined {
    const { machine } = this;
    switch (exit) {
      case Exit.Fault: return this.deliver(cpu, turn, Waiting.Fault);
      case Exit.Breakpoint: {
        // That of a debug register is delivered at the beginning of the next turn.
        if (instructionBreakpoint(cpu)) return undefined;
        const address = cpu.linearRip;
        cpu.set(L.RESUME, address);
        return machine.translator.hasBreakpoint(address) && machine.onBreakpoint(cpu.index, address) ? { kind: 'breakpoint', cpu: cpu.index, address } : undefined;
      }
      case Exit.Stop: return { kind: 'unimplemented', cpu: cpu.index, reason: machine.translator.stopReason!.message };
      default: return undefined;
    }
  }

  /** Delivers an event, which is a step of its own. @param fault an exception, instead of the one in FAULT_* */
  private deliver(cpu: CpuState, turn: Turn, event: Waiting, fault?: GuestFault): MachineStop | undefined {
    const { machine } = this;
    let delivery: Delivery;
    try {
      switch (event) {
        case Waiting.MachineCheck: delivery = deliverMachineCheck(machine, cpu); break;
        case Waiting.DebugTrap: delivery = deliverDebugTrap(machine, cpu); break;
        case Waiting.Nmi: delivery = deliverNmi(machine, cpu); break;
        case Waiting.Interrupt: delivery = deliverInterrupt(machine, cpu, machine.apics[cpu.index]!.acknowledge()); break;
        case Waiting.Fault: delivery = deliverFault(machine, cpu, fault ?? takeFault(cpu)); break;
      }
    } catch (error) {
      if (error instanceof Unimplemented) return { kind: 'unimplemented', cpu: cpu.index, reason: error.message };
      throw error;
    }
    if (delivery === Delivery.Stopped) return { kind: 'exception', cpu: cpu.index, exception: this.stoppedAt! };
    this.passException = undefined;
    cpu.charge(DELIVERY_CYCLES);
    cpu.setInt(L.SHADOW, 0);
    machine.watch.settle(cpu);
    this.complete(cpu, turn, 1);
    return delivery === Delivery.Shutdown ? { kind: 'shutdown', cpu: cpu.index } : undefined;
  }

  private complete(cpu: CpuState, turn: Turn, steps: number): void {
    cpu.steps += steps;
    this.machine.position += steps;
    turn.steps -= steps;
    // Several turns of the one CPU at once: what remains of the last of them.
    if (turn.steps < 0) {
      const { quantum } = this.machine.schedule.spec;
      turn.steps = (turn.steps % quantum + quantum) % quantum;
    }
  }

  private exceptionRaised(record: ExceptionRecord): boolean {
    const pass = this.passException;
    if (pass && pass.cpu === record.cpu && pass.vector === record.vector && pass.rip === record.rip && pass.position === record.position) return false;
    if (!this.hook!(record)) return false;
    this.stoppedAt = record;
    return true;
  }
}
