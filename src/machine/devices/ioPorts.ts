import { Unimplemented } from '../core.js';
import type { CpuState } from '../cpu/state.js';

/** A device on I/O ports. Values are unsigned. */
export interface PortDevice {
  readonly name: string;
  /** Its first port and the number of ports. */
  readonly first: number;
  readonly count: number;
  /** True if the device has 8-bit registers: wider accesses reach it as single bytes, lowest port first. */
  readonly byteWide: boolean;
  /** @param offset port relative to `first` @param size 1, 2 or 4 bytes (1 for byte-wide devices) */
  read(offset: number, size: number): number;
  write(offset: number, size: number, value: number): void;
}

/** The I/O address space: finds the device of a port. */
export class IoPorts {
  private readonly devices = new Map<number, PortDevice>();

  /** Connects a device. Throws if a port is taken. */
  add(device: PortDevice): void {
    for (let port = device.first; port < device.first + device.count; port++) {
      const other = this.devices.get(port);
      if (other) throw new Error(`I/O port 0x${port.toString(16)} is claimed by ${other.name} and by ${device.name}`);
    }
    for (let port = device.first; port < device.first + device.count; port++) this.devices.set(port, device);
  }

  /** IN: `size` is 1, 2 or 4 bytes. Throws `Unimplemented` where no device is: a guess would mislead the guest. */
  read(cpu: CpuState, port: number, size: number): number {
    const device = this.find(cpu, port, size, 'read of');
    if (!device.byteWide) return device.read(port - device.first, size) >>> 0;
    let value = 0;
    for (let n = 0; n < size; n++) {
      const each = this.find(cpu, port + n, 1, 'read of');
      value |= (each.read(port + n - each.first, 1) & 0xff) << 8 * n;
    }
    return value >>> 0;
  }

  /** OUT: as `read`. */
  write(cpu: CpuState, port: number, size: number, value: number): void {
    const device = this.find(cpu, port, size, 'write to');
    if (!device.byteWide) { device.write(port - device.first, size, value >>> 0); return; }
    const targets = Array.from({ length: size }, (_, n) => this.find(cpu, port + n, 1, 'write to'));
    targets.forEach((each, n) => each.write(port + n - each.first, 1, value >>> 8 * n & 0xff));
  }

  private find(cpu: CpuState, port: number, size: number, what: string): PortDevice {
    const device = this.devices.get(port & 0xffff);
    if (device && (device.byteWide || port + size <= device.first + device.count)) return device;
    throw new Unimplemented(`CPU ${cpu.index}, rip 0x${cpu.rip.toString(16)}: ${what} I/O port 0x${port.toString(16)} (${size} byte${size > 1 ? 's' : ''}), `
      + `where this machine has no device. It has: ${this.describe()}.`);
  }

  private describe(): string {
    const names = new Map<string, number>();
    for (const { name, first } of this.devices.values()) if (!names.has(name) && !name.startsWith('no ')) names.set(name, first);
    return [...names].map(([name, first]) => `${name} at 0x${first.toString(16)}`).join(', ') || 'no port devices';
  }
}
