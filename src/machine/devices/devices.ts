import type { Core } from '../core.js';
import type { Bus } from '../memory/bus.js';
import { DebugConsole, DebugExit } from './debugPorts.js';
import { LocalApicPage } from './localApicPage.js';
import { createPics } from './pic.js';
import { Uart16550 } from './uart16550.js';

/** A device whose future depends on more than the guest's next access: its state as plain numbers, of any length. */
interface Stateful {
  save(): ArrayLike<number>;
  restore(state: ArrayLike<number>): void;
}

/** The devices of a machine, connected. */
export interface Devices {
  readonly uart: Uart16550;
  /** Everything that decides the devices' future, as plain numbers: for each device their count and then the numbers. */
  save(): number[];
  /** Puts back what `save` gave, on a machine with as many CPUs. */
  restore(state: ArrayLike<number>): void;
}

/** Builds the devices and connects them to the physical and the I/O address space. */
export function buildDevices(core: Core, bus: Bus): Devices {
  const uart = new Uart16550(), pics = createPics();
  bus.add(new LocalApicPage(core));
  for (const device of [uart, ...pics, new DebugExit(code => core.requestExit(code)), new DebugConsole(byte => uart.onOutput(Uint8Array.of(byte)))]) core.io.add(device);
  const stateful: readonly Stateful[] = [...core.apics, ...pics, uart];
  return {
    uart,
    save: () => {
      const all: number[] = [];
      for (const device of stateful) {
        const state = device.save(), { length } = state;
        all.push(length);
        for (let n = 0; n < length; n++) all.push(state[n]!);
      }
      return all;
    },
    restore: state => {
      let at = 0;
      for (const device of stateful) {
        const length = state[at]!, own: number[] = [];
        for (let n = 0; n < length; n++) own.push(state[at + 1 + n]!);
        device.restore(own);
        at += 1 + length;
      }
    },
  };
}
