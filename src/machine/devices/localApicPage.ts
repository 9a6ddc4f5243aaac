import { type Core, Unimplemented } from '../core.js';
import type { PhysicalDevice } from '../memory/bus.js';
import { APIC_PHYSICAL } from './apicRegisters.js';

/** The xAPIC register page at 0xfee00000: each CPU finds its own local APIC there (SDM Vol. 3A, 10.4.1). */
export class LocalApicPage implements PhysicalDevice {
  readonly name = 'local APIC';
  readonly base = APIC_PHYSICAL;
  readonly size = 0x1000;

  constructor(private readonly core: Core) {}

  read(cpu: number, offset: number, size: number): number {
    const apic = this.core.apics[cpu]!;
    if (!apic.enabled || apic.x2apic) return 0xffffffff; // nothing answers there then
    this.check(cpu, offset, size, 'read');
    return apic.read(offset >> 4);
  }

  write(cpu: number, offset: number, size: number, value: number): void {
    const apic = this.core.apics[cpu]!;
    if (!apic.enabled || apic.x2apic) return;
    this.check(cpu, offset, size, 'write');
    apic.write(offset >> 4, value);
  }

  /** Registers are 32 bits at multiples of 16; what other accesses do is undefined (SDM Vol. 3A, 10.4.1). */
  private check(cpu: number, offset: number, size: number, what: string): void {
    if (size === 4 && (offset & 15) === 0) return;
    throw new Unimplemented(`CPU ${cpu}: a ${what} of ${size} byte${size > 1 ? 's' : ''} at local APIC offset 0x${offset.toString(16)}. `
      + 'Its registers must be accessed as aligned 32-bit words; what else does is undefined on hardware.');
  }
}
