import { describe, expect, it } from 'vitest';
import { readBootImage } from '../../../src/machine/boot/bootImage.js';
import { ImageError, loadKernel } from '../../../src/machine/boot/loadKernel.js';
import { TestCore } from '../cpu/testCore.js';

const MAGIC = 0x1badb002;
const words = (...values: number[]): number[] => [...new Uint8Array(Uint32Array.from(values).buffer)];
const header = (flags: number, ...rest: number[]): number[] => words(MAGIC, flags, -(MAGIC + flags), ...rest);

/** An ELF32 file for i386 with one segment; `virtual` is what the entry is given in. */
function elf32(bytes: number[], options: { virtual?: number; entry?: number; memorySize?: number } = {}): Uint8Array {
  const physical = 0x100000, { virtual = physical, entry = virtual, memorySize = bytes.length } = options;
  const file = new Uint8Array(0x80 + bytes.length), view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 3, true);
  view.setUint32(24, entry, true);
  view.setUint32(28, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, 1, true);
  [1, 0x80, virtual, physical, bytes.length, memorySize, 5, 0x1000].forEach((value, n) => view.setUint32(52 + 4 * n, value, true));
  file.set(bytes, 0x80);
  return file;
}

describe('a multiboot kernel', () => {
  it('as ELF32 is loaded by its segments and entered at the physical address of its entry', () => {
    const image = readBootImage(elf32([...header(3), 0xf4], { virtual: 0xc0100000, entry: 0xc010000c, memorySize: 64 }), 'k');
    expect([image.protocol, image.entry, image.segments.map(s => [s.physical, s.bytes.length, s.memorySize])]).toEqual(['multiboot', 0x10000c, [[0x100000, 13, 64]]]);
  });
  it('with address fields is loaded by these, whatever the file is', () => {
    const file = Uint8Array.from([0xaa, 0xaa, 0xaa, 0xaa, 1, 2, 3, 4, ...header(0x10003, 0x200004, 0x200000, 0x200024, 0x201000, 0x200020), 0xf4, 5, 6, 7, 0xee]);
    const image = readBootImage(file, 'k');
    expect(image.entry).toBe(0x200020);
    expect(image.segments.map(s => [s.physical, [...s.bytes.subarray(0, 4)], s.bytes.length, s.memorySize])).toEqual([[0x200000, [1, 2, 3, 4], 0x24, 0x1000]]);
  });
  it('without an end of loading is loaded to the end of the file', () => {
    const image = readBootImage(Uint8Array.from([...header(0x10000, 0x100000, 0x100000, 0, 0, 0x100020), 1, 2, 3]), 'k');
    expect(image.segments.map(s => [s.bytes.length, s.memorySize])).toEqual([[35, 35]]);
  });
  it('has its header in the first 8 KiB, at a multiple of 4, with the right checksum', () => {
    const flat = (at: number) => Uint8Array.from([...new Array<number>(at).fill(0x90), ...header(0x10000, 0x100000 + at, 0x100000, 0, 0, 0x100000 + at)]);
    expect(readBootImage(flat(4096), 'k').protocol).toBe('multiboot');
    for (const file of [flat(8192), flat(4098)]) expect(() => readBootImage(file, 'k')).toThrow(/neither an ELF file nor one with a multiboot header/);
    const wrong = flat(0);
    wrong[8]! ^= 1;
    expect(() => readBootImage(wrong, 'k')).toThrow(ImageError);
  });
  it.each<[string, number[], RegExp]>([
    ['unknown demands', header(0x18), /demands features 0x18/],
    ['a header before what is loaded', header(0x10000, 0x100000, 0x100004, 0, 0, 0x100000), /before the file or behind the header/],
    ['a load address before the file', header(0x10000, 0x100010, 0x100000, 0, 0, 0x100000), /before the file or behind the header/],
    ['an end before the beginning', header(0x10000, 0x100000, 0x100000, 0xf0000, 0, 0x100000), /ends loading at 0xf0000/],
    ['more than the file has', header(0x10000, 0x100000, 0x100000, 0x200000, 0, 0x100000), /truncated: its multiboot header loads 1048576 bytes/],
    ['cleared memory that ends too early', header(0x10000, 0x100000, 0x100000, 0, 0x100004, 0x100000), /ends the cleared memory at 0x100004/],
    ['missing address fields', header(0x10000), /truncated: the address fields/],
    ['an entry elsewhere', header(0x10000, 0x100000, 0x100000, 0, 0, 0x300000), /multiboot header leads to the entry 0x300000/],
    ['no address fields and no ELF file', [...header(0), ...new Array<number>(64).fill(0)], /big-endian|not an ELF file/],
  ])('%s: refused with the reason', (_what, bytes, message) => {
    expect(() => readBootImage(Uint8Array.from(bytes), 'k')).toThrow(ImageError);
    expect(() => readBootImage(Uint8Array.from(bytes), 'k')).toThrow(message);
  });

  it('finds command line, modules, memory map and the loader in its information structure', () => {
    const t = new TestCore({ cpus: 2 }), m = t.memory;
    loadKernel(t, elf32([...header(3), 0xf4], { entry: 0x10000c }), { name: 'k.elf', commandLine: 'a b', modules: [{ bytes: Uint8Array.of(1, 2, 3), commandLine: 'm 1', name: 'm' }] });
    expect([t.cpu.gpr(0), t.cpu.rip]).toEqual([0x2badb002n, 0x10000cn]);
    const info = Number(t.cpu.gpr(3)), field = (n: number) => m.readU32(info + n);
    const text = (at: number) => { let s = ''; for (let n = at; m.readU8(n); n++) s += String.fromCharCode(m.readU8(n)); return s; };
    expect([field(0), field(4), field(8), text(field(16)), text(field(64))]).toEqual([0x24f, 640, 3072, 'k.elf a b', 'kaiserscope']);
    const module = field(24);
    expect([field(20), m.readU32(module), m.readU32(module + 4), text(m.readU32(module + 8)), [...m.read(0x101000, 3)]]).toEqual([1, 0x101000, 0x101003, 'm 1', [1, 2, 3]]);
    const map: unknown[] = [];
    for (let at = field(48); at < field(48) + field(44); at += m.readU32(at) + 4) map.push([m.readU64(at + 4), m.readU64(at + 12), m.readU32(at + 20)]);
    expect(map).toEqual([[0n, 0xa0000n, 1], [0xf0000n, 0x10000n, 2], [0x100000n, 0x300000n, 1]]);
  });
});
