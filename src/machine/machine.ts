import { buildDevices, type Devices } from './devices/devices.js';
import type { Core } from './core.js';
import { GuestFault, Unimplemented } from './core.js';
import { Delivery, deliverFault, deliverInterrupt, deliverNmi, exceptionLog, type ExceptionRecord, interruptsOpen, nmiReady, takeFault } from './cpu/events.js';
import {
  applyDebugRegisters, debugTrapReady, deliverDebugTrap, DR6_BS, expireResumeFlag, instructionBreakpoint, instructionBreakpointAddresses, noteDataAccesses,
} from './cpu/debug.js';
import { cpuFeatures, type CpuFeatures } from './cpu/features.js';
import * as L from './cpu/layout.js';
import { Flag, RunState } from './cpu/layout.js';
import { DEFAULT_SEED, seedRandom } from './cpu/randomSeed.js';
import { connectMonitors, restoreMonitors, wakesMasked } from './cpu/monitor.js';
import { resetCpu } from './cpu/reset.js';
import { segmentToLinear } from './cpu/segmentLimit.js';
import { CpuState } from './cpu/state.js';
import { IoPorts } from './devices/ioPorts.js';
import { LocalApic } from './devices/localApic.js';
import { Access } from './memory/access.js';
import { Bus } from './memory/bus.js';
import { GuestMemory } from './memory/guestMemory.js';
import { MAX_CPUS } from './memory/layout.js';
import { MemoryKind } from './memory/kind.js';
import { Mmu } from './memory/mmu.js';
import { Watch, type WatchHit } from './memory/watch.js';
import { DEFAULT_QUANTUM, Schedule, type ScheduleSpec, type Turn } from './schedule.js';
import { type MachineState, type Snapshot, Snapshots } from './snapshot.js';
import { hashState } from './stateHash.js';
import { Exit } from './translate/emitter.js';
import { Translator } from './translate/translator.js';

/** Steps that BUDGET, an i32, is given at most. */
const MAX_BUDGET = 2 ** 30;

export interface MachineOptions {
  /** 1 to 8. */
  cpus: number;
  /** RAM in bytes, a multiple of 4 KiB. */
  ramSize: number;
  features?: Partial<CpuFeatures>;
  schedule?: ScheduleSpec;
  /** Decides what RDRAND and RDSEED give: 0 to 2^32 - 1, 1 if left out. */
  seed?: number;
}

/** Why `run` came back before its limit. */
export type MachineStop =
  | { kind: 'breakpoint'; cpu: number; address: bigint }
  | { kind: 'watchpoint'; cpu: number; hits: WatchHit[] }
  | { kind: 'exception'; cpu: number; exception: ExceptionRecord }
  | { kind: 'shutdown'; cpu: number }
  | { kind: 'exit'; cpu: number; code: number }
  | { kind: 'dead'; cpu: number; reason: string }
  | { kind: 'unimplemented'; cpu: number; reason: string };

/**
 * The machine: CPUs that take turns by a schedule, their memory and devices. It is deterministic: image, options and
 * what the outside puts in (console input, NMIs, pokes) at which position decide every byte.
 *
 * Position counts the steps completed machine-wide. A step is an instruction completed (of a REP string instruction one
 * iteration) or an event delivered, so that no state has two positions and a machine that only faults gets on as well.
 */
export class Machine implements Core {
  readonly memory: GuestMemory;
  readonly cpus: readonly CpuState[];
  readonly mmu: Mmu;
  readonly access: Access;
  readonly watch: Watch;
  readonly apics: readonly LocalApic[];
  readonly io = new IoPorts();
  readonly features: CpuFeatures;
  readonly schedule: Schedule;
  readonly devices: Devices;
  readonly translator: Translator;

  /** Steps completed machine-wide. */
  position = 0;
  /** Ticks that passed while every CPU was halted; machine time is position + idle. */
  idle = 0;

  /** Asked at an execution breakpoint, before the instruction: true stops. */
  onBreakpoint: (cpu: number, address: bigint) => boolean = () => true;
  /** Asked before an exception is delivered: true stops. It comes again unless the run that follows passes it. */
  onException: (record: ExceptionRecord) => boolean = () => false;

  /** Holds external interrupts and NMIs off, for comparing single steps with a debugger that does the same. */
  inhibitInterrupts = false;

  private snapshotTree: Snapshots | undefined;
  private turn: Turn | undefined;
  private running = false;
  /** One CPU by turns of equal length: nothing happens between them, so they are run as one. */
  private readonly alone: boolean;
  private exitCode: number | undefined;
  private exitCpu = 0;
  /** The budget of the run of translated code that is under way, and when its CPU's timer is due. */
  private budget = 0;
  private active: CpuState | undefined;
  private deadline = Infinity;
  /** The exception at which the machine has stopped: it is not asked about again. */
  private passException: ExceptionRecord | undefined;
  private stoppedAt: ExceptionRecord | undefined;

  constructor(options: MachineOptions) {
    if (!Number.isInteger(options.cpus) || options.cpus < 1 || options.cpus > MAX_CPUS) {
      throw new RangeError(`A machine with ${options.cpus} CPUs is not possible: choose 1 to ${MAX_CPUS}.`);
    }
    this.memory = new GuestMemory(options.ramSize);
    this.features = cpuFeatures(options.features);
    this.cpus = Array.from({ length: options.cpus }, (_, n) => new CpuState(this.memory.wasm, n));
    const bus = new Bus(this.memory);
    this.mmu = new Mmu(this.memory, bus, this.cpus);
    this.mmu.walker.pages1g = this.features.pages1g;
    this.access = new Access(this.mmu);
    this.watch = new Watch(this);
    this.watch.onDebugRegister = (cpu, hits) => noteDataAccesses(cpu, hits);
    this.access.onWatched = (cpu, lo, hi, size, kind) => this.watch.note(cpu, lo, hi, size, kind);
    this.apics = this.cpus.map(cpu => new LocalApic(this, cpu));
    this.devices = buildDevices(this, bus);
    connectMonitors(this);
    this.schedule = new Schedule(options.schedule ?? { kind: 'round-robin', quantum: DEFAULT_QUANTUM }, options.cpus);
    this.alone = options.cpus === 1 && this.schedule.spec.kind === 'round-robin';
    this.translator = new Translator(this, { segment: (cpu, segment, offset, kind) => this.segment(cpu, segment, offset, kind), needsAttention: cpu => this.needsAttention(cpu) });
    const log = exceptionLog(this);
    log.position = () => this.positionNow();
    log.onException = record => this.exceptionRaised(record);
    for (const cpu of this.cpus) {
      resetCpu(this, cpu);
      seedRandom(cpu, options.seed ?? DEFAULT_SEED);
      cpu.set(L.RESUME, 0xffffffffffffffffn);
    }
  }

  instructionBreakpointsChanged(): void {
    this.translator.setGuestBreakpoints(new Set(this.cpus.flatMap(cpu => instructionBreakpointAddresses(cpu))));
  }

  /** Machine time in ticks: exact at the instruction that asks. */
  now(): number { return this.positionNow() + this.idle; }

  requestExit(code: number): void {
    this.exitCode = code;
    this.exitCpu = this.active?.index ?? 0;
  }

  /** Recent exceptions of a CPU, oldest first. */
  recentExceptions(cpu: number): readonly ExceptionRecord[] { return exceptionLog(this).recent(cpu); }

  /** The CPU whose turn it is, or that had the last one. */
  get currentCpu(): number { return this.turn?.cpu ?? Math.max(0, this.schedule.state[0]); }

  /** Runs until `limit` (a position) is reached, which gives undefined, or something stops the machine. */
  run(limit: number): MachineStop | undefined {
    this.passException = this.stoppedAt;
    this.stoppedAt = undefined;
    this.running = true;
    try {
      return this.runTo(limit);
    } finally {
      this.running = false;
    }
  }

  private runTo(limit: number): MachineStop | undefined {
    while (this.position < limit) {
      const over = this.over();
      if (over) return over;
      if (!this.turn || this.turn.steps <= 0) {
        this.turn = this.schedule.next(cpu => this.isReady(this.cpus[cpu]!));
        if (!this.turn) {
          if (!this.skipIdle()) return { kind: 'dead', cpu: 0, reason: this.deadReason() };
          continue;
        }
      }
      const stop = this.runTurn(this.turn, limit);
      if (stop) return stop;
    }
    return this.over();
  }

  /**
   * One step of one CPU while the others stand still; undefined if it was done. A halted CPU without a pending event
   * does nothing.
   */
  step(cpu: number): MachineStop | undefined {
    if (!this.isReady(this.cpus[cpu]!)) return this.over();
    const turn = this.turn;
    if (turn?.cpu !== cpu || turn.steps <= 0) this.turn = { cpu, steps: 1 };
    const stop = this.run(this.position + 1);
    if (turn && turn.cpu !== cpu) this.turn = turn;
    return stop;
  }

  /** A hash of everything that decides the machine's future, as 16 hex digits. */
  stateHash(): string { return hashState(this, [this.position, this.idle, ...this.schedule.state, this.turn?.cpu ?? -1, this.turn?.steps ?? 0, ...this.devices.save()]); }

  /** The snapshots of this machine. */
  get snapshots(): Snapshots { return this.snapshotTree ??= new Snapshots(this); }

  /**
   * Keeps the state of this position. Between runs, or while `onBreakpoint` or `onException` is asked. Costs what has been
   * written since the last snapshot was taken or restored.
   */
  takeSnapshot(): Snapshot { return this.snapshots.take(); }

  /**
   * Goes back (or forth, or aside) to a snapshot of this machine; between runs only. What goes on from there takes the same course as
   * before if the same comes from outside. Settings of the debugger, such as breakpoints and watchpoints, stay as they are.
   * @throws Error for a snapshot of another machine, for one that has been released, and while the machine runs
   */
  restore(snapshot: Snapshot): void {
    if (this.running) throw new Error('A snapshot cannot be restored while the machine runs: stop it first.');
    this.snapshots.restore(snapshot);
  }

  /** For `Snapshots`: what the machine is besides its memory. */
  saveState(): MachineState {
    const { turn, schedule: { state } } = this;
    return {
      position: this.position, idle: this.idle, schedule: [state[0], state[1]], turn: turn && { ...turn }, exitCode: this.exitCode, exitCpu: this.exitCpu,
      stoppedAt: this.stoppedAt, devices: this.devices.save(), exceptions: exceptionLog(this).save(),
    };
  }

  /** For `Snapshots`, after memory has been put back. */
  restoreState(state: MachineState): void {
    this.position = state.position;
    this.idle = state.idle;
    this.schedule.state = state.schedule;
    this.turn = state.turn && { ...state.turn };
    this.exitCode = state.exitCode;
    this.exitCpu = state.exitCpu;
    this.stoppedAt = state.stoppedAt;
    this.passException = undefined;
    this.devices.restore(state.devices);
    exceptionLog(this).restore(state.exceptions);
    this.mmu.restored();
    for (const cpu of this.cpus) applyDebugRegisters(this, cpu);
    this.watch.restored();
    restoreMonitors(this);
  }

  private positionNow(): number { return this.active ? this.position + this.budget - this.active.int(L.BUDGET) : this.position; }

  private over(): MachineStop | undefined {
    if (this.exitCode !== undefined) return { kind: 'exit', cpu: this.exitCpu, code: this.exitCode };
    const dead = this.cpus.find(cpu => cpu.runState === RunState.Shutdown);
    if (dead) return { kind: 'shutdown', cpu: dead.index };
    const watched = this.watch.takeStop();
    return watched && { kind: 'watchpoint', ...watched };
  }

  private runTurn(turn: Turn, limit: number): MachineStop | undefined {
    const cpu = this.cpus[turn.cpu]!, apic = this.apics[turn.cpu]!;
    apic.advance(this.now());
    const waits = apic.pendingVector() >= 0;
    cpu.setInt(L.EVENT_WAITS, waits ? 1 : 0);
    if (debugTrapReady(cpu)) return this.deliver(cpu, turn, () => deliverDebugTrap(this, cpu));
    if (this.inhibitInterrupts) { /* neither NMI nor interrupt */ }
    else if (nmiReady(cpu)) return this.deliver(cpu, turn, () => deliverNmi(this, cpu));
    else if (waits && interruptsOpen(cpu)) return this.deliver(cpu, turn, () => deliverInterrupt(this, cpu, apic.acknowledge()));
    if (waits && wakesMasked(cpu)) cpu.runState = RunState.Running;
    if (cpu.runState !== RunState.Running) {
      this.turn = undefined;
      return undefined;
    }
    const breakpoint = instructionBreakpoint(cpu);
    if (breakpoint) return this.deliver(cpu, turn, () => deliverFault(this, cpu, breakpoint));
    this.deadline = apic.nextDeadline();
    const shadow = cpu.int(L.SHADOW) !== 0, trap = (cpu.int(L.FLAGS) & Flag.TF) !== 0;
    const budget = shadow || trap ? 1 : Math.min(this.alone ? MAX_BUDGET : turn.steps, limit - this.position, Math.max(1, Math.ceil(this.deadline - this.now())));
    cpu.setInt(L.SINGLE_STEP, trap ? 1 : 0);
    const { exit, used } = this.execute(cpu, turn, budget);
    const trapped = cpu.int(L.SINGLE_STEP) !== 0;
    cpu.setInt(L.SINGLE_STEP, 0);
    if (shadow && used) cpu.setInt(L.SHADOW, 0);
    if (exit === Exit.Fault || exit === Exit.Stop) {
      this.watch.drop(cpu);
      // The same instruction will meet them again, or its fault takes precedence over what MOV SS has held.
      cpu.setInt(L.PENDING_DEBUG, 0);
    } else {
      this.watch.settle(cpu);
      if (trapped && used && cpu.int(L.SHADOW) !== L.SHADOW_STACK) cpu.setInt(L.PENDING_DEBUG, cpu.int(L.PENDING_DEBUG) | DR6_BS);
    }
    return this.handleExit(cpu, turn, exit);
  }

  /** Runs translated code and accounts for what it has completed. */
  private execute(cpu: CpuState, turn: Turn, budget: number): { exit: Exit; used: number } {
    cpu.setInt(L.BUDGET, budget);
    cpu.setInt(L.RESUME_MARK, budget);
    this.budget = budget;
    this.active = cpu;
    let exit: Exit;
    try {
      do {
        exit = this.translator.runtime.run(cpu.base);
        if (exit === Exit.Miss) exit = this.translator.provide(cpu);
        else if (exit === Exit.Crossing) exit = this.translator.runCrossing(cpu);
        else if (exit === Exit.Hot) {
          this.translator.heat(cpu);
          exit = Exit.Next;
        }
      } while (exit === Exit.Next || exit === Exit.Refetch);
    } catch (error) {
      if (!(error instanceof Unimplemented)) throw error;
      this.translator.stopReason = error;
      exit = Exit.Stop;
    } finally {
      this.active = undefined;
    }
    expireResumeFlag(cpu);
    const used = budget - cpu.int(L.BUDGET);
    this.complete(cpu, turn, used);
    return { exit, used };
  }

  private handleExit(cpu: CpuState, turn: Turn, exit: Exit): MachineStop | undefined {
    switch (exit) {
      case Exit.Fault: return this.deliver(cpu, turn, () => deliverFault(this, cpu, takeFault(cpu)));
      case Exit.Breakpoint: {
        // That of a debug register is delivered at the beginning of the next turn.
        if (instructionBreakpoint(cpu)) return undefined;
        const address = cpu.linearRip;
        cpu.set(L.RESUME, address);
        return this.translator.hasBreakpoint(address) && this.onBreakpoint(cpu.index, address) ? { kind: 'breakpoint', cpu: cpu.index, address } : undefined;
      }
      case Exit.Stop: return { kind: 'unimplemented', cpu: cpu.index, reason: this.translator.stopReason!.message };
      default: return undefined;
    }
  }

  /** Delivers an event, which is a step of its own. */
  private deliver(cpu: CpuState, turn: Turn, event: () => Delivery): MachineStop | undefined {
    let delivery: Delivery;
    try {
      delivery = event();
    } catch (error) {
      if (error instanceof Unimplemented) return { kind: 'unimplemented', cpu: cpu.index, reason: error.message };
      throw error;
    }
    if (delivery === Delivery.Stopped) return { kind: 'exception', cpu: cpu.index, exception: this.stoppedAt! };
    this.passException = undefined;
    cpu.setInt(L.SHADOW, 0);
    this.watch.settle(cpu);
    this.complete(cpu, turn, 1);
    return delivery === Delivery.Shutdown ? { kind: 'shutdown', cpu: cpu.index } : undefined;
  }

  private complete(cpu: CpuState, turn: Turn, steps: number): void {
    cpu.steps += steps;
    this.position += steps;
    turn.steps -= steps;
    // Several turns of the one CPU at once: what remains of the last of them.
    if (turn.steps < 0) turn.steps = (turn.steps % this.schedule.spec.quantum + this.schedule.spec.quantum) % this.schedule.spec.quantum;
  }

  private exceptionRaised(record: ExceptionRecord): boolean {
    const pass = this.passException;
    if (pass && pass.cpu === record.cpu && pass.vector === record.vector && pass.rip === record.rip && pass.position === record.position) return false;
    if (!this.onException(record)) return false;
    this.stoppedAt = record;
    return true;
  }

  /** Can the CPU do anything at this moment? */
  private isReady(cpu: CpuState): boolean {
    if (cpu.runState === RunState.Running) return true;
    if (cpu.runState !== RunState.Halted) return false;
    const apic = this.apics[cpu.index]!;
    apic.advance(this.now());
    return debugTrapReady(cpu) || nmiReady(cpu) || (interruptsOpen(cpu) || wakesMasked(cpu)) && apic.pendingVector() >= 0;
  }

  /** Every CPU waits: lets time pass until a timer is due. False if none ever will be. */
  private skipIdle(): boolean {
    let due = Infinity;
    for (const cpu of this.cpus) {
      if (cpu.runState === RunState.Halted && (interruptsOpen(cpu) || wakesMasked(cpu))) due = Math.min(due, this.apics[cpu.index]!.wakeTime());
    }
    if (due === Infinity) return false;
    this.idle += Math.max(1, due - this.now());
    return true;
  }

  private deadReason(): string {
    const states = this.cpus.map(cpu => `CPU ${cpu.index} ${cpu.runState === RunState.WaitForSipi ? 'waits for a start-up IPI'
      : `is halted at 0x${cpu.rip.toString(16)} with interrupts ${interruptsOpen(cpu) ? 'on, but no timer will wake it' : 'off'}`}`);
    return `Nothing can happen any more: ${states.join('; ')}.`;
  }

  private needsAttention(cpu: CpuState): boolean {
    const apic = this.apics[cpu.index]!, waits = apic.pendingVector() >= 0;
    cpu.setInt(L.EVENT_WAITS, waits ? 1 : 0);
    return cpu.runState !== RunState.Running || this.exitCode !== undefined || cpu.int(L.SHADOW) !== 0 || cpu.int(L.PENDING_DEBUG) !== 0 || cpu.int(L.NMI_PENDING) !== 0
      || (cpu.int(L.FLAGS) & (Flag.IF | Flag.TF)) !== 0 && ((cpu.int(L.FLAGS) & Flag.TF) !== 0 || waits)
      || apic.nextDeadline() !== this.deadline;
  }

  private segment(cpu: CpuState, segment: number, offset: number, kind: number): number {
    try {
      return segmentToLinear(cpu, segment, offset >>> 0, kind & 0xff, (kind & MemoryKind.Write) !== 0);
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      cpu.setInt(L.FAULT_VECTOR, error.vector);
      cpu.setInt(L.FAULT_ERROR, 0);
      cpu.setInt(L.FAULT_HAS_ERROR, 1);
      return -1;
    }
  }
}
