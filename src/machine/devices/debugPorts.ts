import type { PortDevice } from './ioPorts.js';

/** Debug-exit port: writing it ends the run with the value as exit code (QEMU's isa-debug-exit, without its shift and low bit). */
export class DebugExit implements PortDevice {
  readonly name = 'debug exit';
  readonly count = 4;
  readonly byteWide = false;
  constructor(private readonly onExit: (code: number) => void, readonly first = 0xf4) {}
  read(): number { return 0; }
  write(_offset: number, _size: number, value: number): void { this.onExit(value); }
}

/** Debug console: each byte written appears on the console; reading gives 0xe9, by which it is recognised (a convention of Bochs). */
export class DebugConsole implements PortDevice {
  readonly name = 'debug console';
  readonly first = 0xe9;
  readonly count = 1;
  readonly byteWide = true;
  constructor(private readonly onOutput: (byte: number) => void) {}
  read(): number { return 0xe9; }
  write(_offset: number, _size: number, value: number): void { this.onOutput(value); }
}
