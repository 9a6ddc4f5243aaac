import type { GuestMemory } from './guestMemory.js';
import { RAM_BASE } from './layout.js';

/**
 * Registers in the physical address space. `read` and `write` get sizes of 1, 2 or 4 bytes (wider accesses arrive in
 * pieces, low address first) and values as unsigned numbers; `cpu` is the index of the CPU that makes the access.
 */
export interface PhysicalDevice {
  readonly name: string;
  /** First physical address. */
  readonly base: number;
  /** Bytes. */
  readonly size: number;
  read(cpu: number, offset: number, size: number): number;
  write(cpu: number, offset: number, size: number, value: number): void;
}

/**
 * Where physical addresses lead: RAM, a device, or nothing. Reads of nothing give all ones and writes to nothing vanish,
 * as on a PC; both are counted and reported to `onUnclaimed`.
 */
export class Bus {
  private readonly devices: PhysicalDevice[] = [];
  /** Accesses that neither RAM nor a device answered. */
  unclaimed = 0;
  /** Told about each of those. */
  onUnclaimed: (cpu: number, physical: number, size: number, write: boolean) => void = () => {};

  constructor(private readonly memory: GuestMemory) {}

  /** @throws RangeError if the device's addresses overlap RAM or another device */
  add(device: PhysicalDevice): void {
    const end = device.base + device.size;
    if (device.base < this.memory.ramSize) {
      throw new RangeError(`Device ${device.name} at 0x${device.base.toString(16)} lies in RAM, which ends at 0x${this.memory.ramSize.toString(16)}.`);
    }
    const other = this.devices.find(d => device.base < d.base + d.size && d.base < end);
    if (other) throw new RangeError(`Device ${device.name} at 0x${device.base.toString(16)} overlaps device ${other.name} at 0x${other.base.toString(16)}.`);
    this.devices.push(device);
  }

  /** The device at a physical address. */
  find(physical: number): PhysicalDevice | undefined {
    return this.devices.find(d => physical >= d.base && physical < d.base + d.size);
  }

  /** Copies `length` bytes of the physical address space to host address `host`. The range lies in one page. */
  load(cpu: number, physical: number, host: number, length: number): void {
    const { u8, ramSize } = this.memory;
    if (physical + length <= ramSize) { u8.copyWithin(host, RAM_BASE + physical, RAM_BASE + physical + length); return; }
    for (let at = 0; at < length;) {
      const size = piece(physical + at, length - at);
      const value = this.readDevice(cpu, physical + at, size);
      for (let i = 0; i < size; i++) u8[host + at + i] = value >>> 8 * i;
      at += size;
    }
  }

  /** Copies `length` bytes from host address `host` to the physical address space, with all that a write to RAM entails. */
  store(cpu: number, physical: number, host: number, length: number): void {
    const { u8, ramSize } = this.memory;
    if (physical + length <= ramSize) {
      u8.copyWithin(RAM_BASE + physical, host, host + length);
      this.memory.pageChanged(physical >>> 12, physical, length);
      return;
    }
    for (let at = 0; at < length;) {
      const size = piece(physical + at, length - at);
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + u8[host + at + i]!;
      this.writeDevice(cpu, physical + at, size, value);
      at += size;
    }
  }

  private readDevice(cpu: number, physical: number, size: number): number {
    const device = this.find(physical);
    if (device && physical + size <= device.base + device.size) return device.read(cpu, physical - device.base, size);
    this.unclaimed++;
    this.onUnclaimed(cpu, physical, size, false);
    return 0xffffffff;
  }

  private writeDevice(cpu: number, physical: number, size: number, value: number): void {
    const device = this.find(physical);
    if (device && physical + size <= device.base + device.size) { device.write(cpu, physical - device.base, size, value); return; }
    this.unclaimed++;
    this.onUnclaimed(cpu, physical, size, true);
  }
}

/** Size of the next piece of a device access: the largest naturally aligned one of at most 4 bytes. */
function piece(physical: number, left: number): number {
  return left >= 4 && physical % 4 === 0 ? 4 : left >= 2 && physical % 2 === 0 ? 2 : 1;
}
