import { type Core, Unimplemented } from '../core.js';
import * as L from '../cpu/layout.js';
import { initCpu, startCpu } from '../cpu/reset.js';
import { IPI_CYCLES } from '../cycles/model.js';
import { ApicError } from './apicRegisters.js';
import type { LocalApic } from './localApic.js';

/** Delivery modes of the interrupt command register (SDM Vol. 3A, figure 10-12). */
const enum Delivery { Fixed = 0, Lowest = 1, Smi = 2, Nmi = 4, Init = 5, Startup = 6 }
const ASSERT = 1 << 14;
const LEVEL = 1 << 15;
const LOGICAL = 1 << 11;

/**
 * Sends what the low half of the interrupt command register says (SDM Vol. 3A, 10.6.1). It arrives at once: the bit
 * "delivery status" never reads as pending.
 * @param destination APIC ID or logical destination: 8 bits in xAPIC mode, 32 in x2APIC mode
 */
export function sendIpi(core: Core, from: LocalApic, icr: number, destination: number): void {
  from.cpu.charge(IPI_CYCLES);
  const mode = icr >> 8 & 7, vector = icr & 0xff;
  const targets = receivers(core, from, icr, destination);
  switch (mode) {
    case Delivery.Fixed:
      if (vector < 16) { from.raiseError(ApicError.SendIllegalVector); return; }
      for (const target of targets) target.accept(vector);
      return;
    case Delivery.Lowest: {
      if (vector < 16) { from.raiseError(ApicError.SendIllegalVector); return; }
      // The lowest processor priority wins, the lowest APIC ID among equals.
      const lowest = targets.reduce<LocalApic | undefined>((best, t) => best && best.processorPriority() <= t.processorPriority() ? best : t, undefined);
      lowest?.accept(vector);
      return;
    }
    case Delivery.Nmi:
      for (const target of targets) target.cpu.setInt(L.NMI_PENDING, 1);
      return;
    case Delivery.Init:
      // INIT level de-assert only set arbitration IDs, on processors that had them.
      if (icr & LEVEL && !(icr & ASSERT)) return;
      for (const target of targets) initCpu(core, target.cpu);
      return;
    case Delivery.Startup:
      for (const target of targets) startCpu(core, target.cpu, vector);
      return;
    default:
      throw new Unimplemented(`CPU ${from.cpu.index}: the interrupt command register was written with 0x${(icr >>> 0).toString(16)}, `
        + `whose delivery mode ${mode} (${mode === Delivery.Smi ? 'SMI' : 'reserved'}) this machine does not have.`);
  }
}

/** The APICs that the destination shorthand or the destination field means, lowest ID first. */
function receivers(core: Core, from: LocalApic, icr: number, destination: number): LocalApic[] {
  const broadcast = from.x2apic ? 0xffffffff : 0xff;
  const all = core.apics.filter(apic => apic.enabled);
  switch (icr >> 18 & 3) {
    case 1: return [from];
    case 2: return all;
    case 3: return all.filter(apic => apic !== from);
    default: return all.filter(apic => apic.matches(destination, (icr & LOGICAL) !== 0, broadcast));
  }
}
