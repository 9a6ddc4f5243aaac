import type { Core } from '../core.js';
import * as L from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import {
  ApicError, ApicRegister, highest, isReadable, LVT_MASKED, LVT_MODE_SHIFT, LVT_TSC_DEADLINE, LVT_WRITABLE, MODE_EXTERNAL, MODE_FIXED, MODE_NMI, SVR_ENABLED, VERSION, words,
} from './apicRegisters.js';
import { ApicTimer, TimerMode } from './apicTimer.js';
import { sendIpi } from './interprocessorInterrupt.js';

/** What `pendingVector` gives for an interrupt whose vector the 8259s will tell when it is acknowledged. */
const EXTERNAL_VECTOR = 0x100;
/** The interrupts from outside of the local APICs: the 8259s at LINT0, and the I/O APIC, which hears of ends of level-triggered interrupts. */
export interface ExternalInterrupts {
  /** True while the 8259s ask for an interrupt. */
  readonly asserted: boolean;
  /** Machine time at which a line may change by itself; Infinity if none will. */
  readonly deadline: number;
  advance(now: number): void;
  /** Could what happens at `deadline` give this APIC's CPU an interrupt? */
  wakes(apic: LocalApic): boolean;
  /** Takes the interrupt and gives its vector. */
  acknowledge(): number;
  /** Takes back the last `acknowledge`. */
  retract(): void;
  endOfInterrupt(vector: number): void;
}

/**
 * The local APIC of one CPU (SDM Vol. 3A, chapter 10), in xAPIC and x2APIC mode. Its time is the machine's: one tick of
 * `core.now()` is one clock of the timer at divide 1. LINT0 is connected
 * to the 8259s' output, LINT1 to nothing.
 */
export class LocalApic {
  readonly timer = new ApicTimer();
  private readonly registers = new Uint32Array(0x40);
  /** Errors seen since the last write to ESR, which makes them readable. */
  private errors = 0;
  /** Bit n is set if IRR (ISR) word n is not zero: most of the time both are. */
  private irrWords = 0;
  private isrWords = 0;
  private external: ExternalInterrupts | undefined;
  /** The interrupt that was acknowledged last came from the 8259s. */
  private tookExternal = false;

  constructor(private readonly core: Core, readonly cpu: CpuState) { this.reset(); }

  /** The APIC ID: the CPU's number. */
  get id(): number { return this.cpu.index; }
  get enabled(): boolean { return (this.cpu.int(L.APIC_BASE) & 1 << 11) !== 0; }
  get x2apic(): boolean { return (this.cpu.int(L.APIC_BASE) & 3 << 10) === 3 << 10; }
  get softwareEnabled(): boolean { return (this.registers[ApicRegister.Svr]! & SVR_ENABLED) !== 0; }

  /** State after power-up or INIT (SDM Vol. 3A, 10.4.7.1 and 10.4.7.3). */
  reset(): void {
    const r = this.registers;
    r.fill(0);
    r[ApicRegister.Id] = this.id << 24;
    r[ApicRegister.Version] = VERSION;
    r[ApicRegister.Dfr] = 0xffffffff;
    r[ApicRegister.Svr] = 0xff;
    for (let n = ApicRegister.LvtTimer; n <= ApicRegister.LvtError; n++) r[n] = LVT_MASKED;
    this.errors = 0;
    this.irrWords = this.isrWords = 0;
    this.timer.restore(new Array<number>(ApicTimer.stateLength).fill(0));
    this.cpu.set(L.CR8, 0n);
    this.cpu.set(L.TSC_DEADLINE, 0n);
  }

  /** The register without effects, for views. */
  peek(register: number): number {
    switch (register) {
      case ApicRegister.Ppr: return this.processorPriority();
      case ApicRegister.Ldr: return this.x2apic ? logicalX2Id(this.id) : this.registers[register]!;
      case ApicRegister.Id: return this.x2apic ? this.id : this.registers[register]!;
      case ApicRegister.InitialCount: return this.timer.initialCount;
      case ApicRegister.CurrentCount: return this.timer.current(this.core.now());
      case ApicRegister.Divide: return this.timer.divideConfiguration;
      default: return this.registers[register] ?? 0;
    }
  }

  /** Reads a register; one that does not exist is an error in ESR (xAPIC). */
  read(register: number): number {
    if (!isReadable(register)) { this.raiseError(ApicError.IllegalRegister); return 0; }
    if (register === ApicRegister.CurrentCount) this.advance(this.core.now());
    return this.peek(register);
  }

  /** Writes a register; one that does not exist is an error in ESR (xAPIC). In xAPIC mode a write to ICR takes its destination from IcrHigh. */
  write(register: number, value: number): void {
    const r = this.registers;
    switch (register) {
      case ApicRegister.Tpr: this.setTaskPriority(value); break;
      case ApicRegister.Eoi: this.endOfInterrupt(); break;
      case ApicRegister.Ldr: r[register] = value & 0xff000000; break;
      case ApicRegister.Dfr: r[register] = value | 0x0fffffff; break;
      case ApicRegister.Svr:
        r[register] = value & 0x3ff;
        // Disabled by software: all LVT entries are masked (SDM Vol. 3A, 10.4.7.2).
        if (!this.softwareEnabled) for (let n = ApicRegister.LvtTimer; n <= ApicRegister.LvtError; n++) r[n]! |= LVT_MASKED;
        break;
      case ApicRegister.Esr: r[register] = this.errors; this.errors = 0; break;
      case ApicRegister.Icr:
        r[register] = value & 0x000ccfff;
        sendIpi(this.core, this, value, this.x2apic ? r[ApicRegister.IcrHigh]! : r[ApicRegister.IcrHigh]! >>> 24);
        break;
      case ApicRegister.IcrHigh: r[register] = this.x2apic ? value : value & 0xff000000; break;
      case ApicRegister.LvtTimer: case ApicRegister.LvtThermal: case ApicRegister.LvtPerformance:
      case ApicRegister.LvtLint0: case ApicRegister.LvtLint1: case ApicRegister.LvtError:
        // What expired under the old setting has expired.
        this.advance(this.core.now());
        r[register] = value & LVT_WRITABLE[register]! | (this.softwareEnabled ? 0 : LVT_MASKED);
        if (register === ApicRegister.LvtTimer) this.setTimerMode();
        break;
      case ApicRegister.InitialCount: this.advance(this.core.now()); this.timer.load(value >>> 0, this.core.now()); break;
      case ApicRegister.Divide: this.advance(this.core.now()); this.timer.setDivide(value, this.core.now()); break;
      case ApicRegister.Id: r[register] = this.id << 24; break; // fixed by this machine, as on newer processors
      default: this.raiseError(ApicError.IllegalRegister);
    }
  }

  private setTimerMode(): void {
    const r = this.registers, timer = ApicRegister.LvtTimer;
    if (!this.core.features.tscDeadline) r[timer]! &= ~LVT_TSC_DEADLINE;
    const mode = r[timer]! >> LVT_MODE_SHIFT & 3;
    this.timer.mode = mode === 3 ? TimerMode.OneShot : mode;
    if (this.timer.deadline === Infinity) this.cpu.set(L.TSC_DEADLINE, 0n);
  }

  /**
   * IA32_TSC_DEADLINE (SDM Vol. 3A, 10.5.4.1): the timer expires when the time stamp counter reaches the value; 0 disarms it. In other modes
   * a write does nothing. Also to be called when the counter has been written.
   */
  setTscDeadline(value: bigint, timeStamp: bigint): void {
    const now = this.core.now();
    this.advance(now);
    if (this.timer.mode !== TimerMode.TscDeadline) return;
    this.cpu.set(L.TSC_DEADLINE, value);
    this.timer.expireAt(value === 0n ? Infinity : value <= timeStamp ? now : now + Number(value - timeStamp));
  }

  setTaskPriority(value: number): void {
    this.registers[ApicRegister.Tpr] = value & 0xff;
    this.cpu.set(L.CR8, BigInt(value >>> 4 & 15));
  }
  get taskPriority(): number { return this.registers[ApicRegister.Tpr]!; }

  /** PPR: the higher class of TPR and the interrupt in service (SDM Vol. 3A, 10.8.3.1). */
  processorPriority(): number {
    const tpr = this.registers[ApicRegister.Tpr]!, inService = this.isrWords === 0 ? 0 : highest(this.registers, ApicRegister.Isr);
    return tpr >> 4 >= inService >> 4 ? tpr : inService & 0xf0;
  }

  /** Connects LINT0 and the I/O APIC. */
  connect(external: ExternalInterrupts): void { this.external = external; }

  /** The level at LINT0 changes: what that means unless LINT0 is set to external interrupts, which wait at their source (SDM Vol. 3A, 10.5.1). */
  externalLine(level: boolean): void {
    const lvt = this.registers[ApicRegister.LvtLint0]!;
    if (!level || !this.enabled || lvt & LVT_MASKED) return;
    switch (lvt >> 8 & 7) {
      case MODE_FIXED: this.accept(lvt & 0xff); break;
      case MODE_NMI: this.cpu.setInt(L.NMI_PENDING, 1); break;
    }
  }

  /** Does this CPU take the interrupts of the 8259s? With the APIC disabled LINT0 is the INTR pin (SDM Vol. 3A, 10.4.3), which only the first CPU has. */
  takesExternal(): boolean {
    const lvt = this.registers[ApicRegister.LvtLint0]!;
    return this.enabled ? !(lvt & LVT_MASKED) && (lvt >> 8 & 7) === MODE_EXTERNAL : this.id === 0;
  }

  /** A fixed interrupt arrives. Vectors below 16 are errors; with the APIC disabled it is lost. */
  accept(vector: number, level = false): void {
    if (!this.enabled || !this.softwareEnabled) return;
    if (vector < 16) { this.raiseError(ApicError.ReceivedIllegalVector); return; }
    this.registers[ApicRegister.Irr + (vector >> 5)]! |= 1 << (vector & 31);
    this.irrWords |= 1 << (vector >> 5);
    if (level) this.registers[ApicRegister.Tmr + (vector >> 5)]! |= 1 << (vector & 31);
    else this.registers[ApicRegister.Tmr + (vector >> 5)]! &= ~(1 << (vector & 31));
  }

  /** Lets time pass: timer expiries up to `now` become requests. */
  advance(now: number): void {
    if (this.external && now >= this.external.deadline) this.external.advance(now);
    if (!this.timer.advance(now)) return;
    if (this.timer.mode === TimerMode.TscDeadline) this.cpu.set(L.TSC_DEADLINE, 0n);
    const lvt = this.registers[ApicRegister.LvtTimer]!;
    if (!(lvt & LVT_MASKED)) this.accept(lvt & 0xff);
  }

  /** Machine time at which the timer will next request an interrupt; Infinity if it will not. */
  nextDeadline(): number {
    const own = this.registers[ApicRegister.LvtTimer]! & LVT_MASKED ? Infinity : this.timer.deadline;
    return this.external && this.external.deadline < own ? this.external.deadline : own;
  }

  /** As `nextDeadline`, but only of what could wake the CPU: priorities must let the interrupt through. */
  wakeTime(): number {
    const lvt = this.registers[ApicRegister.LvtTimer]!, own = lvt & LVT_MASKED || !this.letsThrough(lvt & 0xff) ? Infinity : this.timer.deadline;
    const { external } = this;
    return external && external.deadline < own && external.wakes(this) ? external.deadline : own;
  }

  /** Would a fixed interrupt with this vector be given to the CPU at its present priority? */
  letsThrough(vector: number): boolean { return this.enabled && this.softwareEnabled && vector >> 4 > this.processorPriority() >> 4; }

  /**
   * The vector that the CPU would be given now, or -1; 0x100 for one of the 8259s', which tell it when it is acknowledged and which
   * priorities do not hold back. Whether the CPU takes it (RFLAGS.IF) is not the APIC's business.
   */
  pendingVector(): number {
    if (this.irrWords !== 0 && this.enabled) {
      const vector = highest(this.registers, ApicRegister.Irr);
      if (vector >> 4 > this.processorPriority() >> 4) return vector;
    }
    return this.external?.asserted && this.takesExternal() ? EXTERNAL_VECTOR : -1;
  }

  /** The CPU takes the interrupt: moves it from IRR to ISR. Gives the spurious vector if none can be taken any more. */
  acknowledge(): number {
    const vector = this.pendingVector();
    if (vector < 0) return this.registers[ApicRegister.Svr]! & 0xff;
    this.tookExternal = vector === EXTERNAL_VECTOR;
    if (this.tookExternal) return this.external!.acknowledge();
    const word = vector >> 5, bit = 1 << (vector & 31), r = this.registers;
    r[ApicRegister.Irr + word]! &= ~bit;
    if (r[ApicRegister.Irr + word] === 0) this.irrWords &= ~(1 << word);
    r[ApicRegister.Isr + word]! |= bit;
    this.isrWords |= 1 << word;
    return vector;
  }

  /** Takes back `acknowledge`: the CPU did not take the interrupt after all. */
  retract(vector: number): void {
    if (this.tookExternal) {
      this.external!.retract();
      return;
    }
    const word = vector >> 5, bit = 1 << (vector & 31), r = this.registers;
    if (!(r[ApicRegister.Isr + word]! & bit)) return;
    r[ApicRegister.Isr + word]! &= ~bit;
    if (r[ApicRegister.Isr + word] === 0) this.isrWords &= ~(1 << word);
    r[ApicRegister.Irr + word]! |= bit;
    this.irrWords |= 1 << word;
  }

  private endOfInterrupt(): void {
    if (this.isrWords === 0) return;
    const vector = highest(this.registers, ApicRegister.Isr), at = ApicRegister.Isr + (vector >> 5);
    this.registers[at]! &= ~(1 << (vector & 31));
    if (this.registers[at] === 0) this.isrWords &= ~(1 << (vector >> 5));
    if (this.registers[ApicRegister.Tmr + (vector >> 5)]! & 1 << (vector & 31)) this.external?.endOfInterrupt(vector);
  }

  raiseError(error: ApicError): void {
    if (this.errors & error) return;
    this.errors |= error;
    const lvt = this.registers[ApicRegister.LvtError]!;
    // An illegal vector in LVT Error itself must not raise the same error for ever.
    if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= 16) this.accept(lvt & 0xff);
  }

  /** Does this APIC answer to the destination? (SDM Vol. 3A, 10.6.2 and 10.12.9) */
  matches(destination: number, logical: boolean, broadcast: number): boolean {
    if (destination === broadcast) return true;
    if (!logical) return destination === this.id;
    if (this.x2apic) {
      const own = logicalX2Id(this.id);
      return own >>> 16 === destination >>> 16 && (own & destination & 0xffff) !== 0;
    }
    const own = this.registers[ApicRegister.Ldr]! >>> 24;
    if (this.registers[ApicRegister.Dfr]! >>> 28 === 0xf) return (own & destination) !== 0;
    return own >> 4 === destination >> 4 && (own & destination & 15) !== 0;
  }

  /** x2APIC self IPI, and ICR writes as one 64-bit MSR. */
  writeIcr64(low: number, destination: number): void {
    this.registers[ApicRegister.IcrHigh] = destination;
    this.write(ApicRegister.Icr, low);
  }

  /** Everything that decides the APIC's future, as plain numbers. */
  save(): Float64Array {
    const state = new Float64Array(0x41 + ApicTimer.stateLength);
    state.set(this.registers);
    state[0x40] = this.errors;
    state.set(this.timer.save(), 0x41);
    return state;
  }
  restore(state: ArrayLike<number>): void {
    for (let n = 0; n < 0x40; n++) this.registers[n] = state[n]!;
    this.errors = state[0x40]!;
    this.timer.restore(Array.from({ length: ApicTimer.stateLength }, (_, n) => state[0x41 + n]!));
    this.irrWords = words(this.registers, ApicRegister.Irr);
    this.isrWords = words(this.registers, ApicRegister.Isr);
  }
}

/** Logical x2APIC ID: cluster in the upper half, one bit in the lower (SDM Vol. 3A, 10.12.10.2). */
function logicalX2Id(id: number): number { return (id >> 4 << 16 | 1 << (id & 15)) >>> 0; }
