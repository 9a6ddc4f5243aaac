import { Unimplemented } from '../core.js';
import { clocksAt, ticksAt } from './clock.js';
import type { PortDevice } from './ioPorts.js';

/** The timer's clock in Hz. */
export const PIT_HZ = 1_193_182;

/** One counter of the 8254 (Intel 8254 data sheet). It counts nothing by itself: when it was loaded decides everything. */
class Counter {
  /** 0 interrupt on terminal count, 2 rate generator, 3 square wave, 4 software-triggered strobe. */
  mode = 3;
  /** Which bytes the counter's port carries: 1 low, 2 high, 3 low and then high. */
  access = 3;
  /** 1 to 65536. */
  reload = 0x10000;
  /** The clock at which counting began; while the gate is low, minus the clocks that have been counted. */
  start = 0;
  gate = 1;
  running = 1;
  private lowByte = 0;
  private writesHigh = 0;
  private readsHigh = 0;
  private latchedCount = -1;
  private latchedStatus = -1;

  private elapsed(clock: number): number { return this.gate ? clock - this.start : -this.start; }

  /** The output pin. */
  output(clock: number): boolean {
    if (!this.running) return this.mode !== 0;
    const elapsed = this.elapsed(clock);
    switch (this.mode) {
      case 0: return elapsed >= this.reload;
      case 2: return elapsed % this.reload !== this.reload - 1;
      case 3: return elapsed % this.reload < Math.ceil(this.reload / 2);
      default: return elapsed !== this.reload;
    }
  }

  count(clock: number): number {
    if (!this.running) return this.reload & 0xffff;
    const elapsed = this.elapsed(clock);
    switch (this.mode) {
      case 2: return this.reload - elapsed % this.reload & 0xffff;
      case 3: return this.reload - 2 * elapsed % this.reload & 0xfffe;
      default: return this.reload - elapsed & 0xffff;
    }
  }

  /** The first clock after `clock` at which the output rises, Infinity if it will not. */
  nextRise(clock: number): number {
    if (!this.running || !this.gate) return Infinity;
    if (this.mode === 2 || this.mode === 3) return this.start + (Math.floor((clock - this.start) / this.reload) + 1) * this.reload;
    const rise = this.start + this.reload + (this.mode === 4 ? 1 : 0);
    return rise > clock ? rise : Infinity;
  }

  setGate(gate: number, clock: number): void {
    if (gate === this.gate) return;
    // Modes 2 and 3 begin anew when the gate rises; the others go on where they stood.
    if (gate) this.start = this.mode === 2 || this.mode === 3 ? clock : clock + this.start;
    else this.start -= clock;
    this.gate = gate;
  }

  command(value: number): void {
    const mode = value >> 1 & 7, wanted = mode > 5 ? mode - 4 : mode;
    if (value & 1) throw new Unimplemented('The guest wants a counter of the timer 8254 to count in decimal digits (BCD), which this machine does not have.');
    if (wanted === 1 || wanted === 5) throw new Unimplemented(`The guest puts a counter of the timer 8254 into mode ${wanted} (started by its gate), which this machine does not have.`);
    this.mode = wanted;
    this.access = value >> 4 & 3;
    this.running = 0;
    this.writesHigh = this.readsHigh = 0;
    this.latchedCount = this.latchedStatus = -1;
  }

  latchCount(clock: number): void { if (this.latchedCount < 0) this.latchedCount = this.count(clock); }
  latchStatus(clock: number): void {
    if (this.latchedStatus < 0) this.latchedStatus = (this.output(clock) ? 0x80 : 0) | (this.running ? 0 : 0x40) | this.access << 4 | this.mode << 1;
  }

  write(value: number, clock: number): void {
    if (this.access === 3 && !this.writesHigh) {
      this.lowByte = value;
      this.writesHigh = 1;
      // Mode 0 stops counting at the first byte.
      if (this.mode === 0) this.running = 0;
      return;
    }
    this.writesHigh = 0;
    this.reload = (this.access === 1 ? value : this.access === 2 ? value << 8 : value << 8 | this.lowByte) || 0x10000;
    this.start = this.gate ? clock : 0;
    this.running = 1;
  }

  read(clock: number): number {
    if (this.latchedStatus >= 0) {
      const status = this.latchedStatus;
      this.latchedStatus = -1;
      return status;
    }
    const count = this.latchedCount >= 0 ? this.latchedCount : this.count(clock);
    if (this.access !== 3) {
      this.latchedCount = -1;
      return this.access === 2 ? count >> 8 : count & 0xff;
    }
    const high = this.readsHigh;
    this.readsHigh ^= 1;
    if (high) this.latchedCount = -1;
    return high ? count >> 8 : count & 0xff;
  }

  save(): number[] {
    return [this.mode, this.access, this.reload, this.start, this.gate, this.running, this.lowByte, this.writesHigh, this.readsHigh, this.latchedCount, this.latchedStatus];
  }
  restore(state: readonly number[]): void {
    [this.mode, this.access, this.reload, this.start, this.gate, this.running, this.lowByte, this.writesHigh, this.readsHigh, this.latchedCount, this.latchedStatus] =
      state as [number, number, number, number, number, number, number, number, number, number, number];
  }
}

const COUNTERS = 3, STATE = 11;

/**
 * The timer 8254 of a PC at ports 0x40 to 0x43, and port 0x61, which holds the gate of counter 2 and shows its output. Counter 0
 * drives interrupt line 0, counter 2 would drive the speaker. Counter 0 runs as a PC's firmware leaves it, 18.2 times a second.
 */
export class Pit8254 implements PortDevice {
  readonly name = 'timer 8254';
  readonly first = 0x40;
  readonly count = 4;
  readonly byteWide = true;
  /** Told that the output of counter 0 rises. */
  onTimer: () => void = () => {};
  /** Told after what may have changed `nextInterrupt`. */
  onChange: () => void = () => {};
  private readonly counters = Array.from({ length: COUNTERS }, () => new Counter());
  /** The next rise of counter 0, in its clocks. */
  private nextRise: number;
  private speaker = 0;

  /** @param now machine time in ticks */
  constructor(private readonly now: () => number) {
    this.counters[2]!.gate = 0;
    this.nextRise = this.counters[0]!.nextRise(0);
  }

  /** Machine time in ticks of the next rise of counter 0, masked or not; Infinity if there is none. */
  get nextInterrupt(): number { return this.nextRise === Infinity ? Infinity : ticksAt(this.nextRise, PIT_HZ); }

  /** Lets time pass: rises of counter 0 up to now are told, once however many there were. */
  advance(now: number): void {
    const clock = clocksAt(now, PIT_HZ);
    if (clock < this.nextRise) return;
    this.nextRise = this.counters[0]!.nextRise(clock);
    this.onTimer();
  }

  read(offset: number): number { return offset < COUNTERS ? this.counters[offset]!.read(this.clock()) : 0xff; }

  write(offset: number, _size: number, value: number): void {
    const now = this.now(), clock = clocksAt(now, PIT_HZ);
    this.advance(now);
    if (offset < COUNTERS) this.counters[offset]!.write(value, clock);
    else if (value >> 6 === 3) this.readBack(value, clock);
    else if (value & 0x30) this.counters[value >> 6]!.command(value);
    else this.counters[value >> 6]!.latchCount(clock);
    this.nextRise = this.counters[0]!.nextRise(clock);
    this.onChange();
  }

  private readBack(value: number, clock: number): void {
    this.counters.forEach((counter, n) => {
      if (!(value & 2 << n)) return;
      if (!(value & 0x20)) counter.latchCount(clock);
      if (!(value & 0x10)) counter.latchStatus(clock);
    });
  }

  private clock(): number { return clocksAt(this.now(), PIT_HZ); }

  /** Port 0x61: bit 0 gate of counter 2, bit 1 speaker, bit 4 changes with each refresh of memory (every 15 µs), bit 5 output of counter 2. */
  get controlPort(): PortDevice {
    const counter = this.counters[2]!;
    return {
      name: 'system control port B', first: 0x61, count: 1, byteWide: true,
      read: () => {
        const clock = this.clock();
        return counter.gate | this.speaker | (Math.floor(clock / 18) & 1) << 4 | (counter.output(clock) ? 0x20 : 0);
      },
      write: (_offset, _size, value) => {
        counter.setGate(value & 1, this.clock());
        this.speaker = value & 2;
      },
    };
  }

  save(): number[] { return [this.nextRise, this.speaker, ...this.counters.flatMap(counter => counter.save())]; }
  restore(state: ArrayLike<number>): void {
    const all = Array.from(state);
    [this.nextRise, this.speaker] = all as [number, number];
    this.counters.forEach((counter, n) => counter.restore(all.slice(2 + STATE * n, 2 + STATE * (n + 1))));
  }
}
