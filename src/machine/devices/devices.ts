import type { Core } from '../core.js';
import type { Bus } from '../memory/bus.js';
import { DebugConsole, DebugExit } from './debugPorts.js';
import { FirmwareConfig } from './firmwareConfig.js';
import { InterruptLines } from './interruptLines.js';
import { KeyboardController, systemControlPortA } from './keyboardController.js';
import { LocalApicPage } from './localApicPage.js';
import { PciPorts } from './pciPorts.js';
import { RealTimeClock } from './realTimeClock.js';
import { emptyPorts, PostPort, powerManagementPorts } from './smallPorts.js';
import { Uart16550 } from './uart16550.js';
import { VgaRegisters } from './vgaRegisters.js';

/** A device whose future depends on more than the guest's next access: its state as plain numbers, of any length. */
interface Stateful {
  save(): ArrayLike<number>;
  restore(state: ArrayLike<number>): void;
}

/** The devices of a machine, connected. */
export interface Devices {
  readonly uart: Uart16550;
  readonly interrupts: InterruptLines;
  /** Everything that decides the devices' future, as plain numbers: for each device their count and then the numbers. */
  save(): number[];
  /** Puts back what `save` gave, on a machine with as many CPUs. */
  restore(state: ArrayLike<number>): void;
}

const KEYBOARD_LINE = 1, UART_LINE = 4;

/** Builds the devices and connects them to the physical and the I/O address space. */
export function buildDevices(core: Core, bus: Bus): Devices {
  const now = (): number => core.now();
  // There is no firmware to go through: a reset, or switching off, ends the run like QEMU's with -no-reboot.
  const end = (): void => core.requestExit(0);
  const interrupts = new InterruptLines(core), uart = new Uart16550();
  const keyboard = new KeyboardController(end, level => interrupts.setLine(KEYBOARD_LINE, level)), pci = new PciPorts(end), vga = new VgaRegisters();
  const clock = new RealTimeClock(now, core.memory.ramSize), post = new PostPort(), config = new FirmwareConfig(core.cpus.length, core.memory.ramSize);
  uart.onInterrupt = level => interrupts.setLine(UART_LINE, level);
  bus.add(new LocalApicPage(core));
  bus.add(interrupts.ioApic);
  for (const device of [
    uart, ...interrupts.pics.ports, interrupts.pit, interrupts.pit.controlPort, new DebugExit(code => core.requestExit(code)),
    new DebugConsole(byte => uart.onOutput(Uint8Array.of(byte))), ...keyboard.ports, systemControlPortA(end), pci, clock, ...vga.ports, config, post,
    ...powerManagementPorts(now, end), ...emptyPorts(),
  ]) core.io.add(device);
  // The interrupt lines come first: for saving they let the timer catch up, which may reach the APICs.
  const stateful: readonly Stateful[] = [interrupts, ...core.apics, uart, keyboard, pci, clock, vga, config, post];
  return {
    uart, interrupts,
    // Plain loops: each snapshot saves, and spreading lists of hundreds of numbers took longer than all else in it.
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
