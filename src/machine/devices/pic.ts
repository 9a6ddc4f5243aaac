import type { PortDevice } from './ioPorts.js';

/**
 * One 8259A interrupt controller (Intel 8259A data sheet): eight inputs, by falling priority, of which the highest that is
 * requested, not masked and above what is in service asks for an interrupt.
 */
class Pic8259 implements PortDevice {
  readonly count = 2;
  readonly byteWide = true;
  /** Requests, what is in service, mask, and the levels of the inputs. */
  private irr = 0;
  private isr = 0;
  private imr: number;
  private lines = 0;
  /** First vector. */
  private base: number;
  /** The initialisation word that comes next: 2, 3 or 4; 0 if none does. */
  private expected = 0;
  private single = 0;
  private wantsIcw4 = 0;
  private automaticEnd = 0;
  private rotateAutomatically = 0;
  private specialMask = 0;
  private readInService = 0;
  private poll = 0;
  /** The input with the highest priority. */
  private first8259 = 0;
  /** Inputs that are level-triggered (the edge/level control register of PCs). */
  levelTriggered = 0;
  onChange: () => void = () => {};
  /** Called before a guest's access: inputs that depend on time are brought up to date. */
  beforeAccess: () => void = () => {};

  constructor(readonly name: string, readonly first: number, initial: { base: number; mask: number }) {
    this.base = initial.base;
    this.imr = initial.mask;
  }

  /** Drives an input. */
  setLine(line: number, level: boolean): void {
    const bit = 1 << line, was = (this.lines & bit) !== 0;
    this.lines = level ? this.lines | bit : this.lines & ~bit;
    if (this.levelTriggered & bit) this.irr = level ? this.irr | bit : this.irr & ~bit;
    else if (level && !was) this.irr |= bit;
    this.onChange();
  }

  isMasked(line: number): boolean { return (this.imr & 1 << line) !== 0; }

  /** The input whose interrupt would be taken now, or -1. */
  pending(): number {
    const request = this.highest(this.irr & ~this.imr), service = this.highest(this.specialMask ? this.isr & ~this.imr : this.isr);
    return request < service ? request + this.first8259 & 7 : -1;
  }

  /** Has the input a higher priority than what is in service? */
  isAboveService(line: number): boolean { return (line - this.first8259 & 7) < this.highest(this.specialMask ? this.isr & ~this.imr : this.isr); }

  /** The processor takes the interrupt of an input. */
  acknowledge(line: number): void {
    const bit = 1 << line;
    if (!this.automaticEnd) this.isr |= bit;
    else if (this.rotateAutomatically) this.first8259 = line + 1 & 7;
    if (!(this.levelTriggered & bit)) this.irr &= ~bit;
  }

  vector(line: number): number { return this.base + line; }

  read(offset: number): number {
    this.beforeAccess();
    if (this.poll) {
      this.poll = 0;
      const line = this.pending();
      if (line < 0) return 0;
      this.acknowledge(line);
      this.onChange();
      return 0x80 | line;
    }
    return offset === 1 ? this.imr : this.readInService ? this.isr : this.irr;
  }

  write(offset: number, _size: number, value: number): void {
    this.beforeAccess();
    if (offset === 1) this.writeData(value);
    else if (value & 0x10) this.initialise(value);
    else if (value & 0x08) {
      this.poll = value & 4;
      if (value & 2) this.readInService = value & 1;
      if (value & 0x40) this.specialMask = value & 0x20;
    } else this.endOfInterrupt(value >> 5, value & 7);
    this.onChange();
  }

  private initialise(icw1: number): void {
    Object.assign(this, { irr: this.lines & this.levelTriggered, isr: 0, imr: 0, automaticEnd: 0, rotateAutomatically: 0, specialMask: 0, readInService: 0, poll: 0, first8259: 0 });
    this.expected = 2;
    this.single = icw1 & 2;
    this.wantsIcw4 = icw1 & 1;
  }

  private writeData(value: number): void {
    switch (this.expected) {
      case 2: this.base = value & 0xf8; this.expected = this.single ? this.wantsIcw4 ? 4 : 0 : 3; break;
      case 3: this.expected = this.wantsIcw4 ? 4 : 0; break; // which input the slave is at is wired
      case 4: this.automaticEnd = value & 2; this.expected = 0; break;
      default: this.imr = value;
    }
  }

  /** OCW2: 1 end of the highest in service, 3 of a certain one, 5 and 7 the same with rotation, 6 sets the priorities, 0 and 4 rotation with automatic end. */
  private endOfInterrupt(command: number, line: number): void {
    if (command === 0 || command === 4) { this.rotateAutomatically = command; return; }
    if (command === 6) { this.first8259 = line + 1 & 7; return; }
    if (!(command & 1)) return;
    const highest = this.highest(this.isr), ended = command & 2 ? line : highest + this.first8259 & 7;
    if (!(command & 2) && highest === 8) return;
    this.isr &= ~(1 << ended);
    if (command & 4) this.first8259 = ended + 1 & 7;
  }

  /** Rank of the input with the highest priority among these, 8 if there is none. */
  private highest(inputs: number): number {
    for (let rank = 0; rank < 8; rank++) if (inputs & 1 << (rank + this.first8259 & 7)) return rank;
    return 8;
  }

  save(): number[] {
    return [this.irr, this.isr, this.imr, this.lines, this.base, this.expected, this.single, this.wantsIcw4, this.automaticEnd, this.rotateAutomatically,
      this.specialMask, this.readInService, this.poll, this.first8259, this.levelTriggered];
  }
  restore(state: ArrayLike<number>): void {
    [this.irr, this.isr, this.imr, this.lines, this.base, this.expected, this.single, this.wantsIcw4, this.automaticEnd, this.rotateAutomatically,
      this.specialMask, this.readInService, this.poll, this.first8259, this.levelTriggered] = Array.from(state) as ReturnType<Pic8259['save']> as [number, number, number, number,
      number, number, number, number, number, number, number, number, number, number, number];
  }
}

const CASCADE = 2;
/** Lines that cannot be level-triggered: timer, keyboard, cascade; real-time clock and coprocessor. */
const ALWAYS_EDGE = [0x07, 0x21];

/** The two controllers of a PC, the second one at input 2 of the first, in the state in which a PC's firmware leaves them. */
export class PicPair {
  readonly master = new Pic8259('PIC 8259 (master)', 0x20, { base: 0x08, mask: 0xb8 });
  readonly slave = new Pic8259('PIC 8259 (slave)', 0xa0, { base: 0x70, mask: 0x8e });
  /** True while an interrupt is asked for. */
  asserted = false;
  /** Told when `asserted` changes. */
  onOutput: (asserted: boolean) => void = () => {};
  private before: number[] | undefined;

  constructor(beforeAccess: () => void = () => {}) {
    this.master.onChange = () => this.update();
    this.slave.onChange = () => this.master.setLine(CASCADE, this.slave.pending() >= 0);
    this.master.beforeAccess = this.slave.beforeAccess = beforeAccess;
  }

  /** The devices on I/O ports: both controllers and their edge/level control registers. */
  get ports(): PortDevice[] {
    const chips = [this.master, this.slave];
    return [...chips, {
      name: 'PIC edge/level control', first: 0x4d0, count: 2, byteWide: true,
      read: offset => chips[offset]!.levelTriggered,
      write: (offset, _size, value) => { chips[offset]!.levelTriggered = value & ~ALWAYS_EDGE[offset]! & 0xff; },
    }];
  }

  /** Drives interrupt line 0 to 15. */
  setLine(line: number, level: boolean): void {
    if (line < 8) this.master.setLine(line, level);
    else this.slave.setLine(line - 8, level);
  }

  /** Can the line lead to an interrupt at all? */
  isOpen(line: number): boolean {
    return line < 8 ? !this.master.isMasked(line) : !this.slave.isMasked(line - 8) && !this.master.isMasked(CASCADE);
  }

  /** Would a request of the line lead to an interrupt now? */
  wouldInterrupt(line: number): boolean {
    return this.isOpen(line) && (line < 8 ? this.master.isAboveService(line) : this.master.isAboveService(CASCADE) && this.slave.isAboveService(line - 8));
  }

  /** The processor takes the interrupt and is given its vector; input 7's if the request has gone (a spurious interrupt). */
  acknowledge(): number {
    this.before = this.save();
    const line = this.master.pending();
    if (line < 0) return this.master.vector(7);
    this.master.acknowledge(line);
    let vector = this.master.vector(line);
    if (line === CASCADE) {
      const inner = this.slave.pending();
      if (inner >= 0) this.slave.acknowledge(inner);
      vector = this.slave.vector(inner < 0 ? 7 : inner);
      this.slave.onChange();
    }
    this.update();
    return vector;
  }

  /** Takes back the last `acknowledge`: the CPU did not take the interrupt after all. */
  retract(): void {
    if (!this.before) return;
    this.restore(this.before);
    this.onOutput(this.asserted);
  }

  private update(): void {
    const asserted = this.master.pending() >= 0;
    if (asserted === this.asserted) return;
    this.asserted = asserted;
    this.onOutput(asserted);
  }

  save(): number[] { return [...this.master.save(), ...this.slave.save()]; }
  restore(state: ArrayLike<number>): void {
    const all = Array.from(state);
    this.master.restore(all.slice(0, all.length / 2));
    this.slave.restore(all.slice(all.length / 2));
    this.asserted = this.master.pending() >= 0;
  }
}
