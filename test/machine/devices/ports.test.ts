import { beforeEach, describe, expect, it } from 'vitest';
import { DebugConsole, DebugExit } from '../../../src/machine/devices/debugPorts.js';
import { createPics } from '../../../src/machine/devices/pic.js';
import { Uart16550 } from '../../../src/machine/devices/uart16550.js';
import { TestCore } from '../cpu/testCore.js';

let t: TestCore;
beforeEach(() => { t = new TestCore(); });
const out = (port: number, value: number, size = 1) => t.io.write(t.cpu, port, size, value);
const input = (port: number, size = 1) => t.io.read(t.cpu, port, size);

describe('UART 16550', () => {
  let uart: Uart16550;
  let sent: string;
  beforeEach(() => {
    uart = new Uart16550();
    sent = '';
    uart.onOutput = bytes => { sent += String.fromCharCode(...bytes); };
    t.io.add(uart);
  });

  it('sends at once and is always ready to send', () => {
    for (const c of 'hello') {
      expect(input(0x3fd) & 0x60).toBe(0x60);
      out(0x3f8, c.charCodeAt(0));
    }
    expect(sent).toBe('hello');
  });
  it('gives input in order, with data ready until all is read', () => {
    uart.feed([65, 66]);
    expect(uart.unread).toBe(2);
    expect([input(0x3fd) & 1, input(0x3f8), input(0x3fd) & 1, input(0x3f8), input(0x3fd) & 1, input(0x3f8)]).toEqual([1, 65, 1, 66, 0, 0]);
  });
  it('loses nothing of a long input, nor to the FIFO reset of an initialisation', () => {
    const text = Array.from({ length: 100 }, (_, n) => n);
    uart.feed(text);
    out(0x3fa, 0x07);
    const read: number[] = [];
    while (input(0x3fd) & 1) read.push(input(0x3f8));
    expect(read).toEqual(text);
  });
  it('DLAB turns the first two registers into the divisor', () => {
    out(0x3f9, 0x0f);
    out(0x3fb, 0x83);
    out(0x3f8, 0x01);
    out(0x3f9, 0xc2);
    expect([input(0x3f8), input(0x3f9), sent]).toEqual([0x01, 0xc2, '']);
    out(0x3fb, 0x03);
    expect([input(0x3f9), input(0x3fb)]).toEqual([0x0f, 0x03]);
  });
  it('a 16-bit OUT writes two registers', () => {
    out(0x3fb, 0x80);
    out(0x3f8, 0x1234, 2);
    expect([input(0x3f8), input(0x3f9), input(0x3f8, 2)]).toEqual([0x34, 0x12, 0x1234]);
  });
  it('identifies interrupts by priority and whether it has a FIFO', () => {
    expect(input(0x3fa)).toBe(0x01);
    out(0x3fa, 0x01);
    expect(input(0x3fa)).toBe(0xc1);
    out(0x3f9, 0x03);
    uart.feed([1]);
    expect(input(0x3fa)).toBe(0xc4);
    input(0x3f8);
    expect([input(0x3fa), input(0x3fa)]).toEqual([0xc2, 0xc1]);
  });
  it('loopback: output comes back, modem outputs appear as inputs', () => {
    out(0x3fa, 1);
    out(0x3fc, 0x1a);
    expect(input(0x3fe)).toBe(0x90);
    out(0x3f8, 0x5a);
    expect([sent, input(0x3f8)]).toEqual(['', 0x5a]);
  });
  it('scratch register, and status registers that cannot be written', () => {
    out(0x3ff, 0x77);
    out(0x3fd, 0);
    expect([input(0x3ff), input(0x3fd)]).toEqual([0x77, 0x60]);
  });
  it('goes through save and restore', () => {
    out(0x3fb, 0x03);
    uart.feed([7, 8, 9]);
    input(0x3fd);
    const other = new Uart16550();
    other.restore(uart.save());
    expect(other.save()).toEqual(uart.save());
    expect([other.read(0), other.read(0), other.read(0)]).toEqual([7, 8, 9]);
  });
});

describe('debug ports', () => {
  it('debug exit reports exactly the value, of any width', () => {
    t.io.add(new DebugExit(code => t.requestExit(code)));
    out(0xf4, 7);
    out(0xf4, 0x12345678, 4);
    expect(t.exits).toEqual([7, 0x12345678]);
  });
  it('debug console passes bytes and is recognised by reading', () => {
    const bytes: number[] = [];
    t.io.add(new DebugConsole(byte => bytes.push(byte)));
    out(0xe9, 0x41);
    expect([bytes, input(0xe9)]).toEqual([[0x41], 0xe9]);
  });
});

describe('PICs', () => {
  it('take initialisation words apart from the mask', () => {
    for (const pic of createPics()) t.io.add(pic);
    expect([input(0x21), input(0xa1)]).toEqual([0xff, 0xff]);
    out(0x20, 0x11);
    out(0x21, 0x20);
    out(0x21, 0x04);
    out(0x21, 0x01);
    expect(input(0x21)).toBe(0);
    out(0x21, 0xfb);
    expect([input(0x21), input(0x20)]).toEqual([0xfb, 0]);
  });
});

describe('the I/O space', () => {
  it('two devices cannot share a port', () => {
    t.io.add(new Uart16550());
    expect(() => t.io.add(new Uart16550(0x3fc))).toThrow(/0x3fc is claimed by UART 16550 and by UART 16550/);
  });
  it('an access that reaches beyond a device is refused like one to no device', () => {
    t.io.add(new DebugExit(() => {}));
    expect(() => out(0xf6, 0, 4)).toThrow(/debug exit at 0xf4/);
    expect(() => input(0x60)).toThrow(/read of I\/O port 0x60 \(1 byte\)/);
  });
});
