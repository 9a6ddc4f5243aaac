import type { Core } from '../core.js';
import type { Bus } from '../memory/bus.js';
import type { IoPorts } from './ioPorts.js';
import { LocalApicPage } from './localApicPage.js';

/** The devices of a machine, connected. */
export interface Devices {
  /** Everything that decides the devices' future, as plain numbers. */
  save(): number[];
}

export function buildDevices(core: Core & { io: IoPorts }, bus: Bus): Devices {
  bus.add(new LocalApicPage(core));
  return { save: () => core.apics.flatMap(apic => Array.from(apic.save())) };
}
