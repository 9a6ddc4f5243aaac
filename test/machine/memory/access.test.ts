import { describe, expect, it } from 'vitest';
import { GuestFault } from '../../../src/machine/core.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { Privilege } from '../../../src/machine/memory/access.js';
import type { PhysicalDevice } from '../../../src/machine/memory/bus.js';
import { checkFastTables } from '../../../src/machine/memory/fastCheck.js';
import { FAST_ENTRY_SIZE, FAST_TABLE_SIZE, PAGE_DIRTY, PAGE_HAS_CODE, RAM_BASE } from '../../../src/machine/memory/layout.js';
import { D, EXECUTE, Fixture, G, MODIFY, READ, RW, STACK, US, WRITE } from './fixture.js';

const FIRST = 0x40_0000_0000n, SECOND = FIRST + 0x1000n, DEVICE = FIRST + 0x2000n, NOTHING = FIRST + 0x3000n, HOLE = FIRST + 0x4000n;

/** Registers that remember what was done to them. */
class Recorder implements PhysicalDevice {
  readonly name = 'recorder';
  readonly base = 0xfee00000;
  readonly size = 0x1000;
  readonly log: string[] = [];
  value = 0x11223344;
  read(cpu: number, offset: number, size: number): number { this.log.push(`cpu ${cpu} read ${offset.toString(16)}/${size}`); return this.value; }
  write(cpu: number, offset: number, size: number, value: number): void { this.log.push(`cpu ${cpu} write ${offset.toString(16)}/${size} = ${value.toString(16)}`); }
}

/** Two neighbouring pages whose frames are not neighbours, a device page, a page of nothing, and a hole behind. */
function setUp(): { f: Fixture; device: Recorder; stepping: (on: boolean) => void; first: number; second: number; leaf: (linear: bigint) => number; codeWrites: number[] } {
  const f = new Fixture(16 << 20, 2);
  const device = new Recorder();
  f.bus.add(device);
  const root = f.page();
  f.map(root, FIRST, 0x600000, RW | US);
  f.map(root, SECOND, 0x500000, RW | US);
  f.map(root, DEVICE, 0xfee00000, RW);
  f.map(root, NOTHING, 0xd0000000, RW);
  f.paging(root);
  const codeWrites: number[] = [];
  f.memory.onCodeWrite = page => codeWrites.push(page);
  return {
    f, device, codeWrites, first: 0x600000, second: 0x500000, leaf: linear => f.entry(root, linear, 1),
    stepping: on => f.cpu.setInt(L.STEPPING, on ? 1 : 0),
  };
}

describe('resolve for an access across two pages', () => {
  it('leaves the block when it is not stepping, without any effect', () => {
    const { f, leaf } = setUp();
    expect(f.resolve(FIRST + 0xffcn, WRITE | 8)).toBe(-2);
    expect(f.memory.readU64(leaf(FIRST)) & D).toBe(0n);
    expect(f.resolve(FIRST + 0xff8n, WRITE | 8)).toBe(RAM_BASE + 0x600ff8);
  });

  it('reads through scratch', () => {
    const { f, stepping, first, second } = setUp();
    f.memory.writeU32(first + 0xffc, 0x55667788);
    f.memory.writeU32(second, 0x11223344);
    stepping(true);
    const host = f.resolve(FIRST + 0xffcn, READ | 8);
    expect(f.memory.view.getBigUint64(host, true)).toBe(0x1122334455667788n);
    expect(f.cpu.int(L.PENDING)).toBe(0);
  });

  it('gives two loads of an instruction different places', () => {
    const { f, stepping } = setUp();
    stepping(true);
    expect(f.resolve(FIRST + 0xfffn, READ | 2)).not.toBe(f.resolve(FIRST + 0xffen, READ | 4));
  });

  it('writes when the instruction is complete, and shows the present bytes before', () => {
    const { f, stepping, first, second } = setUp();
    f.memory.writeU16(first + 0xffe, 0xbbaa);
    f.memory.writeU16(second, 0xddcc);
    stepping(true);
    const host = f.resolve(FIRST + 0xffen, WRITE | MODIFY | 4);
    expect(f.memory.view.getUint32(host, true)).toBe(0xddccbbaa);
    f.memory.view.setUint32(host, 0x04030201, true);
    expect(f.memory.readU16(first + 0xffe)).toBe(0xbbaa);
    expect(f.cpu.int(L.PENDING)).toBe(1);
    f.mmu.flushPending(f.cpu.base);
    expect(f.cpu.int(L.PENDING)).toBe(0);
    expect([f.memory.readU16(first + 0xffe), f.memory.readU16(second)]).toEqual([0x0201, 0x0403]);
    expect(f.memory.pageFlags(second >> 12) & PAGE_DIRTY).toBe(PAGE_DIRTY);
  });

  it('carries out two stores of one instruction in their order', () => {
    const { f, stepping, first, second } = setUp();
    stepping(true);
    const one = f.resolve(FIRST + 0xfffn, WRITE | 2), two = f.resolve(FIRST + 0xffen, WRITE | 4);
    f.memory.view.setUint16(one, 0x2211, true);
    f.memory.view.setUint32(two, 0x66554433, true);
    expect(f.cpu.int(L.PENDING)).toBe(2);
    f.mmu.flushPending(f.cpu.base);
    expect([...f.memory.read(first + 0xffe, 2), ...f.memory.read(second, 2)]).toEqual([0x33, 0x44, 0x55, 0x66]);
  });

  it('faults with the address of the second page if that one is missing, and forgets a store that waited', () => {
    const { f, stepping } = setUp();
    stepping(true);
    f.resolve(FIRST + 0xfffn, WRITE | 2);
    expect(f.resolve(NOTHING + 0xfffn, WRITE | 2)).toBe(-1);
    expect(f.cpu.int(L.FAULT_VECTOR)).toBe(14);
    expect(f.cpu.get(L.FAULT_ADDRESS)).toBe(HOLE);
    expect(f.cpu.int(L.FAULT_ERROR)).toBe(2);
    expect(f.cpu.int(L.PENDING)).toBe(0);
  });

  it('faults with the address of the access if the first page is missing', () => {
    const { f, stepping } = setUp();
    stepping(true);
    expect(f.resolve(FIRST - 1n, READ | 2)).toBe(-1);
    expect(f.cpu.get(L.FAULT_ADDRESS)).toBe(FIRST - 1n);
  });

  it('wraps from the top of the address space to its bottom, and raises #GP into the hole between the halves', () => {
    const { f, stepping } = setUp();
    const root = Number(f.cpu.get(L.CR3));
    f.map(root, 0xffff_ffff_ffff_f000n, 0x700000, RW);
    f.map(root, 0n, 0x701000, RW);
    f.map(root, 0x7fff_ffff_f000n, 0x702000, RW);
    stepping(true);
    f.memory.writeU8(0x700fff, 0x12);
    f.memory.writeU8(0x701000, 0x34);
    expect(f.memory.view.getUint16(f.resolve(0xffff_ffff_ffff_ffffn, READ | 2), true)).toBe(0x3412);
    expect(f.resolve(0x7fff_ffff_ffffn, READ | 2)).toBe(-1);
    expect(f.cpu.int(L.FAULT_VECTOR)).toBe(13);
  });

  it('wraps at 4 GiB in compatibility mode', () => {
    const { f, stepping } = setUp();
    const root = Number(f.cpu.get(L.CR3));
    f.map(root, 0xffff_f000n, 0x700000, RW);
    f.map(root, 0n, 0x701000, RW);
    f.cpu.setInt(L.MODE, L.CodeMode.Code32);
    stepping(true);
    f.memory.writeU8(0x700fff, 0x12);
    f.memory.writeU8(0x701000, 0x34);
    expect(f.memory.view.getUint16(f.resolve(0xffff_ffffn, READ | 2), true)).toBe(0x3412);
  });
});

describe('addresses that are not canonical', () => {
  it.each([[READ, 13], [WRITE, 13], [EXECUTE, 13], [READ | STACK, 12], [WRITE | STACK, 12]])('kind %i raises exception %i with error code 0', (kind, vector) => {
    const { f } = setUp();
    for (const linear of [0x8000_0000_0000n, 0xffff_7fff_ffff_ffffn, 0x1_0000_0000_0000n, 0x7fff_ffff_0000_0000n]) {
      expect(f.resolve(linear, kind | 1)).toBe(-1);
      expect([f.cpu.int(L.FAULT_VECTOR), f.cpu.int(L.FAULT_ERROR), f.cpu.int(L.FAULT_HAS_ERROR)]).toEqual([vector, 0, 1]);
    }
  });
});

describe('device pages', () => {
  it('leave the block when it is not stepping and do not touch the device', () => {
    const { f, device } = setUp();
    expect(f.resolve(DEVICE + 0x80n, READ | 4)).toBe(-2);
    expect(device.log).toEqual([]);
  });

  it('are read by a load, written by a store after the instruction, and read before only by a read-modify-write', () => {
    const { f, device, stepping } = setUp();
    stepping(true);
    expect(f.memory.view.getUint32(f.resolve(DEVICE + 0x20n, READ | 4), true)).toBe(0x11223344);
    expect(device.log.splice(0)).toEqual(['cpu 0 read 20/4']);
    let host = f.resolve(DEVICE + 0xb0n, WRITE | 4);
    f.memory.view.setUint32(host, 0xcafe, true);
    expect(device.log).toEqual([]);
    f.mmu.flushPending(f.cpu.base);
    expect(device.log.splice(0)).toEqual(['cpu 0 write b0/4 = cafe']);
    host = f.resolve(DEVICE + 0xb0n, WRITE | MODIFY | 4);
    expect(f.memory.view.getUint32(host, true)).toBe(0x11223344);
    f.mmu.flushPending(f.cpu.base);
    expect(device.log).toEqual(['cpu 0 read b0/4', 'cpu 0 write b0/4 = 11223344']);
  });

  it('see wide accesses in pieces of 4 bytes, and the index of the CPU', () => {
    const { f, device } = setUp();
    f.paging(Number(f.cpu.get(L.CR3)), {}, f.cpus[1]!);
    f.access.write64(f.cpus[1]!, DEVICE + 0x300n, 0x1122334455667788n);
    expect(device.log.splice(0)).toEqual(['cpu 1 write 300/4 = 55667788', 'cpu 1 write 304/4 = 11223344']);
    expect(f.access.read64(f.cpus[1]!, DEVICE + 0x300n)).toBe(0x1122334411223344n);
    expect(f.access.read8(f.cpus[1]!, DEVICE + 0x301n)).toBe(0x44);
    expect(device.log.at(-1)).toBe('cpu 1 read 301/1');
  });

  it('may share an access with RAM', () => {
    const { f, device, stepping } = setUp();
    device.value = 0xaabbccdd;
    f.memory.writeU16(0x500ffe, 0x2211);
    stepping(true);
    expect(f.memory.view.getUint32(f.resolve(SECOND + 0xffen, READ | 4), true)).toBe(0xccdd2211);
    expect(device.log).toEqual(['cpu 0 read 0/2']);
  });

  it('cannot be executed', () => {
    const { f } = setUp();
    expect(() => f.resolve(DEVICE, EXECUTE | 1)).toThrow(/Instruction fetch from linear address 0x4000002000: physical 0xfee00000 is a register of recorder/);
    expect(() => f.resolve(NOTHING, EXECUTE | 1)).toThrow(/outside the 16 MiB of RAM/);
  });
});

describe('physical addresses without RAM or device', () => {
  it('read as all ones, swallow writes, and are counted and reported', () => {
    const { f } = setUp();
    const seen: string[] = [];
    f.bus.onUnclaimed = (cpu, physical, size, write) => seen.push(`${cpu} ${physical.toString(16)} ${size} ${write}`);
    expect(f.access.read32(f.cpu, NOTHING + 8n)).toBe(0xffffffff);
    f.access.write16(f.cpu, NOTHING + 8n, 0);
    expect(f.access.read16(f.cpu, NOTHING + 8n)).toBe(0xffff);
    expect(seen).toEqual(['0 d0000008 4 false', '0 d0000008 2 true', '0 d0000008 2 false']);
    expect(f.bus.unclaimed).toBe(3);
  });

  it('cannot be given to two devices, nor can RAM', () => {
    const { f } = setUp();
    expect(() => f.bus.add(new Recorder())).toThrow(/overlaps device recorder/);
    expect(() => f.bus.add({ name: 'bad', base: 0x1000, size: 1, read: () => 0, write: () => {} })).toThrow(/Device bad at 0x1000 lies in RAM/);
  });
});

describe('pages with decoded code', () => {
  it('are written in steps only, and the owner of the code is told after the bytes have changed', () => {
    const { f, stepping, codeWrites } = setUp();
    f.resolve(FIRST, WRITE | 4);
    const entry = f.cpu.int(L.FAST_TABLE) ^ Number(FIRST & 0xffffffffn) >>> 7 & FAST_TABLE_SIZE - FAST_ENTRY_SIZE;
    expect(f.memory.view.getInt32(entry + 8, true)).not.toBe(0);
    f.memory.markCode(0x600);
    expect(f.memory.view.getInt32(entry + 8, true)).toBe(0);
    expect(f.memory.view.getInt32(entry, true)).not.toBe(0);
    expect(f.resolve(FIRST, WRITE | 4)).toBe(-2);
    stepping(true);
    const host = f.resolve(FIRST, WRITE | 4);
    f.memory.view.setUint32(host, 0x90909090, true);
    expect(codeWrites).toEqual([]);
    f.memory.onCodeWrite = page => { codeWrites.push(page); expect(f.memory.readU32(0x600000)).toBe(0x90909090); };
    f.mmu.flushPending(f.cpu.base);
    expect(codeWrites).toEqual([0x600]);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  it('are reported whoever writes them: loader, debugger, handlers, the page walk', () => {
    const { f, codeWrites, leaf } = setUp();
    for (const page of [0x600, leaf(FIRST) >> 12]) f.memory.markCode(page);
    f.memory.write(0x600010, new Uint8Array(4));
    f.mmu.writeLinear(f.cpu, FIRST + 0x10n, new Uint8Array(4));
    expect(codeWrites.splice(0)).toEqual([0x600, 0x600]);
    f.access.write64(f.cpu, FIRST, 1n);
    expect(codeWrites.splice(0).sort()).toEqual([leaf(FIRST) >> 12, leaf(FIRST) >> 12, 0x600].sort());
  });

  it('are told apart by frame: another page keeps its write tag', () => {
    const { f } = setUp();
    f.resolve(SECOND, WRITE | 4);
    f.memory.markCode(0x600);
    expect(f.resolve(SECOND, WRITE | 4)).toBe(RAM_BASE + 0x500000);
    expect(f.memory.pageFlags(0x600) & PAGE_HAS_CODE).toBe(PAGE_HAS_CODE);
    f.memory.clearCode(0x600);
    expect(f.resolve(FIRST, WRITE | 4)).toBe(RAM_BASE + 0x600000);
  });
});

describe('Access', () => {
  it('reads and writes all widths, also across pages', () => {
    const { f } = setUp();
    for (const at of [FIRST + 0x10n, FIRST + 0x11n, FIRST + 0xffdn, FIRST + 0xfffn]) {
      f.access.write8(f.cpu, at, 0xa1);
      expect(f.access.read8(f.cpu, at)).toBe(0xa1);
      f.access.write16(f.cpu, at, 0xb1b2);
      expect(f.access.read16(f.cpu, at)).toBe(0xb1b2);
      f.access.write32(f.cpu, at, 0xc1c2c3c4);
      expect(f.access.read32(f.cpu, at)).toBe(0xc1c2c3c4);
      f.access.write64(f.cpu, at, 0xd1d2d3d4d5d6d7d8n);
      expect(f.access.read64(f.cpu, at)).toBe(0xd1d2d3d4d5d6d7d8n);
      f.access.write64Halves(f.cpu, Number(at & 0xffffffffn) | 0, Number(at >> 32n), -2, 7);
      f.access.read64Halves(f.cpu, Number(at & 0xffffffffn) | 0, Number(at >> 32n));
      expect([f.access.lo, f.access.hi]).toEqual([-2, 7]);
      f.access.writeBytes(f.cpu, at, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
      expect([...f.access.readBytes(f.cpu, at, 10)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
    expect(f.cpu.int(L.PENDING)).toBe(0);
  });

  it('changes nothing when the second page faults', () => {
    const { f, leaf } = setUp();
    f.memory.fill(0x600000, 0x1000, 0x5a);
    f.memory.writeU64(leaf(SECOND), 0n);
    for (const write of [
      () => f.access.write64(f.cpu, FIRST + 0xffcn, -1n), () => f.access.write16(f.cpu, FIRST + 0xfffn, 0),
      () => f.access.writeBytes(f.cpu, FIRST + 0xff8n, new Uint8Array(16)), () => f.access.checkWrite(f.cpu, FIRST + 0xff8n, 40),
    ]) {
      expect(write).toThrow(GuestFault);
      try { write(); } catch (e) { expect(e).toMatchObject({ vector: 14, errorCode: 2, address: SECOND }); }
      expect(f.memory.read(0x600ff0, 16).every(b => b === 0x5a)).toBe(true);
      expect(f.cpu.int(L.FAULT_VECTOR)).toBe(-1);
    }
  });

  it('goes by the CPL, or as supervisor implicitly', () => {
    const { f, leaf } = setUp();
    f.memory.writeU64(leaf(FIRST), 0x600000n | 1n | RW | G);
    f.privilege(3);
    expect(() => f.access.read32(f.cpu, FIRST)).toThrow(expect.objectContaining({ vector: 14, errorCode: 5, address: FIRST }));
    expect(f.access.read32(f.cpu, FIRST, Privilege.Supervisor)).toBe(0);
    f.access.write64(f.cpu, FIRST, 5n, Privilege.Supervisor);
    // What the supervisor has cached does not help the user.
    expect(() => f.access.read32(f.cpu, FIRST)).toThrow(GuestFault);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  it('raises #SS for a stack address that is not canonical', () => {
    const { f } = setUp();
    expect(() => f.access.write64(f.cpu, 0x8000_0000_0000n, 0n, Privilege.Stack)).toThrow(expect.objectContaining({ vector: 12, errorCode: 0 }));
    expect(() => f.access.write64(f.cpu, 0x8000_0000_0000n, 0n)).toThrow(expect.objectContaining({ vector: 13, errorCode: 0, address: undefined }));
  });
});

describe('paging', () => {
  it('turned off leaves linear addresses as they are', () => {
    const f = new Fixture(16 << 20);
    expect(f.resolve(0x123456n, WRITE | 4)).toBe(RAM_BASE + 0x123456);
    expect(f.mmu.entries(f.cpu)).toEqual([]);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
    expect(f.mmu.probe(f.cpu, 0x123456, 0)).toBe(0x123456);
  });

  it('turned on later does not use what was found before', () => {
    const f = new Fixture(16 << 20);
    f.resolve(0x5000n, READ | 4);
    const root = f.page();
    f.map(root, 0x5000n, 0x700000, RW);
    f.cpu.set(L.CR0, 0x80010001n);
    f.cpu.set(L.EFER, 0xd00n);
    f.mmu.loadCr3(f.cpu, BigInt(root));
    expect(f.resolve(0x5000n, READ | 4)).toBe(RAM_BASE + 0x700000);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

});

describe('the debugger', () => {
  it('translates without setting A or filling the TLB, for another root as well', () => {
    const { f, leaf } = setUp();
    const before = f.memory.readU64(leaf(FIRST));
    expect(f.mmu.probe(f.cpu, Number(FIRST & 0xffffffffn) | 0x123, Number(FIRST >> 32n))).toBe(0x600123);
    expect(f.memory.readU64(leaf(FIRST))).toBe(before);
    expect(f.mmu.entries(f.cpu)).toEqual([]);
    expect(f.mmu.probe(f.cpu, 0, 0)).toBe(-1);
    expect(f.mmu.probe(f.cpu, 0, 0x8000)).toBe(-1);
    const other = f.page();
    f.map(other, 0x1000n, 0x777000, 0n);
    f.map(other, 0x4000_0000n, 0x40000000, 0n, 2);
    f.map(other, 0x20_0000n, 0x600000, 0n, 1);
    expect(f.mmu.probe(f.cpu, 0x1abc, 0, other)).toBe(0x777abc);
    expect(f.mmu.probe(f.cpu, 0x4123_4567, 0, other)).toBe(0x4123_4567);
    expect(f.mmu.probe(f.cpu, 0x30_1234, 0, other)).toBe(0x701234);
  });

  it('reads and writes ranges up to the first byte that is not there, also read-only pages', () => {
    const { f, leaf } = setUp();
    f.memory.writeU64(leaf(FIRST), f.memory.readU64(leaf(FIRST)) & ~RW);
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => i);
    expect(f.mmu.writeLinear(f.cpu, FIRST + 0xff0n, bytes)).toBe(32);
    expect(f.mmu.readLinear(f.cpu, FIRST + 0xff0n, 32)).toEqual(bytes);
    expect(f.memory.read(0x500000, 16)).toEqual(bytes.slice(16));
    expect(f.mmu.readLinear(f.cpu, SECOND + 0xff0n, 64)).toHaveLength(16);
    expect(f.mmu.readLinear(f.cpu, HOLE, 64)).toHaveLength(0);
  });
});
