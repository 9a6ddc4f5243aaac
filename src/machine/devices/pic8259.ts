import type { PortDevice } from './ioPorts.js';

/**
 * One of the two legacy interrupt controllers, of which nothing but its mask register is there: no line is connected, and
 * kernels that use the local APIC only mask it.
 */
export class Pic8259 implements PortDevice {
  readonly count = 2;
  readonly byteWide = true;
  private mask = 0xff;

  constructor(readonly name: string, readonly first: number) {}

  read(offset: number): number { return offset === 1 ? this.mask : 0; }
  write(offset: number, _size: number, value: number): void { if (offset === 1) this.mask = value; }
  save(): number[] { return [this.mask]; }
}
