import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ElfError, imageBytesAt, loadSymbols, parseElf, virtualAddressOf } from '../../src/symbols/index.js';
import { buildKernel, bytesOf, run, temporaryFolder } from './build.js';

const folder = temporaryFolder();
let bytes: Uint8Array;
let path: string;
beforeAll(() => {
  path = buildKernel(folder.path, 'kernel', '-O2', '-gdwarf-5');
  bytes = bytesOf(path);
});
afterAll(() => folder.remove());

function errorOf(data: Uint8Array): ElfError {
  try {
    parseElf(data, 'kernel.elf');
  } catch (error) {
    expect(error).toBeInstanceOf(ElfError);
    return error as ElfError;
  }
  throw new Error('parseElf took it');
}

function changed(change: (copy: Uint8Array, view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy, new DataView(copy.buffer));
  return copy;
}

describe('a linked kernel', () => {
  it('shows the sections and segments that readelf shows', () => {
    const image = parseElf(bytes);
    const sections = run('readelf', '-SW', path).split('\n').flatMap((line) => {
      const match = /^\s*\[\s*\d+\] (\S+)\s+\S+\s+([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+)/.exec(line);
      return match ? [`${match[1]} ${BigInt(`0x${match[2]}`)} ${parseInt(match[3]!, 16)} ${parseInt(match[4]!, 16)}`] : [];
    });
    expect(sections.length).toBeGreaterThan(8);
    expect(image.sections.slice(1).map((one) => `${one.name} ${one.address} ${one.offset} ${one.size}`)).toEqual(sections);
    const loads = run('readelf', '-lW', path).split('\n').filter((line) => line.trim().startsWith('LOAD'));
    const ours = image.programHeaders.filter((segment) => segment.type === 1);
    expect(ours).toHaveLength(loads.length);
    loads.forEach((line, i) => {
      const [, offset, virtual, physical, fileSize, memorySize] = line.trim().split(/\s+/);
      expect(ours[i]).toMatchObject({ offset: Number(offset), virtualAddress: BigInt(virtual!), physicalAddress: BigInt(physical!),
        fileSize: Number(fileSize), memorySize: Number(memorySize) });
    });
  });

  it('has its entry, its PVH entry and the physical view of its code', () => {
    const image = parseElf(bytes);
    const start = loadSymbols(image).table.addressOf('_start')!;
    expect(image.entry).toBe(start);
    expect(BigInt(image.pvhEntry!)).toBe(start - 0xffffffff80000000n);
    expect(virtualAddressOf(image, BigInt(image.pvhEntry!))).toBe(start);
    expect(virtualAddressOf(image, 0x10n)).toBeUndefined();
  });

  it('gives the bytes it loads, zeroes for what it only reserves, and nothing outside', () => {
    const image = parseElf(bytes);
    const entry = loadSymbols(image).table.addressOf('entry_syscall64')!;
    expect([...imageBytesAt(image, entry, 4)!]).toEqual([0x0f, 0x01, 0xf8, 0x50]); // swapgs; push %rax
    expect([...imageBytesAt(image, loadSymbols(image).table.addressOf('counter')!, 8)!]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(imageBytesAt(image, 0x1000n, 1)).toBeUndefined();
  });
});

describe('files that are no kernel', () => {
  const cases: [string, () => Uint8Array, string, RegExp][] = [
    ['an empty file', () => new Uint8Array(0), 'empty', /kernel\.elf is empty \(0 bytes\)/],
    ['a text', () => new TextEncoder().encode('hello world'), 'not-elf', /not an ELF file: it starts with the bytes 68 65 6c 6c/],
    ['a script', () => new TextEncoder().encode('#!/bin/sh\n'), 'not-elf', /it is a script/],
    ['a gzip file', () => Uint8Array.of(0x1f, 0x8b, 8, 0), 'not-elf', /compressed with gzip/],
    ['a bzImage', () => { const file = new Uint8Array(0x400); file.set(new TextEncoder().encode('HdrS'), 0x202); file.set([0x4d, 0x5a]); return file; }, 'not-elf', /bzImage/],
    ['the first bytes of an ELF header', () => bytes.slice(0, 18), 'truncated', /64 bytes, the file has 18/],
    ['a header alone', () => bytes.slice(0, 64), 'truncated', /program header table needs bytes 0x40 to 0x[0-9a-f]+, but the file ends at 0x40/],
    ['a file cut in a segment', () => bytes.slice(0, 0x1010), 'truncated', /segment \d needs bytes/],
    ['a file cut before its section headers', () => bytes.slice(0, bytes.length - 8), 'truncated', /section header table needs bytes/],
    ['a 32-bit header', () => changed((copy) => { copy[4] = 1; copy[18] = 3; }), 'class', /32-bit ELF file \(ELFCLASS32, i386\)/],
    ['a big-endian file', () => changed((copy) => { copy[5] = 2; copy[18] = 0; copy[19] = 21; }), 'endianness', /big-endian ELF file \(PowerPC64\)/],
    ['an AArch64 file', () => changed((copy) => { copy[18] = 183; }), 'machine', /built for AArch64, not for x86-64/],
    ['an unknown machine', () => changed((copy) => { copy[18] = 0x99; copy[19] = 0x99; }), 'machine', /machine number 39321/],
    ['an unknown class', () => changed((copy) => { copy[4] = 7; }), 'damaged', /unknown ELF class 7/],
    ['an object file', () => changed((copy) => { copy[16] = 1; }), 'type', /relocatable object file/],
    ['a core dump', () => changed((copy) => { copy[16] = 4; }), 'type', /core dump/],
    ['a segment larger in the file than in memory', () => changed((_copy, view) => { view.setBigUint64(64 + 40, 1n, true); }), 'damaged', /segment 0 has/],
    ['a wild program header offset', () => changed((_copy, view) => { view.setBigUint64(32, 0x7fffffffffffffffn, true); }), 'truncated', /truncated/],
  ];
  it.each(cases)('%s is refused with the reason', (_what, make, kind, message) => {
    const error = errorOf(make());
    expect(error.kind).toBe(kind);
    expect(error.message).toMatch(message);
    expect(error.message.startsWith('kernel.elf ')).toBe(true);
    expect(error.message).toMatch(/(Give|Build|build|Copy|Link) /);
  });

  it('a real 32-bit object and a real relocatable object are told apart', () => {
    const source = join(folder.path, 'a.s');
    writeFileSync(source, 'nop\n');
    run('as', '--32', source, '-o', join(folder.path, 'a32.o'));
    run('as', '--64', source, '-o', join(folder.path, 'a64.o'));
    expect(errorOf(bytesOf(join(folder.path, 'a32.o'))).kind).toBe('class');
    expect(errorOf(bytesOf(join(folder.path, 'a64.o'))).kind).toBe('type');
  });

  it('every prefix of a kernel is refused or read, and never throws anything but ElfError', () => {
    for (let size = 0; size < bytes.length; size += size < 0x400 ? 1 : 97) {
      try {
        parseElf(bytes.slice(0, size));
      } catch (error) {
        expect(error).toBeInstanceOf(ElfError);
      }
    }
  });
});

describe('images without debug information', () => {
  it('say what is missing', () => {
    const stripped = join(folder.path, 'stripped.elf');
    run('strip', '-o', stripped, path);
    const symbols = loadSymbols(parseElf(bytesOf(stripped), 'stripped.elf'));
    expect(symbols.problems).toEqual([expect.stringContaining('no symbol table'), expect.stringContaining('no line numbers')]);
    expect(symbols.table.symbolAt(symbols.image.entry)).toBeUndefined();
    expect(symbols.lines.locationAt(symbols.image.entry)).toBeUndefined();
  });

  it('say that compressed sections are not read', () => {
    const compressed = join(folder.path, 'compressed.elf');
    run('objcopy', '--compress-debug-sections=zlib-gabi', path, compressed);
    const { problems } = loadSymbols(parseElf(bytesOf(compressed), 'compressed.elf'));
    expect(problems.join('\n')).toMatch(/\.debug_\w+ is compressed and is not read/);
  });
});
