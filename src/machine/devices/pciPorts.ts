import type { PortDevice } from './ioPorts.js';

const ENABLE = 0x80000000;

/**
 * PCI configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2) on a bus without devices: every read of configuration
 * space gives all ones. Port 0xcf9 resets the machine, as on PCs with Intel's chipsets.
 */
export class PciPorts implements PortDevice {
  readonly name = 'PCI configuration';
  readonly first = 0xcf8;
  readonly count = 8;
  readonly byteWide = false;
  private address = 0;
  private resetControl = 0;

  constructor(private readonly onReset: () => void) {}

  read(offset: number, size: number): number {
    if (offset === 0 && size === 4) return this.address;
    if (offset === 1 && size === 1) return this.resetControl;
    return size === 4 ? 0xffffffff : 2 ** (8 * size) - 1;
  }

  write(offset: number, size: number, value: number): void {
    if (offset === 0 && size === 4) this.address = (value & (ENABLE | 0xfffffc)) >>> 0;
    else if (offset === 1 && size === 1) {
      this.resetControl = value & 2;
      if (value & 4) this.onReset();
    }
  }

  save(): number[] { return [this.address, this.resetControl]; }
  restore(state: ArrayLike<number>): void { [this.address, this.resetControl] = Array.from(state) as [number, number]; }
}
