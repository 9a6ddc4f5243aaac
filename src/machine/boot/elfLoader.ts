/**
 * What booting needs of an ELF file, of 32 or 64 bits: where its bytes go in physical memory, its entry and its PVH note.
 * Symbols and debug information are not the machine's business.
 */

/** An image that the machine cannot boot; the message says why and what to do. */
export class ImageError extends Error {}

export interface LoadSegment { physical: number; bytes: Uint8Array; /** Bytes in memory; those beyond `bytes` are zero. */ memorySize: number; }
export interface ElfKernel {
  bits: 32 | 64;
  segments: LoadSegment[];
  /** e_entry as a physical address: where it lies in a segment whose virtual and physical addresses differ, the difference is taken off. */
  entry: number;
  /** Physical address of the 32-bit PVH entry point, if the file has the note. */
  pvhEntry: number | undefined;
}

const PT_LOAD = 1, PT_NOTE = 4;
const EM_X86_64 = 62, EM_386 = 3;
/** XEN_ELFNOTE_PHYS32_ENTRY of the owner "Xen" (the PVH boot specification). */
const PHYS32_ENTRY = 18;

export function isElf(file: Uint8Array): boolean { return file.length >= 4 && file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46; }

/** Reads headers, segments and the PVH note (System V gABI, "ELF Header" and "Program Header"). @param name how messages call the file */
export function readElfKernel(file: Uint8Array, name: string): ElfKernel {
  const fail = (what: string): never => { throw new ImageError(`${name}: ${what}`); };
  const least = file[4] === 1 ? 52 : 64;
  if (file.length < least) fail(`the ELF header is cut off: the file has ${file.length} bytes.`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file[5] !== 1) fail('its ELF header says big-endian, which x86 is not. Build the kernel again.');
  const machine = view.getUint16(18, true), bits = file[4] === 1 ? 32 : 64, wide = bits === 64;
  if (file[4] !== 1 && file[4] !== 2 || machine !== EM_X86_64 && (wide || machine !== EM_386)) {
    fail(`not an ELF file for x86 (it is of class ${file[4]}, ${machine === EM_386 ? 'i386' : `machine ${machine}`}). Build the kernel for i386 as ELF32 or for x86-64 as ELF64.`);
  }
  /** A field that is 4 bytes in ELF32 and 8 in ELF64, at its offset in each. */
  const word = (at32: number, at64: number): number => wide ? Number(view.getBigUint64(at64, true)) : view.getUint32(at32, true);
  const offset = word(28, 32), size = view.getUint16(wide ? 54 : 42, true), count = view.getUint16(wide ? 56 : 44, true), needed = wide ? 56 : 32;
  if (count === 0) fail('it has no program headers, so nothing to load. Link it as an executable.');
  if (size < needed) fail(`damaged: program headers of ${size} bytes; ELF${bits} has ${needed}. Build the kernel again.`);
  if (offset + size * count > file.length) fail('truncated: its program headers lie beyond the end of the file. Copy or build it again.');
  const segments: LoadSegment[] = [];
  const entryAddress = wide ? view.getBigUint64(24, true) : BigInt(view.getUint32(24, true));
  let pvhEntry: number | undefined, entry = Number(entryAddress);
  for (let n = 0; n < count; n++) {
    const at = offset + n * size, type = view.getUint32(at, true);
    if (type !== PT_LOAD && type !== PT_NOTE) continue;
    const start = word(at + 4, at + 8), fileSize = word(at + 16, at + 32);
    if (start + fileSize > file.length) fail(`truncated: segment ${n} ends at byte ${start + fileSize} of a file of ${file.length}. Copy or build it again.`);
    const bytes = file.subarray(start, start + fileSize);
    if (type === PT_NOTE) { pvhEntry ??= pvhNote(bytes); continue; }
    const physical = word(at + 12, at + 24), memorySize = word(at + 20, at + 40);
    if (memorySize < fileSize) fail(`damaged: segment ${n} has ${fileSize} bytes in the file and ${memorySize} in memory. Build the kernel again.`);
    if (memorySize > 0) segments.push({ physical, bytes, memorySize });
    const virtual = wide ? view.getBigUint64(at + 16, true) : BigInt(view.getUint32(at + 8, true)), inside = entryAddress - virtual;
    if (inside >= 0n && inside < BigInt(memorySize)) entry = physical + Number(inside);
  }
  if (!segments.length) fail('it has no segment to load. Link it as an executable.');
  return { bits, segments, entry, pvhEntry };
}

function pvhNote(notes: Uint8Array): number | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength), align = (n: number) => Math.ceil(n / 4) * 4;
  for (let at = 0; at + 12 <= notes.length;) {
    const nameSize = view.getUint32(at, true), size = view.getUint32(at + 4, true), type = view.getUint32(at + 8, true);
    const name = at + 12, descriptor = name + align(nameSize);
    if (descriptor + size > notes.length) return undefined;
    const owner = nameSize === 4 && notes[name] === 0x58 && notes[name + 1] === 0x65 && notes[name + 2] === 0x6e;
    if (owner && type === PHYS32_ENTRY && size >= 4) return view.getUint32(descriptor, true);
    at = descriptor + align(size);
  }
  return undefined;
}
