import type { Core } from '../core.js';
import { GuestFault, Vector } from '../core.js';
import { ExceptionRing } from './exceptionRing.js';
import * as L from './layout.js';
import type { CpuState } from './state.js';

/** An exception as it was raised, with the state of that moment. */
export interface ExceptionRecord {
  cpu: number;
  vector: number;
  errorCode?: number;
  /** Linear address of a page fault. */
  address?: bigint;
  /** Address of the instruction that raised it. */
  rip: bigint;
  cpl: number;
  cr3: bigint;
  /** The machine's position when it was raised. */
  position: number;
}

/** BD of DR6. */
const GENERAL_DETECT = 1n << 13n;
const NOBODY = (): boolean => false;

/** What a machine remembers of exceptions, for who watches it. It does not influence the machine. */
export class ExceptionLog {
  private readonly rings: readonly ExceptionRing[];
  private hook: (record: ExceptionRecord) => boolean = NOBODY;
  /** The machine's position; by default the steps of all CPUs. */
  position: () => number;

  constructor(core: Core) {
    this.rings = core.cpus.map(cpu => new ExceptionRing(cpu));
    this.position = () => core.cpus.reduce((sum, cpu) => sum + cpu.steps, 0);
  }

  /** Asked before each delivery; true leaves the machine as it is, for a debugger to look at. Undefined: nobody asks, which is quickest. */
  get onException(): (record: ExceptionRecord) => boolean { return this.hook; }
  set onException(hook: ((record: ExceptionRecord) => boolean) | undefined) { this.hook = hook ?? NOBODY; }
  /** True if somebody wants to hear of exceptions before they are delivered. */
  get isWatched(): boolean { return this.hook !== NOBODY; }

  /** The last 32 exceptions of a CPU, oldest first. */
  recent(cpu: number): readonly ExceptionRecord[] {
    return this.rings[cpu]!.list().map(({ vector, errorCode, address, rip, cpl, cr3, position }) =>
      ({ cpu, vector, errorCode, address: vector === Vector.PF ? address : undefined, rip, cpl, cr3, position }));
  }

  /** Notes an exception that the CPU is about to deliver. */
  note(cpu: CpuState, vector: number, errorCode: number | undefined, low: number, high: number): void {
    this.rings[cpu.index]!.note(vector, errorCode !== undefined, errorCode ?? 0, low, high, this.position());
  }
  /** Takes back the last `note` of the CPU. */
  retract(cpu: CpuState): void { this.rings[cpu.index]!.retract(); }

  clear(): void { for (const ring of this.rings) ring.clear(); }

  /** What is remembered, for a snapshot. */
  save(): readonly (readonly number[])[] { return this.rings.map(ring => ring.save()); }
  restore(saved: readonly (readonly number[])[]): void { this.rings.forEach((ring, n) => ring.restore(saved[n]!)); }
}

const logs = new WeakMap<Core, ExceptionLog>();

/** The exception log of a machine. */
export function exceptionLog(core: Core): ExceptionLog {
  let log = logs.get(core);
  if (!log) logs.set(core, log = new ExceptionLog(core));
  return log;
}

export function describeFault(core: Core, cpu: CpuState, fault: GuestFault): ExceptionRecord {
  return {
    cpu: cpu.index, vector: fault.vector, errorCode: fault.errorCode, address: fault.vector === Vector.PF ? fault.address : undefined,
    rip: cpu.rip, cpl: cpu.cpl, cr3: cpu.get(L.CR3), position: exceptionLog(core).position(),
  };
}

/** Classes by which a second exception during delivery is judged (SDM Vol. 3A, table 6-4). */
export const enum FaultClass { Benign, Contributory, PageFault, DoubleFault }

export function faultClass(vector: number): FaultClass {
  switch (vector) {
    case Vector.DE: case Vector.TS: case Vector.NP: case Vector.SS: case Vector.GP: return FaultClass.Contributory;
    case Vector.PF: return FaultClass.PageFault;
    case Vector.DF: return FaultClass.DoubleFault;
    default: return FaultClass.Benign;
  }
}

/** What happens if `second` is raised while `first` is being delivered (SDM Vol. 3A, table 6-5). */
export function combine(first: FaultClass, second: FaultClass): 'serial' | 'double' | 'shutdown' {
  if (first === FaultClass.DoubleFault) return 'shutdown';
  if (first === FaultClass.Contributory && second === FaultClass.Contributory) return 'double';
  if (first === FaultClass.PageFault && (second === FaultClass.Contributory || second === FaultClass.PageFault)) return 'double';
  return 'serial';
}

/** Faults push RFLAGS with RF set, so that a restarted instruction does not hit its breakpoint again; traps and interrupts do not (SDM Vol. 3B, 17.3.1.1). */
export function pushesResumeFlag(fault: GuestFault): boolean {
  switch (fault.vector) {
    // Of the debug exceptions only general detect is a fault that RF does not concern.
    case Vector.DB: return ((fault.address ?? 0n) & GENERAL_DETECT) !== 0n;
    case Vector.NMI: case Vector.BP: case Vector.OF: case Vector.MC: return false;
    default: return fault.vector < 32;
  }
}
