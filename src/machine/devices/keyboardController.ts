import { Unimplemented } from '../core.js';
import type { PortDevice } from './ioPorts.js';

/** Status: output buffer full, self-test passed, keyboard not locked. */
const OUTPUT_FULL = 0x01, SYSTEM = 0x04, UNLOCKED = 0x10;
/** Command byte: interrupt on output. */
const INTERRUPT = 0x01;

/**
 * The keyboard controller 8042 of a PC at ports 0x60 and 0x64, with a keyboard on which nobody types. What guests use it for is
 * here: the reset line, the A20 gate (which is open for good), and the handshake that initialises it.
 */
export class KeyboardController {
  private commandByte = 0x61;
  /** The command that waits for its data byte. */
  private waiting = 0;
  private output: number[] = [];

  /** @param onReset the guest pulls the reset line @param onInterrupt level of interrupt line 1 */
  constructor(private readonly onReset: () => void, private readonly onInterrupt: (level: boolean) => void) {}

  get ports(): PortDevice[] {
    return [
      { name: 'keyboard controller (data)', first: 0x60, count: 1, byteWide: true, read: () => this.take(), write: (_offset, _size, value) => this.data(value) },
      { name: 'keyboard controller (command)', first: 0x64, count: 1, byteWide: true, read: () => this.status(), write: (_offset, _size, value) => this.command(value) },
    ];
  }

  private status(): number { return (this.output.length ? OUTPUT_FULL : 0) | SYSTEM | UNLOCKED; }

  private take(): number {
    const value = this.output.shift() ?? 0;
    this.onInterrupt(false);
    this.signal();
    return value;
  }

  private give(...values: number[]): void {
    this.output.push(...values);
    this.signal();
  }

  private signal(): void { this.onInterrupt(this.output.length > 0 && (this.commandByte & INTERRUPT) !== 0); }

  private command(value: number): void {
    switch (value) {
      case 0x20: this.give(this.commandByte); break;
      case 0x60: case 0xd1: case 0xd4: this.waiting = value; break;
      case 0xa7: case 0xa8: case 0xad: case 0xae: break; // the mouse's and the keyboard's clock line off and on
      case 0xa9: case 0xab: this.give(0); break; // test of an interface: passed
      case 0xaa: this.give(0x55); break; // self-test: passed
      case 0xd0: this.give(0xcf); break; // output port: A20 open, no reset
      case 0xdd: throw closedA20();
      case 0xdf: break; // opens A20
      default:
        // Pulses the output lines whose bit is 0; line 0 is the reset.
        if (value < 0xf0) throw new Unimplemented(`The guest gives the keyboard controller command 0x${value.toString(16)}, which this machine does not have.`);
        if (!(value & 1)) this.onReset();
    }
  }

  private data(value: number): void {
    const command = this.waiting;
    this.waiting = 0;
    if (command === 0x60) this.commandByte = value;
    else if (command === 0xd1) {
      if (!(value & 1)) this.onReset();
      else if (!(value & 2)) throw closedA20();
    } else if (command === 0xd4) return; // to a mouse that is not there
    else if (value === 0xff) this.give(0xfa, 0xaa); // the keyboard: reset, self-test passed
    else if (value === 0xf2) this.give(0xfa, 0xab, 0x83); // identifies itself
    else this.give(0xfa);
  }

  save(): number[] { return [this.commandByte, this.waiting, ...this.output]; }
  restore(state: ArrayLike<number>): void { [this.commandByte, this.waiting, ...this.output] = Array.from(state) as [number, number, ...number[]]; }
}

function closedA20(): Unimplemented { return new Unimplemented('The guest closes the A20 gate, which this machine does not have: address line 20 is always connected.'); }

/** Port 0x92: bit 0 resets, bit 1 opens A20. */
export function systemControlPortA(onReset: () => void): PortDevice {
  return {
    name: 'system control port A', first: 0x92, count: 1, byteWide: true, read: () => 2,
    write: (_offset, _size, value) => {
      if (value & 1) onReset();
      else if (!(value & 2)) throw closedA20();
    },
  };
}
