import { type Core, Unimplemented } from '../core.js';
import * as L from '../cpu/layout.js';
import type { PhysicalDevice } from '../memory/bus.js';
import type { LocalApic } from './localApic.js';

const PINS = 24, VERSION = 0x20;
/** Low half of a redirection entry (Intel 82093AA data sheet, 3.2.4). */
const LOGICAL = 1 << 11, REMOTE_IRR = 1 << 14, LEVEL = 1 << 15, MASKED = 1 << 16, ACTIVE_LOW = 1 << 13, WRITABLE = 0x1afff;
const enum Delivery { Fixed = 0, Lowest = 1, Nmi = 4, External = 7 }

/** An 82093AA I/O APIC. Interrupt line n of the ISA bus is at pin n, but the timer's line 0 at pin 2, as in QEMU and as the MADT says. */
export class IoApic implements PhysicalDevice {
  readonly name = 'I/O APIC';
  readonly base = 0xfec00000;
  readonly size = 0x1000;
  /** Called before a guest's access: lines that depend on time are brought up to date. */
  beforeAccess: () => void = () => {};
  /** Told after entries have changed. */
  onChange: () => void = () => {};
  private select = 0;
  private id = 0;
  /** Levels of the pins. */
  private lines = 0;
  private readonly low = new Int32Array(PINS).fill(MASKED);
  private readonly high = new Int32Array(PINS);

  constructor(private readonly core: Core) {}

  static pinOf(line: number): number { return line === 0 ? 2 : line; }

  isOpen(pin: number): boolean { return (this.low[pin]! & MASKED) === 0; }

  /** Could an edge at the pin give the APIC's CPU an interrupt at its present priority? */
  reaches(pin: number, apic: LocalApic): boolean {
    const entry = this.low[pin]!;
    return !(entry & MASKED) && apic.matches(this.high[pin]! >>> 24, (entry & LOGICAL) !== 0, 0xff) && apic.letsThrough(entry & 0xff);
  }

  /** Drives a pin. */
  setPin(pin: number, level: boolean): void {
    const bit = 1 << pin, was = (this.lines & bit) !== 0;
    this.lines = level ? this.lines | bit : this.lines & ~bit;
    if (this.low[pin]! & LEVEL ? level : level && !was) this.deliver(pin);
  }

  /** A local APIC has ended a level-triggered interrupt: if the pin is still high, it comes again. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < PINS; pin++) {
      const entry = this.low[pin]!;
      if (!(entry & REMOTE_IRR) || (entry & 0xff) !== vector) continue;
      this.low[pin] = entry & ~REMOTE_IRR;
      if (this.lines & 1 << pin) this.deliver(pin);
    }
  }

  /** An edge at a masked pin is lost (82093AA data sheet, 3.2.4, bit 16). */
  private deliver(pin: number): void {
    const entry = this.low[pin]!, level = (entry & LEVEL) !== 0, vector = entry & 0xff;
    if (entry & MASKED || level && entry & REMOTE_IRR) return;
    const targets = this.core.apics.filter(apic => apic.enabled && apic.matches(this.high[pin]! >>> 24, (entry & LOGICAL) !== 0, 0xff));
    switch (entry >> 8 & 7) {
      case Delivery.Fixed: for (const target of targets) target.accept(vector, level); break;
      case Delivery.Lowest: targets.sort((a, b) => a.processorPriority() - b.processorPriority() || a.id - b.id)[0]?.accept(vector, level); break;
      case Delivery.Nmi: for (const target of targets) target.cpu.setInt(L.NMI_PENDING, 1); return;
      default: throw new Unimplemented(`I/O APIC pin ${pin} is to be delivered in mode ${entry >> 8 & 7}, which this machine does not have (it has fixed, lowest priority and NMI).`);
    }
    if (level && targets.length) this.low[pin] = entry | REMOTE_IRR;
  }

  read(cpu: number, offset: number, size: number): number {
    this.check(cpu, offset, size, 'read');
    this.beforeAccess();
    return offset === 0 ? this.select : this.register(this.select);
  }

  write(cpu: number, offset: number, size: number, value: number): void {
    this.check(cpu, offset, size, 'write');
    this.beforeAccess();
    if (offset === 0x40) this.endOfInterrupt(value & 0xff);
    else if (offset === 0) this.select = value & 0xff;
    else this.setRegister(this.select, value);
    this.onChange();
  }

  private register(n: number): number {
    if (n === 0 || n === 2) return this.id << 24;
    if (n === 1) return VERSION | PINS - 1 << 16;
    const pin = n - 0x10 >> 1;
    return n < 0x10 || pin >= PINS ? 0 : n & 1 ? this.high[pin]! : this.low[pin]!;
  }

  private setRegister(n: number, value: number): void {
    if (n === 0) this.id = value >>> 24 & 15;
    const pin = n - 0x10 >> 1;
    if (n < 0x10 || pin >= PINS) return;
    if (n & 1) { this.high[pin] = value & 0xff000000; return; }
    if (value & ACTIVE_LOW && !(value & MASKED) && pin < 16) throw new Unimplemented(`I/O APIC pin ${pin} is set to active low, but the ISA interrupts of this machine are active high.`);
    const mode = value >> 8 & 7;
    if (!(value & MASKED) && mode === Delivery.External) throw new Unimplemented(`I/O APIC pin ${pin} is to be delivered as an external interrupt (ExtINT); this machine brings those to LINT0 only.`);
    this.low[pin] = value & WRITABLE | this.low[pin]! & REMOTE_IRR;
    if (!(value & LEVEL)) this.low[pin]! &= ~REMOTE_IRR;
    else if (this.lines & 1 << pin) this.deliver(pin);
  }

  /** Index at 0x00, data at 0x10, EOI at 0x40: as 32-bit words (82093AA data sheet, 3.1). */
  private check(cpu: number, offset: number, size: number, what: string): void {
    if (size === 4 && (offset === 0 || offset === 0x10 || offset === 0x40 && what === 'write')) return;
    throw new Unimplemented(`CPU ${cpu}: a ${what} of ${size} byte${size > 1 ? 's' : ''} at I/O APIC offset 0x${offset.toString(16)}. `
      + 'It has 32-bit registers at 0x00 (index), 0x10 (data) and 0x40 (EOI).');
  }

  save(): number[] { return [this.select, this.id, this.lines, ...this.low, ...this.high]; }
  restore(state: ArrayLike<number>): void {
    const all = Array.from(state);
    [this.select, this.id, this.lines] = all as [number, number, number];
    this.low.set(all.slice(3, 3 + PINS));
    this.high.set(all.slice(3 + PINS, 3 + 2 * PINS));
  }
}
