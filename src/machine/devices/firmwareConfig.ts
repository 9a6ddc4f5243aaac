import type { PortDevice } from './ioPorts.js';

/** Items by their selector (QEMU, docs/specs/fw_cfg). */
const SIGNATURE = 0x00, ID = 0x01, RAM_SIZE = 0x03, CPUS = 0x05, MAX_CPUS = 0x0f, FILES = 0x19;

/**
 * QEMU's configuration device at ports 0x510 (selector) and 0x511 (data), without its DMA interface and without files: kernels
 * written for QEMU ask it for the number of CPUs and the size of memory.
 */
export class FirmwareConfig implements PortDevice {
  readonly name = 'firmware configuration';
  readonly first = 0x510;
  readonly count = 2;
  readonly byteWide = false;
  private selected = 0;
  private position = 0;
  private readonly items: ReadonlyMap<number, readonly number[]>;

  constructor(cpus: number, ramSize: number) {
    const little = (value: number, bytes: number) => Array.from({ length: bytes }, (_, n) => Math.floor(value / 2 ** (8 * n)) & 0xff);
    this.items = new Map([
      [SIGNATURE, [0x51, 0x45, 0x4d, 0x55]], [ID, little(1, 4)], [RAM_SIZE, little(ramSize, 8)], [CPUS, little(cpus, 2)], [MAX_CPUS, little(cpus, 2)], [FILES, little(0, 4)],
    ]);
  }

  read(offset: number): number { return offset === 1 ? this.items.get(this.selected)?.[this.position++] ?? 0 : 0; }

  /** The selector has 16 bits, which lie over the data port. */
  write(offset: number, _size: number, value: number): void {
    if (offset !== 0) return;
    this.selected = value & 0xffff;
    this.position = 0;
  }

  save(): number[] { return [this.selected, this.position]; }
  restore(state: ArrayLike<number>): void { [this.selected, this.position] = Array.from(state) as [number, number]; }
}
