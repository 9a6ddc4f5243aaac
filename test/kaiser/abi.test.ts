import { beforeEach, describe, expect, it } from 'vitest';
import { GuestReader, type KaiserAbi, readAbi } from '../../src/kaiser/index.js';
import { buildImage, DIRECT_MAP, ENTRY_AREA, HandBuilt, KERNEL_ROOT } from './machine.js';

const symbols = buildImage('kernel.S');
let machine: HandBuilt;
let guest: GuestReader;
beforeEach(() => {
  machine = new HandBuilt(symbols);
  guest = new GuestReader(readAbi(symbols) as KaiserAbi, symbols, machine.reader);
});

/** Writes a word of the image's data where it lies in RAM. */
function put(symbol: string, value: bigint, offset = 0): void {
  machine.tables.ram.setBigUint64(Number(machine.at(symbol) - 0xffff_ffff_8000_0000n) + offset, BigInt.asUintN(64, value), true);
}

describe('the ABI block', () => {
  it('has its fields by name', () => {
    expect(readAbi(symbols)).toMatchObject({ flagAddress: machine.at('kaiser_flag'), physmapBase: DIRECT_MAP, cpuEntryAreaBase: ENTRY_AREA, cpuEntryAreaStride: 0x4_0000n, offsetCurrent: 0x18n });
  });

  it('is missed in words on other kernels, and refused in another version', () => {
    expect(readAbi(buildImage('linux.S'))).toMatch(/linux\.S has no symbol kaiserscope_abi/);
    const altered = { ...symbols, bytesAt: (address: bigint, size: number) => {
      const bytes = symbols.bytesAt(address, size)?.slice();
      if (bytes) bytes[0] = 9;
      return bytes;
    } };
    expect(readAbi(altered)).toMatch(/has the version 0x4b53434f50450009, this debugger knows 0x4b53434f50450003: build the kernel anew/);
  });
});

describe('reading the guest', () => {
  it('gives the state of its KAISER', () => {
    expect(guest.state()).toEqual({ design: 'naive', enabled: 1, flag: 1, asks: 'flag', entryByCr3: false, halfPatched: false, looksBeforeSwapgs: false, onlineCpus: 2 });
    put('kaiser_enabled', 0n);
    expect(guest.state()).toMatchObject({ enabled: 0, flag: 0 });
    put('kaiser_design', 0n);
    expect(guest.state().design).toBeUndefined();
    put('kaiser_design', 0x123n);
    expect(guest.state().design).toBeUndefined();
  });

  it('gives each CPU its task, and the list of tasks with their tables', () => {
    expect(guest.currentTask(0)).toMatchObject({ pid: 1, comm: 'sh', state: 0, kernelRoot: 0x20_0000n });
    expect(guest.currentTask(1)).toMatchObject({ pid: 7, comm: 'storm', state: 2, kernelRoot: undefined });
    expect(guest.currentTask(2)).toBeUndefined();
    expect(guest.currentTask(-1)).toBeUndefined();
    expect(guest.tasks().map((task) => task.pid)).toEqual([1, 7]);
  });

  it('survives lists that are empty, go in circles or lead nowhere', () => {
    put('tasks', 0n);
    expect(guest.tasks()).toEqual([]);
    put('tasks', machine.at('task1'));
    put('task2', machine.at('task1'), 0x28);
    expect(guest.tasks().map((task) => task.pid)).toEqual([1, 7]);
    put('task2', 0xdead_beef_0000_0000n, 0x28);
    expect(guest.tasks().map((task) => task.pid)).toEqual([1, 7]);
    put('percpu0', 0xdead_beef_0000_0000n, 0x18);
    expect(guest.currentTask(0)).toBeUndefined();
  });

  it('finds kernel addresses without any page table: the image, the direct map; the rest through the first table', () => {
    expect(guest.physical(machine.at('jiffies'))).toBe(Number(machine.at('jiffies') - 0xffff_ffff_8000_0000n));
    expect(guest.physical(DIRECT_MAP + 0x1234n)).toBe(0x1234);
    expect(guest.physical(DIRECT_MAP + 0x40_0000n)).toBeUndefined();
    expect(guest.physical(ENTRY_AREA + 0x2010n)).toBeUndefined();
    expect(guest.initRoot()).toBeUndefined();
    put('init_pgd_phys', BigInt(KERNEL_ROOT));
    expect(guest.initRoot()).toBe(BigInt(KERNEL_ROOT));
    expect(guest.physical(ENTRY_AREA + 0x2010n)).toBe(0x21_2010);
    expect(guest.bytes(ENTRY_AREA + 0x3004n, 8)).toEqual(Uint8Array.of(0, 0x20, 0, 0, 0, 0xfe, 0xff, 0xff));
    expect(guest.bytes(ENTRY_AREA + 0x4ff8n, 16)).toBeUndefined();
  });
});
