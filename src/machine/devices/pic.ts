import type { PortDevice } from './ioPorts.js';

/**
 * One 8259A interrupt controller with nothing on its inputs: guests initialise and mask it before they turn to the local
 * APIC. Its mask reads back, its request and service registers are empty, and it never interrupts.
 */
export class Pic8259 implements PortDevice {
  readonly count = 2;
  readonly byteWide = true;
  /** Interrupt mask register. */
  private mask = 0xff;
  /** Initialisation words that are still to come: 0, or 3 to 1 (ICW2, ICW3 unless single, ICW4 if announced). */
  private expected = 0;

  /** @param first 0x20 for the master, 0xa0 for the slave */
  constructor(readonly name: string, readonly first: number) {}

  read(offset: number): number { return offset === 1 ? this.mask : 0; }

  write(offset: number, _size: number, value: number): void {
    if (offset === 1) {
      if (this.expected > 0) this.expected--;
      else this.mask = value;
    } else if (value & 0x10) { // ICW1: clears the mask
      this.mask = 0;
      this.expected = 1 + (value & 2 ? 0 : 1) + (value & 1);
    }
  }

  save(): number[] { return [this.mask, this.expected]; }
  restore(state: ArrayLike<number>): void {
    this.mask = state[0]!;
    this.expected = state[1]!;
  }
}

/** The two controllers of a PC. */
export function createPics(): Pic8259[] { return [new Pic8259('PIC 8259 (master)', 0x20), new Pic8259('PIC 8259 (slave)', 0xa0)]; }
