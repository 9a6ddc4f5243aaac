import type { Core } from '../core.js';
import type { Bus } from '../memory/bus.js';
import { DebugConsole, DebugExit } from './debugPorts.js';
import { LocalApicPage } from './localApicPage.js';
import { createPics } from './pic.js';
import { Uart16550 } from './uart16550.js';

/** The devices of a machine, connected. */
export interface Devices {
  readonly uart: Uart16550;
  /** Everything that decides the devices' future, as plain numbers. */
  save(): number[];
}

/** Builds the devices and connects them to the physical and the I/O address space. */
export function buildDevices(core: Core, bus: Bus): Devices {
  const uart = new Uart16550(), pics = createPics();
  bus.add(new LocalApicPage(core));
  for (const device of [uart, ...pics, new DebugExit(code => core.requestExit(code)), new DebugConsole(byte => uart.onOutput(Uint8Array.of(byte)))]) core.io.add(device);
  return {
    uart,
    save: () => [...core.apics.flatMap(apic => Array.from(apic.save())), ...pics.flatMap(pic => pic.save()), ...uart.save()],
  };
}
