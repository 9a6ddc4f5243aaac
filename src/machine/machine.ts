import { buildDevices, type Devices } from './devices/devices.js';
import type { Core } from './core.js';
import { exceptionLog, type ExceptionRecord, interruptsOpen, nmiReady } from './cpu/events.js';
import { applyDebugRegisters, debugTrapReady, instructionBreakpointAddresses, noteDataAccesses } from './cpu/debug.js';
import { cpuFeatures, type CpuFeatures } from './cpu/features.js';
import * as L from './cpu/layout.js';
import { RunState } from './cpu/layout.js';
import { DEFAULT_SEED, seedRandom } from './cpu/randomSeed.js';
import { connectMonitors, restoreMonitors, wakesMasked } from './cpu/monitor.js';
import { machineCheckReady, requestMachineCheck } from './cpu/machineCheck.js';
import { resetCpu } from './cpu/reset.js';
import { segmentOrFault } from './cpu/segmentLimit.js';
import { CpuState } from './cpu/state.js';
import { IoPorts } from './devices/ioPorts.js';
import { LocalApic } from './devices/localApic.js';
import { Access } from './memory/access.js';
import { Bus } from './memory/bus.js';
import type { TlbAppetite } from './memory/forgetting.js';
import { GuestMemory } from './memory/guestMemory.js';
import { MAX_CPUS } from './memory/layout.js';
import { Mmu } from './memory/mmu.js';
import { Watch, type WatchHit } from './memory/watch.js';
import { DEFAULT_QUANTUM, Schedule, type ScheduleSpec, type Turn } from './schedule.js';
import { type MachineState, type Snapshot, Snapshots } from './snapshot.js';
import { hashState } from './stateHash.js';
import { Translator } from './translate/translator.js';
import { TurnRunner } from './turnRunner.js';

export interface MachineOptions {
  /** 1 to 8. */
  cpus: number;
  /** RAM in bytes, a multiple of 4 KiB. */
  ramSize: number;
  features?: Partial<CpuFeatures>;
  /** `retain` if left out. */
  tlb?: TlbAppetite;
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
  /** Asked before an exception is delivered: true stops. It comes again unless the run that follows passes it. Undefined: nobody asks. */
  get onException(): ((record: ExceptionRecord) => boolean) | undefined { return this.runner.onException; }
  set onException(hook: ((record: ExceptionRecord) => boolean) | undefined) { this.runner.onException = hook; }

  /**
   * A bit for each error code (0-31) of page faults at CPL 3 that `onException` need not be asked about: they are delivered at full
   * speed. It is asked all the same about one that is the same (RIP, address, general registers) as one of the CPU's last four exceptions.
   */
  get quietPageFaults(): number { return this.runner.quietPageFaults; }
  set quietPageFaults(errors: number) { this.runner.quietPageFaults = errors; }

  /** Holds external interrupts and NMIs off, for comparing single steps with a debugger that does the same. */
  inhibitInterrupts = false;

  private snapshotTree: Snapshots | undefined;
  private turn: Turn | undefined;
  private running = false;
  private readonly runner: TurnRunner;
  private exitCode: number | undefined;
  private exitCpu = 0;

  constructor(options: MachineOptions) {
    if (!Number.isInteger(options.cpus) || options.cpus < 1 || options.cpus > MAX_CPUS) {
      throw new RangeError(`A machine with ${options.cpus} CPUs is not possible: choose 1 to ${MAX_CPUS}.`);
    }
    this.memory = new GuestMemory(options.ramSize);
    this.memory.cpus = options.cpus;
    this.features = cpuFeatures(options.features);
    this.cpus = Array.from({ length: options.cpus }, (_, n) => new CpuState(this.memory.wasm, n));
    const bus = new Bus(this.memory);
    this.mmu = new Mmu(this.memory, bus, this.cpus, options.tlb);
    this.mmu.walker.pages1g = this.features.pages1g;
    this.access = new Access(this.mmu);
    this.watch = new Watch(this);
    this.watch.onDebugRegister = (cpu, hits) => noteDataAccesses(cpu, hits);
    this.access.onWatched = (cpu, lo, hi, size, kind) => this.watch.note(cpu, lo, hi, size, kind);
    this.apics = this.cpus.map(cpu => new LocalApic(this, cpu));
    this.devices = buildDevices(this, bus);
    connectMonitors(this);
    this.schedule = new Schedule(options.schedule ?? { kind: 'round-robin', quantum: DEFAULT_QUANTUM }, options.cpus);
    this.runner = new TurnRunner(this);
    this.translator = new Translator(this, {
      segment: (cpu, segment, offset, kind) => segmentOrFault(cpu, segment, offset, kind), needsAttention: cpu => this.runner.needsAttention(cpu),
    });
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
  now(): number { return this.runner.positionNow() + this.idle; }

  requestExit(code: number): void {
    this.exitCode = code;
    this.exitCpu = this.runner.active?.index ?? 0;
  }

  /** Recent exceptions of a CPU, oldest first. */
  recentExceptions(cpu: number): readonly ExceptionRecord[] { return exceptionLog(this).recent(cpu); }

  /** Where the turn that is under way began, as far as it can be told: for whoever keeps a diary. Decides nothing. */
  turnBegan = 0;

  /** The CPU whose turn it is, or that had the last one. */
  get currentCpu(): number { return this.turn?.cpu ?? Math.max(0, this.schedule.state[0]); }

  /** Runs until `limit` (a position) is reached, which gives undefined, or something stops the machine. */
  run(limit: number): MachineStop | undefined {
    this.runner.begin();
    this.running = true;
    try {
      return this.runTo(limit);
    } finally {
      this.running = false;
    }
  }

  private runTo(limit: number): MachineStop | undefined {
    const over = this.over();
    if (over) return over;
    while (this.position < limit) {
      if (!this.turn || this.turn.steps <= 0 || this.schedule.isHeld(this.turn.cpu)) {
        this.turn = this.schedule.next(cpu => this.isReady(this.cpus[cpu]!));
        this.turnBegan = this.position;
        if (!this.turn) {
          if (!this.skipIdle()) return { kind: 'dead', cpu: 0, reason: this.deadReason() };
          continue;
        }
      }
      const stop = this.runner.run(this.turn, limit);
      if (stop === 'idle') this.turn = undefined;
      else if (stop) return stop;
      if (this.exitCode !== undefined || this.watch.hasStop) return this.over();
    }
    return this.over();
  }

  /**
   * One step of one CPU, held or not, while the others stand still; undefined if it was done. A halted CPU without a pending
   * event does nothing.
   */
  step(cpu: number): MachineStop | undefined {
    if (!this.isReady(this.cpus[cpu]!)) return this.over();
    const turn = this.turn, { schedule } = this, held = schedule.isHeld(cpu);
    if (turn?.cpu !== cpu || turn.steps <= 0) {
      this.turn = { cpu, steps: 1 };
      this.turnBegan = this.position;
    }
    if (held) schedule.hold(cpu, false);
    const stop = this.run(this.position + 1);
    if (held) schedule.hold(cpu, true);
    if (turn && turn.cpu !== cpu) this.turn = turn;
    return stop;
  }

  /** Keeps a CPU from having turns, or lets it have them again. Takes effect before the next instruction; what is meant for it waits. */
  hold(cpu: number, held: boolean): void { this.schedule.hold(cpu, held); }

  /** Raises a machine check on a CPU, before its next instruction: #MC if CR4.MCE is set, else the CPU shuts down. */
  injectMachineCheck(cpu: number): void { requestMachineCheck(this.cpus[cpu]!); }

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
      position: this.position, idle: this.idle, schedule: state, turn: turn && { ...turn }, exitCode: this.exitCode, exitCpu: this.exitCpu,
      stoppedAt: this.runner.stoppedAt, devices: this.devices.save(), exceptions: exceptionLog(this).save(),
    };
  }

  /** For `Snapshots`, after memory has been put back. */
  restoreState(state: MachineState): void {
    this.position = state.position;
    this.idle = state.idle;
    this.schedule.state = state.schedule;
    this.turn = state.turn && { ...state.turn };
    this.turnBegan = state.position;
    this.exitCode = state.exitCode;
    this.exitCpu = state.exitCpu;
    this.runner.restore(state.stoppedAt);
    this.devices.restore(state.devices);
    exceptionLog(this).restore(state.exceptions);
    this.mmu.restored();
    for (const cpu of this.cpus) applyDebugRegisters(this, cpu);
    this.watch.restored();
    restoreMonitors(this);
  }

  /** True once the guest has asked for the end. */
  get isExiting(): boolean { return this.exitCode !== undefined; }

  private over(): MachineStop | undefined {
    if (this.exitCode !== undefined) return { kind: 'exit', cpu: this.exitCpu, code: this.exitCode };
    const dead = this.cpus.find(cpu => cpu.runState === RunState.Shutdown);
    if (dead) return { kind: 'shutdown', cpu: dead.index };
    const watched = this.watch.takeStop();
    return watched && { kind: 'watchpoint', ...watched };
  }

  /** Can the CPU do anything at this moment? */
  private isReady(cpu: CpuState): boolean {
    if (cpu.runState === RunState.Running) return true;
    if (cpu.runState !== RunState.Halted) return false;
    const apic = this.apics[cpu.index]!;
    apic.advance(this.now());
    return machineCheckReady(cpu) || debugTrapReady(cpu) || nmiReady(cpu) || (interruptsOpen(cpu) || wakesMasked(cpu)) && apic.pendingVector() >= 0;
  }

  /** Every CPU waits: lets time pass until a timer is due. False if none ever will be. */
  private skipIdle(): boolean {
    let due = Infinity;
    for (const cpu of this.cpus) {
      if (cpu.runState === RunState.Halted && !this.schedule.isHeld(cpu.index) && (interruptsOpen(cpu) || wakesMasked(cpu))) due = Math.min(due, this.apics[cpu.index]!.wakeTime());
    }
    if (due === Infinity) return false;
    this.idle += Math.max(1, due - this.now());
    return true;
  }

  private deadReason(): string {
    const states = this.cpus.map(cpu => `CPU ${cpu.index} ${this.schedule.isHeld(cpu.index) ? 'is held' : cpu.runState === RunState.WaitForSipi ? 'waits for a start-up IPI'
      : `is halted at 0x${cpu.rip.toString(16)} with interrupts ${interruptsOpen(cpu) ? 'on, but no timer will wake it' : 'off'}`}`);
    return `Nothing can happen any more: ${states.join('; ')}.`;
  }
}
