import { clocksAt } from './clock.js';
import type { PortDevice } from './ioPorts.js';

/** Port 0x80 and the DMA page registers behind it: firmware shows its progress there, kernels write it to wait a microsecond. */
export class PostPort implements PortDevice {
  readonly name = 'POST code';
  readonly first = 0x80;
  readonly count = 16;
  readonly byteWide = true;
  private readonly values = new Uint8Array(16);
  read(offset: number): number { return this.values[offset]!; }
  write(offset: number, _size: number, value: number): void { this.values[offset] = value; }
  save(): number[] { return Array.from(this.values); }
  restore(state: ArrayLike<number>): void { this.values.set(Array.from(state)); }
}

/** Places where PCs may have a device and this machine has none: probing them gives all ones, as on an empty bus. First port and count. */
const EMPTY: readonly (readonly [name: string, first: number, count: number])[] = [
  ['COM2', 0x2f8, 8], ['COM3', 0x3e8, 8], ['COM4', 0x2e8, 8], ['LPT1', 0x378, 8], ['LPT2', 0x278, 8], ['LPT3', 0x3bc, 3],
  ['second IDE channel', 0x170, 8], ['second IDE channel', 0x376, 1], ['first IDE channel', 0x1f0, 8], ['first IDE channel', 0x3f6, 1],
  ['delay port', 0xed, 1],
];

export function emptyPorts(): PortDevice[] {
  return EMPTY.map(([name, first, count]) => ({ name: `no ${name}`, first, count, byteWide: true, read: () => 0xff, write: () => {} }));
}

const PM_TIMER_HZ = 3_579_545, SLEEP_ENABLE = 1 << 13;

/**
 * The power management registers that QEMU's PC has at 0x600 (ACPI 6.5, 4.8.3): PM1 control, in which kernels written for QEMU
 * switch off (0x2000 to port 0x604), and the timer of 3.58 MHz at 0x608.
 */
export function powerManagementPorts(now: () => number, onOff: () => void): PortDevice[] {
  return [
    { name: 'power management control', first: 0x604, count: 2, byteWide: false, read: () => 1, write: (_offset, _size, value) => { if (value & SLEEP_ENABLE) onOff(); } },
    { name: 'power management timer', first: 0x608, count: 4, byteWide: false, read: () => clocksAt(now(), PM_TIMER_HZ) % 0x1000000, write: () => {} },
  ];
}
