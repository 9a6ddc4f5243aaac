import { ByteReader, OutOfData, stringAt } from './byteReader.js';
import { checkIdentity, ElfError, wanted } from './elfIdentity.js';

export { ElfError } from './elfIdentity.js';

/** One entry of the program header table (System V gABI, "Program Header"). Addresses and sizes in bytes. */
export interface ProgramHeader {
  type: number;
  flags: number;
  offset: number;
  virtualAddress: bigint;
  physicalAddress: bigint;
  fileSize: number;
  memorySize: number;
  align: number;
}

/** One entry of the section header table. `size` is the size in memory; NOBITS sections have no bytes in the file. */
export interface Section {
  index: number;
  name: string;
  type: number;
  flags: number;
  address: bigint;
  offset: number;
  size: number;
  link: number;
  entrySize: number;
}

export type SymbolKind = 'notype' | 'object' | 'function' | 'section' | 'file' | 'other';

/** One entry of .symtab. `section` is undefined for absolute and undefined symbols. */
export interface ElfSymbol {
  name: string;
  address: bigint;
  size: number;
  kind: SymbolKind;
  global: boolean;
  defined: boolean;
  section: Section | undefined;
}

export interface ElfImage {
  /** The name given by the caller, for messages. */
  name: string;
  bytes: Uint8Array;
  /** e_entry, a virtual address as linked. */
  entry: bigint;
  type: number;
  programHeaders: ProgramHeader[];
  sections: Section[];
  /** All of .symtab, in file order. Empty for a stripped image. */
  symbols: ElfSymbol[];
  /** The 32-bit physical entry point of the PVH note (Xen owner, type 18), where the image has one. */
  pvhEntry: number | undefined;
  /** The bytes of a section, or undefined where there is none or it has none in the file (NOBITS). */
  sectionData(name: string): Uint8Array | undefined;
}

export const PT_LOAD = 1;
export const PT_NOTE = 4;
export const SHT_SYMTAB = 2;
export const SHT_NOBITS = 8;
export const SHT_NOTE = 7;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_COMPRESSED = 0x800;

const ET_REL = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
/** XEN_ELFNOTE_PHYS32_ENTRY, Xen public/elfnote.h: a 32-bit physical address at which to enter by the PVH protocol. */
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

/**
 * Parses an ELF64 little-endian x86-64 image.
 * @param bytes the whole file
 * @param name how messages name the file
 * @throws ElfError for anything else, with the reason and what to do
 */
export function parseElf(bytes: Uint8Array, name = 'the program'): ElfImage {
  checkIdentity(bytes, name);
  try {
    return parseTables(bytes, name);
  } catch (error) {
    if (error instanceof OutOfData) {
      throw new ElfError('truncated', `${name} is truncated: the ELF file has ${bytes.length} bytes, but a table in it ${error.message}. `
        + 'Copy or build the file again.');
    }
    throw error;
  }
}

/** An image without anything that a debugger could ask, for kernels that are no ELF64 files and boot all the same. */
export function emptyImage(bytes: Uint8Array, name: string): ElfImage {
  return { name, bytes, entry: 0n, type: ET_EXEC, programHeaders: [], sections: [], symbols: [], pvhEntry: undefined, sectionData: () => undefined };
}

function parseTables(bytes: Uint8Array, name: string): ElfImage {
  const header = new ByteReader(bytes, 16);
  const type = header.u16();
  header.skip(2 + 4);
  const entry = header.u64();
  const programOffset = header.offset64();
  const sectionOffset = header.offset64();
  header.skip(4 + 2);
  const programEntrySize = header.u16();
  const programCount = header.u16();
  const sectionEntrySize = header.u16();
  let sectionCount = header.u16();
  let nameTableIndex = header.u16();

  if (type === ET_REL) {
    throw new ElfError('type', `${name} is a relocatable object file (ET_REL), not a linked kernel. Link it with ld and give the result.`);
  }
  if (type !== ET_EXEC && type !== ET_DYN) {
    throw new ElfError('type', `${name} is an ELF file of type ${type}${type === 4 ? ' (a core dump)' : ''}, not an executable. Give ${wanted}.`);
  }
  if (programCount > 0 && programEntrySize < 56) {
    throw new ElfError('damaged', `${name} is damaged: its program headers have ${programEntrySize} bytes, ELF64 has 56. Build the file again.`);
  }
  requireRange(name, bytes, 'program header table', programOffset, programCount * programEntrySize);

  const programHeaders: ProgramHeader[] = [];
  for (let i = 0; i < programCount; i++) {
    const reader = new ByteReader(bytes, programOffset + i * programEntrySize);
    const segment = { type: reader.u32(), flags: reader.u32(), offset: reader.offset64(), virtualAddress: reader.u64(), physicalAddress: reader.u64(),
      fileSize: reader.offset64(), memorySize: reader.offset64(), align: reader.offset64() };
    if (segment.type === PT_LOAD || segment.type === PT_NOTE) requireRange(name, bytes, `segment ${i}`, segment.offset, segment.fileSize);
    if (segment.type === PT_LOAD && segment.memorySize < segment.fileSize) {
      throw new ElfError('damaged', `${name} is damaged: segment ${i} has ${segment.fileSize} bytes in the file but ${segment.memorySize} in memory. `
        + 'Build the file again.');
    }
    programHeaders.push(segment);
  }

  const sections: Section[] = [];
  if (sectionOffset !== 0) {
    if (sectionEntrySize < 64) {
      throw new ElfError('damaged', `${name} is damaged: its section headers have ${sectionEntrySize} bytes, ELF64 has 64. Build the file again.`);
    }
    requireRange(name, bytes, 'section header table', sectionOffset, sectionEntrySize);
    // gABI: with 0xff00 sections or more, the count and the index of the name table stand in section header 0.
    const first = new ByteReader(bytes, sectionOffset + 32);
    const realCount = first.offset64();
    const realNameIndex = first.u32();
    if (sectionCount === 0) sectionCount = realCount;
    if (nameTableIndex === 0xffff) nameTableIndex = realNameIndex;
    requireRange(name, bytes, 'section header table', sectionOffset, sectionCount * sectionEntrySize);
    const nameOffsets: number[] = [];
    for (let i = 0; i < sectionCount; i++) {
      const reader = new ByteReader(bytes, sectionOffset + i * sectionEntrySize);
      nameOffsets.push(reader.u32());
      const sectionType = reader.u32();
      const flags = reader.offset64();
      const address = reader.u64();
      const offset = reader.offset64();
      const size = reader.offset64();
      const link = reader.u32();
      reader.skip(4 + 8);
      sections.push({ index: i, name: '', type: sectionType, flags, address, offset, size, link, entrySize: reader.offset64() });
    }
    const nameTable = sections[nameTableIndex];
    const names = nameTable ? dataOf(bytes, nameTable) : undefined;
    sections.forEach((section, i) => {
      section.name = names ? stringAt(names, nameOffsets[i]!) : '';
      if (i > 0 && section.type !== SHT_NOBITS && section.type !== 0) {
        requireRange(name, bytes, `section ${section.name || i}`, section.offset, section.size);
      }
    });
  }

  const byName = new Map<string, Section>();
  for (const section of sections) if (section.name && !byName.has(section.name)) byName.set(section.name, section);

  return {
    name, bytes, entry, type, programHeaders, sections,
    symbols: parseSymbols(bytes, sections),
    pvhEntry: findPvhEntry(bytes, programHeaders, sections),
    sectionData: (wantedName) => {
      const section = byName.get(wantedName);
      return section && section.type !== SHT_NOBITS ? dataOf(bytes, section) : undefined;
    },
  };
}

function requireRange(name: string, bytes: Uint8Array, what: string, offset: number, size: number): void {
  if (size > 0 && offset + size > bytes.length) {
    throw new ElfError('truncated', `${name} is truncated: its ${what} needs bytes 0x${offset.toString(16)} to 0x${(offset + size).toString(16)}, `
      + `but the file ends at 0x${bytes.length.toString(16)}. Copy or build the file again.`);
  }
}

function dataOf(bytes: Uint8Array, section: Section): Uint8Array {
  return bytes.subarray(section.offset, section.offset + section.size);
}

function parseSymbols(bytes: Uint8Array, sections: Section[]): ElfSymbol[] {
  const kinds: SymbolKind[] = ['notype', 'object', 'function', 'section', 'file'];
  const symbols: ElfSymbol[] = [];
  for (const table of sections) {
    if (table.type !== SHT_SYMTAB) continue;
    const strings = sections[table.link];
    if (!strings) continue;
    const names = dataOf(bytes, strings);
    const data = dataOf(bytes, table);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    // Entry 0 is reserved and undefined.
    for (let at = 24; at + 24 <= data.length; at += 24) {
      const info = data[at + 4]!;
      const sectionIndex = view.getUint16(at + 6, true);
      symbols.push({
        name: stringAt(names, view.getUint32(at, true)),
        address: view.getBigUint64(at + 8, true),
        size: view.getUint32(at + 20, true) * 0x1_0000_0000 + view.getUint32(at + 16, true),
        kind: kinds[info & 15] ?? 'other',
        global: info >> 4 !== 0,
        defined: sectionIndex !== 0,
        section: sectionIndex > 0 && sectionIndex < 0xff00 ? sections[sectionIndex] : undefined,
      });
    }
  }
  return symbols;
}

/** Looks through the notes in the segments, and where the image has no note segment in the sections. */
function findPvhEntry(bytes: Uint8Array, programHeaders: ProgramHeader[], sections: Section[]): number | undefined {
  const places = programHeaders.filter((segment) => segment.type === PT_NOTE).map((segment) => ({ offset: segment.offset, size: segment.fileSize, align: segment.align }));
  if (places.length === 0) {
    for (const section of sections) if (section.type === SHT_NOTE) places.push({ offset: section.offset, size: section.size, align: 4 });
  }
  for (const place of places) {
    const align = place.align === 8 ? 8 : 4;
    const end = place.offset + place.size;
    let at = place.offset;
    while (at + 12 <= end) {
      const reader = new ByteReader(bytes, at);
      const nameSize = reader.u32();
      const descriptorSize = reader.u32();
      const type = reader.u32();
      const descriptor = roundUp(at + 12 + nameSize, align);
      if (descriptor + descriptorSize > end) break;
      if (type === XEN_ELFNOTE_PHYS32_ENTRY && nameSize >= 3 && stringAt(bytes, at + 12).slice(0, nameSize) === 'Xen' && descriptorSize >= 4) {
        return new ByteReader(bytes, descriptor).u32();
      }
      at = roundUp(descriptor + descriptorSize, align);
    }
  }
  return undefined;
}

function roundUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

/**
 * The virtual address at which the image maps the byte that it loads at `physical`, or undefined where no segment
 * holds it. Code that runs before paging is on has physical addresses; symbols and lines are at the linked ones.
 */
export function virtualAddressOf(image: ElfImage, physical: bigint): bigint | undefined {
  for (const segment of image.programHeaders) {
    if (segment.type !== PT_LOAD) continue;
    const offset = physical - segment.physicalAddress;
    if (offset >= 0n && offset < BigInt(segment.memorySize)) return BigInt.asUintN(64, segment.virtualAddress + offset);
  }
  return undefined;
}

/** The bytes that the image puts at a virtual address as linked (zeroes past the file part), or undefined. */
export function imageBytesAt(image: ElfImage, address: bigint, size: number): Uint8Array | undefined {
  for (const segment of image.programHeaders) {
    if (segment.type !== PT_LOAD) continue;
    const offset = Number(BigInt.asIntN(64, address - segment.virtualAddress));
    if (offset < 0 || offset + size > segment.memorySize) continue;
    const result = new Uint8Array(size);
    const available = Math.max(0, Math.min(size, segment.fileSize - offset));
    result.set(image.bytes.subarray(segment.offset + offset, segment.offset + offset + available));
    return result;
  }
  return undefined;
}

/** The allocated section that holds an address, or undefined. */
export function sectionAt(image: ElfImage, address: bigint): Section | undefined {
  return image.sections.find((section) => (section.flags & SHF_ALLOC) !== 0 && address >= section.address && address - section.address < BigInt(section.size));
}

