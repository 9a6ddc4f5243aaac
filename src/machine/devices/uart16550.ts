import type { PortDevice } from './ioPorts.js';

const FIFO_SIZE = 16;
/** Line status: data ready, transmit holding register empty, transmitter empty. */
const LSR_DATA = 0x01, LSR_THRE = 0x20, LSR_TEMT = 0x40;
const LCR_DLAB = 0x80;
/** Modem control: OUT2 lets interrupts out on PCs. */
const MCR_OUT2 = 0x08, MCR_LOOPBACK = 0x10;
const FCR_ENABLE = 0x01, FCR_CLEAR_RECEIVE = 0x02;
/** Interrupt identification, by falling priority. */
const IIR_NONE = 0x01, IIR_DATA = 0x04, IIR_TRANSMIT = 0x02, IIR_FIFO = 0xc0;
const IER_DATA = 0x01, IER_TRANSMIT = 0x02;

/**
 * A 16550A UART (National Semiconductor PC16550D data sheet), the guest's console. Output leaves at once; input waits with the host until the guest looks, so that none is lost.
 */
export class Uart16550 implements PortDevice {
  readonly name = 'UART 16550';
  readonly count = 8;
  readonly byteWide = true;
  /** Told the bytes that the guest sends. */
  onOutput: (bytes: Uint8Array) => void = () => {};
  /** Told the level of the interrupt output, on PCs interrupt line 4. */
  onInterrupt: (level: boolean) => void = () => {};

  private ier = 0;
  private fcr = 0;
  private lcr = 0;
  private mcr = 0;
  private scratch = 0;
  private divisor = 1;
  /** The transmit interrupt is pending from when the register became empty until IIR was read. */
  private transmitPending = 0;
  /** Bytes that have arrived, and those that the host still holds back. */
  private fifo: number[] = [];
  private waiting: number[] = [];
  /** The interrupt output; it follows from the rest. */
  private interrupt = false;

  constructor(readonly first = 0x3f8) {}

  /** Input for the guest. */
  feed(bytes: Iterable<number>): void {
    for (const byte of bytes) this.waiting.push(byte & 0xff);
    this.updateInterrupt();
  }

  /** Bytes that the guest has not read yet. */
  get unread(): number { return this.fifo.length + this.waiting.length; }

  read(offset: number): number {
    const value = this.readRegister(offset);
    this.updateInterrupt();
    return value;
  }

  write(offset: number, size: number, value: number): void {
    this.writeRegister(offset, size, value);
    this.updateInterrupt();
  }

  /** With interrupts off input waits outside, so that a later reset of the FIFO does not lose it. */
  private updateInterrupt(): void {
    const open = (this.mcr & (MCR_OUT2 | MCR_LOOPBACK)) === MCR_OUT2;
    if (open && this.ier & IER_DATA) this.receive();
    const level = open && this.wantsInterrupt();
    if (level === this.interrupt) return;
    this.interrupt = level;
    this.onInterrupt(level);
  }

  private wantsInterrupt(): boolean {
    return (this.ier & IER_DATA) !== 0 && this.fifo.length > 0 || (this.ier & IER_TRANSMIT) !== 0 && this.transmitPending !== 0;
  }

  private readRegister(offset: number): number {
    switch (offset) {
      case 0: {
        if (this.lcr & LCR_DLAB) return this.divisor & 0xff;
        this.receive();
        return this.fifo.shift() ?? 0;
      }
      case 1: return this.lcr & LCR_DLAB ? this.divisor >> 8 : this.ier;
      case 2: return this.identify();
      case 3: return this.lcr;
      case 4: return this.mcr;
      case 5:
        this.receive();
        return LSR_THRE | LSR_TEMT | (this.fifo.length > 0 ? LSR_DATA : 0);
      // Carrier, data set ready, clear to send; in loopback the modem control outputs come back in (bits 0-3 as CTS DSR RI DCD).
      case 6: return this.mcr & MCR_LOOPBACK ? (this.mcr & 2) << 3 | (this.mcr & 1) << 5 | (this.mcr & 4) << 4 | (this.mcr & 8) << 4 : 0xb0;
      default: return this.scratch;
    }
  }

  private writeRegister(offset: number, _size: number, value: number): void {
    switch (offset) {
      case 0:
        if (this.lcr & LCR_DLAB) this.divisor = this.divisor & 0xff00 | value;
        else this.transmit(value);
        break;
      case 1:
        if (this.lcr & LCR_DLAB) this.divisor = this.divisor & 0xff | value << 8;
        else {
          // Enabling the transmit interrupt while the register is empty raises it.
          if (value & IER_TRANSMIT && !(this.ier & IER_TRANSMIT)) this.transmitPending = 1;
          this.ier = value & 0x0f;
        }
        break;
      case 2:
        // Changing the enable bit clears the FIFO as well.
        if (value & FCR_CLEAR_RECEIVE || (value ^ this.fcr) & FCR_ENABLE) this.fifo = [];
        this.fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
        break;
      case 3: this.lcr = value; break;
      case 4: this.mcr = value & 0x1f; break;
      case 7: this.scratch = value; break;
      // Line and modem status are read-only.
    }
  }

  private transmit(byte: number): void {
    this.transmitPending = 1;
    if (this.mcr & MCR_LOOPBACK) { if (this.fifo.length < this.capacity) this.fifo.push(byte); }
    else this.onOutput(Uint8Array.of(byte));
  }

  private identify(): number {
    const fifo = this.fcr & FCR_ENABLE ? IIR_FIFO : 0;
    this.receive();
    if (this.ier & IER_DATA && this.fifo.length > 0) return fifo | IIR_DATA;
    if (this.ier & IER_TRANSMIT && this.transmitPending) { this.transmitPending = 0; return fifo | IIR_TRANSMIT; }
    return fifo | IIR_NONE;
  }

  private get capacity(): number { return this.fcr & FCR_ENABLE ? FIFO_SIZE : 1; }

  /** Lets waiting input arrive as far as the FIFO has room; nothing comes in from outside in loopback. */
  private receive(): void {
    if (this.mcr & MCR_LOOPBACK) return;
    while (this.fifo.length < this.capacity && this.waiting.length > 0) this.fifo.push(this.waiting.shift()!);
  }

  /** Everything that decides the device's future, as plain numbers. */
  save(): number[] {
    return [this.ier, this.fcr, this.lcr, this.mcr, this.scratch, this.divisor, this.transmitPending, this.fifo.length, ...this.fifo, ...this.waiting];
  }
  restore(state: ArrayLike<number>): void {
    const all = Array.from(state), [ier, fcr, lcr, mcr, scratch, divisor, transmit, length] = all as [number, number, number, number, number, number, number, number];
    Object.assign(this, { ier, fcr, lcr, mcr, scratch, divisor });
    this.transmitPending = transmit;
    this.fifo = all.slice(8, 8 + length);
    this.waiting = all.slice(8 + length);
    this.interrupt = (this.mcr & (MCR_OUT2 | MCR_LOOPBACK)) === MCR_OUT2 && this.wantsInterrupt();
  }
}
