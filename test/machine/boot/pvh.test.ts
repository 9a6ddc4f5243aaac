import { describe, expect, it } from 'vitest';
import { acpiTables } from '../../../src/machine/boot/acpi.js';
import { readBootImage } from '../../../src/machine/boot/bootImage.js';
import { type BootOptions, ImageError, loadKernel } from '../../../src/machine/boot/loadKernel.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { CodeMode, RunState, Seg } from '../../../src/machine/cpu/layout.js';
import { TestCore } from '../cpu/testCore.js';

interface Segment { type?: number; physical?: number; bytes: number[]; memorySize?: number; }

/** A PVH note as gas writes it; `size` is that of its descriptor. */
function note(entry: number, owner = 'Xen', type = 18, size = 4): number[] {
  const name = [...owner].map(c => c.charCodeAt(0)).concat(0);
  const words = new Uint8Array(Uint32Array.of(name.length, size, type).buffer);
  const padded = [...name, ...new Array<number>(-name.length & 3).fill(0)];
  return [...words, ...padded, ...new Uint8Array(Uint32Array.of(entry).buffer), ...new Array<number>(size - 4).fill(0)];
}

/** Builds an ELF64 file of these segments. */
function elf(segments: Segment[], change: (view: DataView) => void = () => {}): Uint8Array {
  const headers = 64 + 56 * segments.length, size = headers + segments.reduce((sum, s) => sum + s.bytes.length, 0);
  const file = new Uint8Array(size), view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let offset = headers;
  segments.forEach((segment, n) => {
    const at = 64 + 56 * n;
    view.setUint32(at, segment.type ?? 1, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, 0xffffffff80000000n + BigInt(segment.physical ?? 0), true);
    view.setBigUint64(at + 24, BigInt(segment.physical ?? 0), true);
    view.setBigUint64(at + 32, BigInt(segment.bytes.length), true);
    view.setBigUint64(at + 40, BigInt(segment.memorySize ?? segment.bytes.length), true);
    file.set(segment.bytes, offset);
    offset += segment.bytes.length;
  });
  change(view);
  return file;
}

const good = (): Segment[] => [{ physical: 0x100000, bytes: [1, 2, 3, 4], memorySize: 16 }, { type: 4, bytes: note(0x100002) }];

describe('the image', () => {
  it('gives segments and the PVH entry', () => {
    const image = readBootImage(elf(good()), 'k');
    expect([image.protocol, image.entry]).toEqual(['pvh', 0x100002]);
    expect(image.segments.map(s => [s.physical, [...s.bytes], s.memorySize])).toEqual([[0x100000, [1, 2, 3, 4], 16]]);
  });
  it('finds the note behind others, and with a descriptor of 8 bytes', () => {
    const notes = [...note(1, 'GNU', 3), ...note(2, 'Xen', 6), ...note(0x100001, 'Xen', 18, 8)];
    expect(readBootImage(elf([good()[0]!, { type: 4, bytes: notes }]), 'k').entry).toBe(0x100001);
  });
  it.each<[string, () => Uint8Array, RegExp]>([
    ['an empty file', () => new Uint8Array(), /k: the file is empty/],
    ['text', () => new TextEncoder().encode('#!/bin/sh'), /k: neither an ELF file nor one with a multiboot header/],
    ['a cut header', () => elf(good()).slice(0, 40), /cut off: the file has 40 bytes/],
    ['a bzImage', () => Uint8Array.from({ length: 0x400 }, (_, n) => n >= 0x202 && n < 0x206 ? 'HdrS'.charCodeAt(n - 0x202) : 0), /k: a Linux boot image \(bzImage\).*vmlinux/],
    ['a gzip file', () => Uint8Array.of(0x1f, 0x8b, 8, 0), /k: compressed with gzip; unpack it first/],
    ['an unknown class', () => elf(good(), v => v.setUint8(4, 7)), /class 7, machine 62/],
    ['another machine', () => elf(good(), v => v.setUint16(18, 183, true)), /class 2, machine 183/],
    ['ELF64 for i386', () => elf(good(), v => v.setUint16(18, 3, true)), /class 2, i386\). Build the kernel for i386 as ELF32/],
    ['nothing to load', () => elf([good()[1]!]), /no segment to load/],
    ['big-endian', () => elf(good(), v => v.setUint8(5, 2)), /big-endian/],
    ['no program headers', () => elf([]), /no program headers/],
    ['tiny program headers', () => elf(good(), v => v.setUint16(54, 32, true)), /program headers of 32 bytes/],
    ['program headers beyond the end', () => elf(good(), v => v.setBigUint64(32, 1n << 60n, true)), /truncated: its program headers/],
    ['a segment beyond the end', () => elf(good()).slice(0, 64 + 112 + 2), /truncated: segment 0 ends at byte/],
    ['less memory than file', () => elf([{ ...good()[0]!, memorySize: 2 }, good()[1]!]), /damaged: segment 0 has 4 bytes in the file and 2 in memory/],
    ['no note', () => elf([good()[0]!]), /no entry point that this machine knows.*PVH/],
    ['a note of another owner', () => elf([good()[0]!, { type: 4, bytes: note(0x100000, 'GNU') }]), /no entry point/],
    ['a cut note', () => elf([good()[0]!, { type: 4, bytes: note(0x100000).slice(0, 16) }]), /no entry point/],
    ['an entry outside', () => elf([good()[0]!, { type: 4, bytes: note(0x80000000) }]), /PVH note leads to the entry 0x80000000, where no segment is loaded/],
  ])('%s is refused with the reason', (_what, file, message) => {
    expect(() => readBootImage(file(), 'k')).toThrow(ImageError);
    expect(() => readBootImage(file(), 'k')).toThrow(message);
  });
});

describe('loading', () => {
  const boot = (segments = good(), options: BootOptions = { commandLine: 'kaiser=on quiet', name: 'k' }) => {
    const t = new TestCore({ cpus: 3 });
    t.memory.fill(0x100000, 0x1000, 0xee);
    loadKernel(t, elf(segments), options);
    return t;
  };

  it('puts segments at their physical addresses and clears the rest', () => {
    expect([...boot().memory.read(0x100000, 17)]).toEqual([1, 2, 3, 4, ...new Array<number>(12).fill(0), 0xee]);
  });
  it('starts CPU 0 as the PVH specification says; the others wait', () => {
    const t = boot(), cpu = t.cpu;
    expect([cpu.rip, cpu.get(L.CR0), cpu.get(L.CR4), cpu.get(L.EFER), cpu.int(L.MODE) & 0x1f]).toEqual([0x100002n, 0x11n, 0n, 0n, CodeMode.Code32 | CodeMode.Stack32]);
    for (const seg of [Seg.CS, Seg.DS, Seg.ES, Seg.SS]) expect([cpu.segBase(seg), cpu.segLimit(seg)]).toEqual([0n, 0xffffffff]);
    expect([cpu.segLimit(Seg.TR), cpu.segRights(Seg.TR)]).toEqual([0x67, 0x8b]);
    expect(t.cpus.map(c => c.runState)).toEqual([RunState.Running, RunState.WaitForSipi, RunState.WaitForSipi]);
  });
  it('hvm_start_info in EBX has the command line, the memory map and the RSDP', () => {
    const t = boot(), m = t.memory, info = Number(t.cpu.gpr(3));
    expect([m.readU32(info), m.readU32(info + 4)]).toEqual([0x336ec578, 1]);
    const line = Number(m.readU64(info + 24));
    expect(new TextDecoder().decode(m.read(line, 16))).toBe('kaiser=on quiet\0');
    const map = Number(m.readU64(info + 40)), count = m.readU32(info + 48);
    const entries = Array.from({ length: count }, (_, n) => [m.readU64(map + 24 * n), m.readU64(map + 24 * n + 8), m.readU32(map + 24 * n + 16)]);
    expect(entries.filter(e => e[2] === 1)).toEqual([[0n, 0xa0000n, 1], [0x100000n, 0x300000n, 1]]);
    // Boot information and tables lie in what the map declares as present and nothing overlaps.
    expect(new TextDecoder().decode(m.read(Number(m.readU64(info + 32)), 8))).toBe('RSD PTR ');
    const sorted = entries.map(e => [e[0] as bigint, (e[0] as bigint) + (e[1] as bigint)]).sort((a, b) => a[0]! < b[0]! ? -1 : 1);
    for (let n = 1; n < sorted.length; n++) expect(sorted[n]![0]! >= sorted[n - 1]![1]!).toBe(true);
  });
  it('an image that does not fit says how much memory it needs', () => {
    const large = [{ physical: 0x100000, bytes: [1], memorySize: 0x500000 }, { type: 4, bytes: note(0x100000) }];
    expect(() => boot(large)).toThrow(/k: too large for 4 MiB of memory.*at least 6 MiB/);
  });
  it('boot information makes way for the kernel; ACPI tables do not', () => {
    const low = (physical: number, memorySize: number) => boot([{ physical, bytes: [1], memorySize }, { type: 4, bytes: note(physical) }]);
    expect([low(0x8000, 0x1000), low(0x8000, 0x1001), low(0x800, 0xa000), low(0, 0x9f000)].map(t => t.cpu.gpr(3))).toEqual([0x9000n, 0x1000n, 0xb000n, 0x9f000n]);
    expect(() => low(0, 0xa0000)).toThrow(/cover all memory below 640 KiB/);
    expect(() => low(0xe0000, 0x10001)).toThrow(/0xe0000-0xf0001 covers 0xf0000-0x100000, where the machine puts its ACPI tables/);
  });
  it('a command line that is too long is refused', () => {
    expect(() => boot(good(), { commandLine: 'x'.repeat(4096), name: 'k' })).toThrow(/command line of 4096 bytes is too long.*room for 4096 bytes/);
  });
  it('modules lie behind the kernel at page boundaries, each with its text', () => {
    const modules = [{ bytes: Uint8Array.of(9, 8, 7), commandLine: 'first one', name: 'a' }, { bytes: Uint8Array.of(6), commandLine: '', name: 'b' }];
    const t = boot(good(), { commandLine: '', name: 'k', modules }), m = t.memory, info = Number(t.cpu.gpr(3)), list = Number(m.readU64(info + 16));
    expect(m.readU32(info + 12)).toBe(2);
    const read = [0, 1].map(n => [0, 8, 16].map(at => Number(m.readU64(list + 32 * n + at))));
    expect(read.map(([at, size]) => [at, [...m.read(at!, size!)]])).toEqual([[0x101000, [9, 8, 7]], [0x102000, [6]]]);
    expect(new TextDecoder().decode(m.read(read[0]![2]!, 10))).toBe('first one\0');
    expect(() => boot(good(), { commandLine: '', name: 'k', modules: [{ bytes: new Uint8Array(0x300000), commandLine: '', name: 'initrd' }] }))
      .toThrow(/module initrd does not fit.*at least 5 MiB/);
  });
  it('leaves the first local APIC as firmware does: enabled, LINT0 for the 8259s, LINT1 for NMIs; the others untouched', () => {
    const t = boot();
    expect([0x0f, 0x35, 0x36].map(register => t.apics[0]!.peek(register))).toEqual([0x1ff, 0x8700, 0x8400]);
    expect([0x0f, 0x35, 0x36].map(register => t.apics[1]!.peek(register))).toEqual([0xff, 0x10000, 0x10000]);
  });
});

describe('ACPI tables', () => {
  const base = 0xf0000;
  const sum = (bytes: Uint8Array) => bytes.reduce((s, b) => s + b & 0xff, 0);
  it.each([1, 2, 8])('list %i processors by way of the RSDT and of the XSDT', count => {
    const bytes = acpiTables(count, base), view = new DataView(bytes.buffer);
    expect([sum(bytes.subarray(0, 20)), sum(bytes.subarray(0, 36))]).toEqual([0, 0]);
    const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
    const table = (physical: number, signature: string) => {
      const at = physical - base;
      expect(text(at, 4)).toBe(signature);
      expect(sum(bytes.subarray(at, at + view.getUint32(at + 4, true)))).toBe(0);
      return at;
    };
    const rsdt = table(view.getUint32(16, true), 'RSDT'), xsdt = table(Number(view.getBigUint64(24, true)), 'XSDT');
    const madt = table(view.getUint32(rsdt + 36, true), 'APIC');
    expect(Number(view.getBigUint64(xsdt + 36, true))).toBe(madt + base);
    expect(view.getUint32(madt + 36, true)).toBe(0xfee00000);
    const ids: number[] = [], others: number[][] = [], end = madt + view.getUint32(madt + 4, true);
    for (let at = madt + 44; at < end; at += bytes[at + 1]!) {
      if (bytes[at] === 0) ids.push(bytes[at + 3]! + (view.getUint32(at + 4, true) & 1 ? 0 : 100));
      else others.push([bytes[at]!, view.getUint32(at + 4, true)]);
    }
    expect(ids).toEqual(Array.from({ length: count }, (_, n) => n));
    // The I/O APIC, and the timer at its pin 2.
    expect(others).toEqual([[1, 0xfec00000], [2, 2]]);
  });
});
