import { loadKernel } from '../machine/boot/loadKernel.js';
import * as L from '../machine/cpu/layout.js';
import type { CpuState } from '../machine/cpu/state.js';
import { Machine } from '../machine/machine.js';
import type { MachineStop } from '../machine/machine.js';
import { RAM_BASE } from '../machine/memory/layout.js';
import { Alarms } from './alarms.js';
import { milliseconds } from './clock.js';
import { disassembleBytes } from './disassembler.js';
import { ExecutionPoints } from './executionPoints.js';
import { GuestConsole } from './guestConsole.js';
import { bitnessOf, cpuInfo } from './machineCpu.js';
import { readRegister, registerGroups, registerSource, writeRegister } from './machineRegisters.js';
import type {
  CpuInfo,
  DisassembledInstruction,
  ExceptionInfo,
  ProbeListener,
  RegisterGroup,
  RegisterSource,
  RunOptions,
  Stop,
  Target,
  TargetBreakpoint,
  TargetConfiguration,
  TargetWatchpoint,
  TlbEntry,
} from './target.js';

/** A run comes back to the host's event loop after so many milliseconds, so that `pause` and console input get through. */
const SLICE_MS = 12;
/** Steps between two looks at the clock: few at first, and the more the faster the guest runs, so that looking costs little. */
const STRIDE = 20_000;
const LONGEST_STRIDE = 2_000_000;
/** A stride that took less is doubled, one that took four times as long is halved. */
const STRIDE_MS = 0.5;
/** While the guest only waits, a rest of this length follows every few timer ticks, or an idle guest would keep a host CPU busy. */
const IDLE_REST_MS = 30;
/** The guest only waits when so many times more ticks pass idle than are spent on instructions. */
const IDLE_RATIO = 20;

/** Makes a machine and loads the kernel. Throws an Error for the user when that is not possible. */
export async function createMachineTarget(configuration: TargetConfiguration): Promise<Target> {
  const { schedule, quantum, features } = configuration;
  const machine = new Machine({
    cpus: configuration.cpus,
    ramSize: configuration.ramSize,
    features,
    tlb: configuration.tlb,
    seed: configuration.seed,
    schedule: schedule.kind === 'random' ? { kind: 'random', quantum, seed: schedule.seed } : { kind: 'round-robin', quantum },
  });
  loadKernel(machine, configuration.image, { name: configuration.imageName, commandLine: configuration.commandLine, modules: configuration.modules });
  const target = new MachineTarget(machine);
  if (configuration.consoleInput) target.consoleInput(configuration.consoleInput);
  return Promise.resolve(target);
}

/** The emulated machine as a target. */
export class MachineTarget implements Target {
  private readonly points: ExecutionPoints;
  private readonly watchpoints = new Map<number, TargetWatchpoint>();
  private readonly alarms = new Alarms();
  /** How far the machine has been told to run; and that a probe has set an alarm for before that, so that it must be told anew. */
  private runsTo = -Infinity;
  private isCut = false;
  private readonly console = new GuestConsole();
  private isRunning = false;
  private pauseRequested = false;
  /** The CPU that the last stop was about: it passes the breakpoint that it stands at. */
  private stoppedCpu: number | undefined;

  constructor(readonly machine: Machine) {
    this.points = new ExecutionPoints(machine);
    machine.onBreakpoint = (cpu, address) => {
      const stops = this.points.reached(cpu, address);
      if (stops) this.isCut = false;
      return stops || this.isCut;
    };
    machine.devices.uart.onOutput = bytes => this.console.write(bytes);
  }

  get cpuCount(): number {
    return this.machine.cpus.length;
  }
  get ramSize(): number {
    return this.machine.memory.ramSize;
  }
  get position(): number {
    return this.machine.position;
  }
  get turnBegan(): number {
    return this.machine.turnBegan;
  }
  get running(): boolean {
    return this.isRunning;
  }

  cpu(index: number): CpuInfo {
    return cpuInfo(this.state(index));
  }

  tlb(cpu: number): readonly TlbEntry[] {
    return this.machine.mmu.entries(this.machine.cpus[cpu]!);
  }

  registers(cpu: number): RegisterGroup[] {
    return registerGroups(this.state(cpu));
  }
  readRegister(cpu: number, name: string): bigint | undefined {
    return readRegister(this.state(cpu), name);
  }
  registerSource(cpu: number, name: string): RegisterSource | undefined {
    return registerSource(this.state(cpu), name);
  }
  writeRegister(cpu: number, name: string, value: bigint): void {
    writeRegister(this.machine, this.state(cpu), name, value);
  }

  readMemory(cpu: number, address: bigint, size: number, root?: bigint): Uint8Array | undefined {
    const bytes = this.machine.mmu.readLinear(this.state(cpu), address, size, rootNumber(root));
    return bytes.length === size ? bytes : undefined;
  }

  writeMemory(cpu: number, address: bigint, data: Uint8Array, root?: bigint): boolean {
    // All or nothing: what is written must be readable first.
    if (!this.readMemory(cpu, address, data.length, root)) return false;
    return this.machine.mmu.writeLinear(this.state(cpu), address, data, rootNumber(root)) === data.length;
  }

  readPhysical(address: number, size: number): Uint8Array | undefined {
    return this.machine.memory.isRam(address, size) ? this.machine.memory.read(address, size) : undefined;
  }

  physicalView(): DataView {
    return new DataView(this.machine.memory.wasm.buffer, RAM_BASE, this.ramSize);
  }

  disassemble(cpu: number, address: bigint, count: number, root?: bigint): DisassembledInstruction[] {
    const state = this.state(cpu);
    const bytes = this.machine.mmu.readLinear(state, address, count * 15, rootNumber(root));
    return disassembleBytes(bytes, address, count, bitnessOf(state));
  }

  setBreakpoints(breakpoints: readonly TargetBreakpoint[]): void {
    this.points.setBreakpoints(breakpoints);
  }

  setWatchpoints(watchpoints: readonly TargetWatchpoint[]): void {
    this.machine.watch.set(
      'all',
      'debugger',
      watchpoints.map(({ id, address, size, read, write }) => ({ id, linear: address, length: size, read, write, source: 'debugger' })),
    );
    this.watchpoints.clear();
    for (const one of watchpoints) this.watchpoints.set(one.id, one);
  }

  addProbe(address: bigint, listener: ProbeListener): { dispose(): void } {
    return this.points.addProbe(address, listener);
  }

  addAlarm(position: number, listener: () => unknown): { dispose(): void } {
    if (position < this.runsTo) this.isCut = true;
    return this.alarms.add(position, listener);
  }

  setExceptionStops(filter: (exception: ExceptionInfo) => boolean, quietPageFaults = 0): void {
    this.machine.onException = filter;
    this.machine.quietPageFaults = quietPageFaults;
  }

  async run(options: RunOptions = {}): Promise<Stop> {
    if (this.isRunning) throw new Error('The machine runs already.');
    this.isRunning = true;
    this.pauseRequested = false;
    try {
      if (this.stoppedCpu !== undefined) this.points.pass(this.stoppedCpu);
      const stop = await this.runSlices(options);
      // Nobody has been told yet of a point that the CPU has come to at the very end of a run.
      this.stoppedCpu = stop.kind === 'limit' || stop.kind === 'pause' ? undefined : stop.cpu;
      return stop;
    } finally {
      this.isRunning = false;
      this.console.flush();
    }
  }

  pause(): void {
    this.pauseRequested = true;
  }

  step(cpu: number): Stop {
    this.points.pass(cpu);
    this.alarms.ring(this.position);
    const stop = this.machine.step(cpu);
    const told = stop && this.translateStop(stop);
    this.console.flush();
    this.stoppedCpu = told?.cpu ?? cpu;
    return told ?? { kind: 'step', cpu };
  }

  injectNmi(cpu: number): void {
    this.state(cpu).setInt(L.NMI_PENDING, 1);
  }

  injectMachineCheck(cpu: number): void {
    this.machine.injectMachineCheck(this.state(cpu).index);
  }
  hold(cpu: number, held: boolean): void {
    this.machine.hold(this.state(cpu).index, held);
  }
  isHeld(cpu: number): boolean {
    return this.machine.schedule.isHeld(cpu);
  }

  consoleInput(text: string): void {
    this.machine.devices.uart.feed(new TextEncoder().encode(text));
  }
  onConsole(listener: (text: string) => void): void {
    this.console.listen(listener);
  }
  recentExceptions(cpu: number): readonly ExceptionInfo[] {
    return this.machine.recentExceptions(cpu);
  }
  stateHash(): string {
    return this.machine.stateHash();
  }

  private state(cpu: number): CpuState {
    const state = this.machine.cpus[cpu];
    if (!state) throw new RangeError(`There is no CPU ${cpu}; the machine has CPUs 0 to ${this.cpuCount - 1}.`);
    return state;
  }

  private async runSlices(options: RunOptions): Promise<Stop> {
    const limit = options.until ?? Infinity;
    const { machine } = this;
    let stride = STRIDE;
    for (;;) {
      const start = milliseconds();
      let isIdle = false, now = start;
      do {
        if (this.position >= limit) return { kind: 'limit', cpu: machine.currentCpu };
        const { position, idle } = machine;
        const stop = options.follow || options.each
          ? this.stepSlice(options, limit)
          : this.machineStop(Math.min(limit, position + stride));
        if (stop) return stop;
        isIdle = options.restWhenIdle === true && machine.idle - idle > IDLE_RATIO * (machine.position - position);
        const took = milliseconds() - now;
        now += took;
        // How many steps a stride has decides nothing of the machine's course.
        if (isIdle) stride = STRIDE;
        else if (took < STRIDE_MS) stride = Math.min(LONGEST_STRIDE, 2 * stride);
        else if (took > 4 * STRIDE_MS) stride = Math.max(STRIDE, stride >> 1);
      } while (!isIdle && now - start < SLICE_MS && !this.pauseRequested);
      this.console.flush();
      if (this.pauseRequested) return { kind: 'pause', cpu: machine.currentCpu };
      await rest(isIdle ? IDLE_REST_MS : 0);
      if (this.pauseRequested) return { kind: 'pause', cpu: this.machine.currentCpu };
    }
  }

  /** Runs on to a position, over watchpoints whose conditions are false. */
  private machineStop(until: number): Stop | undefined {
    for (;;) {
      if (this.alarms.ring(this.position)) return { kind: 'probe', cpu: this.machine.currentCpu };
      this.isCut = false;
      this.runsTo = Math.min(until, this.alarms.next);
      const stop = this.machine.run(this.runsTo);
      this.runsTo = -Infinity;
      if (stop?.kind === 'breakpoint' && this.isCut) {
        this.points.pass(stop.cpu);
        continue;
      }
      const told = stop && this.translateStop(stop);
      if (told) return told;
      if (!stop && this.position >= until) return undefined;
    }
  }

  /** Runs by the schedule one step at a time, and asks after each step who wants to know of it. */
  private stepSlice({ follow, each }: RunOptions, limit: number): Stop | undefined {
    const cpu = follow && this.state(follow.cpu);
    for (let n = 0; n < 1000 && this.position < limit; n++) {
      const before = cpu?.steps;
      const stop = this.machineStop(this.position + 1);
      if (stop) return stop;
      if (each?.(this.machine.currentCpu)) return { kind: 'probe', cpu: this.machine.currentCpu };
      if (cpu && cpu.steps !== before && follow.stop()) return { kind: 'step', cpu: follow.cpu };
    }
    return undefined;
  }

  /** The stop in the debugger's words; undefined for watchpoints none of which wants to stop. */
  private translateStop(stop: MachineStop): Stop | undefined {
    if (stop.kind === 'watchpoint') {
      const stops = [...new Set(stop.hits.map(hit => hit.id))].filter(id => this.watchpoints.get(id)?.condition?.(stop.cpu) ?? true);
      return stops.length > 0 ? { ...stop, hits: stop.hits.filter(hit => stops.includes(hit.id)) } : undefined;
    }
    if (stop.kind === 'breakpoint' && this.points.probeStops) return { kind: 'probe', cpu: stop.cpu };
    if (stop.kind === 'shutdown') {
      // All at one position: what was raised, what its delivery raised (perhaps twice), the double fault, and what its delivery raised.
      const recent = this.machine.recentExceptions(stop.cpu);
      return { ...stop, exceptions: recent.slice(-5).filter(one => one.position === recent.at(-1)!.position) };
    }
    return stop;
  }
}

/** The root's number for the MMU: bits 51:12 of a CR3 value. */
function rootNumber(root: bigint | undefined): number | undefined {
  return root === undefined ? undefined : Number(root & 0x000f_ffff_ffff_f000n);
}

/** Gives the host's event loop a turn. */
function rest(milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    const immediate = (globalThis as { setImmediate?: (callback: () => void) => void }).setImmediate;
    if (milliseconds === 0 && immediate) immediate(resolve);
    else setTimeout(resolve, milliseconds);
  });
}
