import { Unimplemented } from '../core.js';
import { TICKS_PER_SECOND } from './clock.js';
import type { PortDevice } from './ioPorts.js';

/** When the machine's time begins, always: 3 January 2018, 00:00:00 UTC. */
const START = Date.UTC(2018, 0, 3);
/** Status register B: 24 hours instead of 12, binary instead of BCD, interrupts, no updates. */
const HOURS_24 = 2, BINARY = 4, INTERRUPTS = 0x70, HALTED = 0x80;
const REGISTERS = 128;

/**
 * The real-time clock and CMOS memory of a PC at ports 0x70 and 0x71 (Motorola MC146818 data sheet). Its time is the machine's,
 * from a fixed beginning, and cannot be set; it raises no interrupts.
 */
export class RealTimeClock implements PortDevice {
  readonly name = 'real-time clock';
  readonly first = 0x70;
  readonly count = 2;
  readonly byteWide = true;
  private index = 0x0d;
  private statusB = HOURS_24;
  /** What the guest stores in the registers without a meaning of their own. */
  private readonly memory = new Uint8Array(REGISTERS);

  /** @param now machine time in ticks */
  constructor(private readonly now: () => number, ramSize: number) {
    const above1 = Math.min(ramSize / 1024 - 1024, 0xffff), above16 = Math.max(0, ramSize / 0x10000 - 256);
    // Memory below 1 MiB, from 1 MiB and from 16 MiB up in KiB, KiB and 64 KiB (the registers of PC firmware).
    [[0x15, 640], [0x17, above1], [0x30, above1], [0x34, above16]].forEach(([at, value]) => {
      this.memory[at!] = value! & 0xff;
      this.memory[at! + 1] = value! >> 8;
    });
  }

  read(offset: number): number {
    if (offset === 0) return 0xff;
    const seconds = Math.floor(this.now() / TICKS_PER_SECOND), date = new Date(START + seconds * 1000);
    switch (this.index) {
      case 0x00: return this.number(date.getUTCSeconds());
      case 0x02: return this.number(date.getUTCMinutes());
      case 0x04: {
        const hour = date.getUTCHours();
        return this.statusB & HOURS_24 ? this.number(hour) : this.number((hour + 11) % 12 + 1) | (hour >= 12 ? 0x80 : 0);
      }
      case 0x06: return this.number(date.getUTCDay() + 1);
      case 0x07: return this.number(date.getUTCDate());
      case 0x08: return this.number(date.getUTCMonth() + 1);
      case 0x09: return this.number(date.getUTCFullYear() % 100);
      case 0x32: return this.number(Math.floor(date.getUTCFullYear() / 100));
      // Divider for 32768 Hz, rate 1024 Hz; "update in progress" for the 244 µs before each second.
      case 0x0a: return 0x26 | (this.now() % TICKS_PER_SECOND >= TICKS_PER_SECOND - 244_000 ? 0x80 : 0);
      case 0x0b: return this.statusB;
      case 0x0c: return 0;
      case 0x0d: return 0x80;
      default: return this.memory[this.index]!;
    }
  }

  write(offset: number, _size: number, value: number): void {
    // Bit 7 of the index would mask NMIs; this machine's do not come through there.
    if (offset === 0) { this.index = value & 0x7f; return; }
    if (this.index === 0x0b) {
      if (value & INTERRUPTS) throw new Unimplemented('The guest enables interrupts of the real-time clock (register B), which this machine does not have. The timer 8254 and the local APICs have timers.');
      this.statusB = value & ~HALTED;
    } else this.memory[this.index] = value;
  }

  private number(value: number): number { return this.statusB & BINARY ? value : Math.floor(value / 10) << 4 | value % 10; }

  save(): number[] { return [this.index, this.statusB, ...this.memory]; }
  restore(state: ArrayLike<number>): void {
    const all = Array.from(state);
    [this.index, this.statusB] = all as [number, number];
    this.memory.set(all.slice(2));
  }
}
