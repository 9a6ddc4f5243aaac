import { describe, expect, it } from 'vitest';
import { checkFastTables } from '../../../src/machine/memory/fastCheck.js';
import { GuestMemory, MAX_RAM_SIZE } from '../../../src/machine/memory/guestMemory.js';
import { PAGE_DIRTY, RAM_BASE } from '../../../src/machine/memory/layout.js';
import { Fixture, WRITE } from './fixture.js';

describe('GuestMemory', () => {
  it.each([0, -1, 4096, 1.5 * 4096, 0x100001, MAX_RAM_SIZE + 4096, Number.NaN, Infinity])('refuses %d bytes of RAM and says what is possible', size => {
    expect(() => new GuestMemory(size)).toThrow(/RAM of .* bytes is not possible: give a multiple of 4096 from 1048576 \(1 MiB\) to 2113929216 \(2016 MiB\)/);
  });

  it('has RAM where the layout says', () => {
    const memory = new GuestMemory(0x101000);
    memory.writeU64(0x100ff8, 0x1122334455667788n);
    expect(memory.view.getBigUint64(RAM_BASE + 0x100ff8, true)).toBe(0x1122334455667788n);
    expect([memory.readU8(0x100ff8), memory.readU16(0x100ff9), memory.readU32(0x100ffa)]).toEqual([0x88, 0x6677, 0x33445566]);
    expect(() => memory.readU64(0x100ff9)).toThrow(/Physical range 0x100ff9 \+ 8 bytes is not all RAM, which ends at 0x101000/);
    expect(() => memory.write(0x101000, new Uint8Array(1))).toThrow(RangeError);
    expect(() => memory.read(-1, 1)).toThrow(RangeError);
  });

  it('marks pages that are written, and sees writes again after the marks are cleared', () => {
    const f = new Fixture(2 << 20);
    f.resolve(0x5000n, WRITE | 4);
    expect(f.memory.pageFlags(5)).toBe(PAGE_DIRTY);
    f.memory.clearDirty();
    expect(f.memory.pageFlags(5)).toBe(0);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
    f.resolve(0x5000n, WRITE | 4);
    expect(f.memory.pageFlags(5)).toBe(PAGE_DIRTY);
    f.memory.write(0x7ffe, new Uint8Array(4));
    expect([f.memory.pageFlags(6), f.memory.pageFlags(7), f.memory.pageFlags(8)]).toEqual([0, PAGE_DIRTY, PAGE_DIRTY]);
  });
});
