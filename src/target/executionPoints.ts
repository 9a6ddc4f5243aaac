import * as L from '../machine/cpu/layout.js';
import type { Machine } from '../machine/machine.js';
import type { ProbeListener, TargetBreakpoint } from './target.js';

/** Addresses at which somebody wants to hear of a CPU that comes there: breakpoints, which may stop the machine, and probes, which watch. */
export class ExecutionPoints {
  private readonly breakpoints = new Map<bigint, TargetBreakpoint>();
  /** At the last arrival a probe has asked for a stop, whatever breakpoint is there as well. */
  probeStops = false;
  private readonly probes = new Map<bigint, Set<ProbeListener>>();

  /** The arrival of which probes have been told last: the CPU, where it was and how far. */
  private told: { cpu: number; address: bigint; steps: number } | undefined;

  constructor(private readonly machine: Machine) {}

  /** Replaces all breakpoints. */
  setBreakpoints(breakpoints: readonly TargetBreakpoint[]): void {
    this.breakpoints.clear();
    for (const one of breakpoints) this.breakpoints.set(one.address, one);
    this.install();
  }

  addProbe(address: bigint, listener: ProbeListener): { dispose(): void } {
    const listeners = this.probes.get(address) ?? new Set();
    listeners.add(listener);
    this.probes.set(address, listeners);
    this.install();
    return {
      dispose: () => {
        listeners.delete(listener);
        if (listeners.size === 0) this.probes.delete(address);
        this.install();
      },
    };
  }

  /** A CPU has come to an address: tells the probes. @returns whether a breakpoint there, or a probe, wants to stop */
  reached(cpu: number, address: bigint): boolean {
    this.tell(cpu, address);
    const breakpoint = this.breakpoints.get(address);
    return breakpoint !== undefined && (breakpoint.condition?.(cpu) ?? true) || this.probeStops;
  }

  /** Lets a CPU run the instruction that it stands at although a point is on it. Probes that have not heard of it, since it was stepped there, do now. */
  pass(index: number): void {
    const cpu = this.machine.cpus[index]!, address = cpu.linearRip, { told } = this;
    if (this.probes.has(address) && !(told?.cpu === index && told.address === address && told.steps === cpu.steps)) this.tell(index, address);
    if (this.breakpoints.has(address) || this.probes.has(address)) cpu.set(L.RESUME, address);
  }

  private tell(cpu: number, address: bigint): void {
    this.told = { cpu, address, steps: this.machine.cpus[cpu]!.steps };
    this.probeStops = false;
    // A copy: a listener may take itself away or add another, which is for the next time.
    for (const listener of [...this.probes.get(address) ?? []]) if (listener(cpu) === 'stop') this.probeStops = true;
  }

  private install(): void {
    this.machine.translator.setBreakpoints(new Set([...this.breakpoints.keys(), ...this.probes.keys()]));
  }
}
