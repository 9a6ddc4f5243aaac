import type { PortDevice } from './ioPorts.js';

/** Index ports whose data port follows them: sequencer, graphics controller, CRT controller (IBM VGA technical reference). */
const INDEXED = [0x3c4, 0x3ce, 0x3d4];
const REGISTERS = 64;

/**
 * The registers of a VGA in text mode, for kernels that write text to 0xb8000 and move the cursor: index and data registers read
 * back what was written and do nothing. There is no picture; the text is in memory.
 */
export class VgaRegisters {
  private readonly indexes = new Uint8Array(INDEXED.length);
  private readonly registers = new Uint8Array(INDEXED.length * REGISTERS);
  private retrace = 0;

  get ports(): PortDevice[] {
    return [
      ...INDEXED.map((first, n): PortDevice => ({
        name: 'VGA', first, count: 2, byteWide: true,
        read: offset => offset === 0 ? this.indexes[n]! : this.registers[n * REGISTERS + this.indexes[n]!]!,
        write: (offset, _size, value) => {
          if (offset === 0) this.indexes[n] = value & REGISTERS - 1;
          else this.registers[n * REGISTERS + this.indexes[n]!] = value;
        },
      })),
      // Input status 1: the retrace bits change with each read, so that waiting for either ends.
      { name: 'VGA', first: 0x3da, count: 1, byteWide: true, read: () => (this.retrace ^= 9), write: () => {} },
      // Colours of the DAC, attribute registers, miscellaneous output (colour, as text mode has it).
      { name: 'VGA', first: 0x3c0, count: 2, byteWide: true, read: () => 0, write: () => {} },
      { name: 'VGA', first: 0x3c6, count: 4, byteWide: true, read: () => 0, write: () => {} },
      { name: 'VGA', first: 0x3c2, count: 1, byteWide: true, read: () => 0, write: () => {} },
      { name: 'VGA', first: 0x3cc, count: 1, byteWide: true, read: () => 0x67, write: () => {} },
    ];
  }

  save(): number[] { return [this.retrace, ...this.indexes, ...this.registers]; }
  restore(state: ArrayLike<number>): void {
    const all = Array.from(state);
    this.retrace = all[0]!;
    this.indexes.set(all.slice(1, 1 + INDEXED.length));
    this.registers.set(all.slice(1 + INDEXED.length));
  }
}
