import { beforeEach, describe, expect, it } from 'vitest';
import { DebugConsole, DebugExit } from '../../../src/machine/devices/debugPorts.js';
import { PicPair } from '../../../src/machine/devices/pic.js';
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
  let pics: PicPair;
  beforeEach(() => {
    pics = new PicPair();
    for (const port of pics.ports) t.io.add(port);
  });
  /** The usual initialisation: vectors from 0x20 and 0x28, nothing masked. */
  const initialise = (icw4 = 1) => {
    for (const [first, base, cascade] of [[0x20, 0x20, 4], [0xa0, 0x28, 2]] as const) {
      out(first, 0x11);
      for (const word of [base, cascade, icw4]) out(first + 1, word);
    }
  };
  const pulse = (line: number) => { pics.setLine(line, true); pics.setLine(line, false); };

  it('are left by firmware with the timer, the keyboard, the cascade and the clock unmasked', () => {
    expect([input(0x21), input(0xa1)]).toEqual([0xb8, 0x8e]);
  });
  it('take initialisation words apart from the mask', () => {
    initialise();
    expect([input(0x21), input(0xa1)]).toEqual([0, 0]);
    out(0x21, 0xfb);
    expect([input(0x21), input(0x20)]).toEqual([0xfb, 0]);
  });
  it('give the vectors of both controllers by priority, the next one after the end of interrupt', () => {
    initialise();
    for (const line of [5, 12, 1]) pulse(line);
    expect([pics.asserted, input(0x20), input(0xa0)]).toEqual([true, 0x26, 0x10]);
    expect([pics.acknowledge(), pics.asserted]).toEqual([0x21, false]);
    out(0x20, 0x20);
    expect([pics.asserted, pics.acknowledge(), pics.asserted]).toEqual([true, 0x2c, false]);
    out(0x20, 0x0b);
    out(0xa0, 0x0b);
    expect([input(0x20), input(0xa0)]).toEqual([0x04, 0x10]);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    expect([pics.acknowledge(), pics.asserted]).toEqual([0x25, false]);
  });
  it('a higher line interrupts the service of a lower one, not the other way round', () => {
    initialise();
    pulse(4);
    pics.acknowledge();
    pulse(6);
    expect(pics.asserted).toBe(false);
    pulse(3);
    expect([pics.asserted, pics.acknowledge()]).toEqual([true, 0x23]);
    out(0x20, 0x64); // the end of line 4
    expect(pics.asserted).toBe(false);
    out(0x20, 0x63);
    expect(pics.acknowledge()).toBe(0x26);
  });
  it('masked requests wait; with automatic end nothing stays in service; special mask mode lets lower lines through', () => {
    initialise(3);
    out(0x21, 0xff);
    pulse(3);
    expect(pics.asserted).toBe(false);
    out(0x21, 0);
    expect(pics.acknowledge()).toBe(0x23);
    pulse(7);
    expect(pics.asserted).toBe(true);
    initialise();
    pulse(2 + 1);
    pics.acknowledge();
    pulse(4);
    out(0x21, 0x08);
    expect(pics.asserted).toBe(false);
    out(0x20, 0x68);
    expect([pics.asserted, pics.acknowledge()]).toEqual([true, 0x24]);
  });
  it('a level-triggered line asks as long as it is high; a request that has gone is spurious', () => {
    initialise();
    out(0x4d0, 0xff);
    out(0x4d1, 0xff);
    expect([input(0x4d0), input(0x4d1)]).toEqual([0xf8, 0xde]);
    pics.setLine(5, true);
    expect([pics.acknowledge(), pics.asserted]).toEqual([0x25, false]);
    out(0x20, 0x20);
    expect(pics.asserted).toBe(true);
    pics.setLine(5, false);
    expect([pics.asserted, pics.acknowledge()]).toEqual([false, 0x27]);
  });
  it('rotation and set priority change the order', () => {
    initialise();
    out(0x20, 0xc4); // line 5 becomes the highest
    for (const line of [0, 5, 4]) pulse(line);
    expect(pics.acknowledge()).toBe(0x25);
    out(0x20, 0xa0); // end with rotation: line 6 the highest, 5 the lowest
    pulse(5);
    expect(pics.acknowledge()).toBe(0x20);
  });
  it('a poll acknowledges; an acknowledge can be taken back', () => {
    initialise();
    pulse(6);
    out(0x20, 0x0c);
    expect([input(0x20), input(0x20)]).toEqual([0x86, 0]);
    out(0x20, 0x20);
    pulse(9);
    const before = pics.save();
    expect(pics.acknowledge()).toBe(0x29);
    pics.retract();
    expect([pics.save(), pics.asserted, pics.acknowledge()]).toEqual([before, true, 0x29]);
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
