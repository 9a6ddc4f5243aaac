import { ImageError, type LoadSegment, readElfKernel } from './elfLoader.js';

/** The header that a multiboot kernel has in its first 8 KiB (Multiboot Specification 0.6.96, section 3.1). */
export const HEADER_MAGIC = 0x1badb002;
const SEARCH = 8192, HEADER_LEAST = 12, HEADER_WITH_ADDRESSES = 32;
/** Flags of the header: bits 0-15 must be understood by a loader, bit 16 says that the address fields count. */
const ALIGN_MODULES = 1 << 0, WANT_MEMORY = 1 << 1, WANT_VIDEO = 1 << 2, HAS_ADDRESSES = 1 << 16;
const UNDERSTOOD = ALIGN_MODULES | WANT_MEMORY | WANT_VIDEO;

/** Where the header is in the file and what it says. */
export interface MultibootHeader { offset: number; flags: number; }

/** Finds the header: 32-bit aligned, magic, flags and checksum adding up to zero. */
export function findMultibootHeader(file: Uint8Array): MultibootHeader | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength), end = Math.min(SEARCH, file.length) - HEADER_LEAST;
  for (let offset = 0; offset <= end; offset += 4) {
    if (view.getUint32(offset, true) !== HEADER_MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    if ((HEADER_MAGIC + flags + view.getUint32(offset + 8, true)) % 0x100000000 === 0) return { offset, flags };
  }
  return undefined;
}

/**
 * What a multiboot kernel wants to have loaded, and its entry: by the header's address fields (the "a.out kludge"), else
 * by the ELF file, of 32 or 64 bits. A wish for a video mode stays unfulfilled, as the specification allows.
 */
export function readMultibootKernel(file: Uint8Array, name: string, header: MultibootHeader): { segments: LoadSegment[]; entry: number } {
  const fail = (what: string): never => { throw new ImageError(`${name}: ${what}`); };
  const unknown = header.flags & 0xffff & ~UNDERSTOOD;
  if (unknown) fail(`its multiboot header demands features 0x${unknown.toString(16)} that Multiboot 0.6.96 does not have. Correct the header's flags.`);
  if (!(header.flags & HAS_ADDRESSES)) return readElfKernel(file, name);
  if (header.offset + HEADER_WITH_ADDRESSES > file.length) fail('truncated: the address fields of its multiboot header lie beyond the end of the file. Copy or build it again.');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const field = (n: number) => view.getUint32(header.offset + n, true), hex = (n: number) => `0x${n.toString(16)}`;
  const headerAddress = field(12), load = field(16), loadEnd = field(20), bssEnd = field(24), entry = field(28);
  const start = header.offset - (headerAddress - load);
  if (load > headerAddress || start < 0) {
    fail(`its multiboot header says that it lies at ${hex(headerAddress)} and loading begins at ${hex(load)}, which is before the file or behind the header. Correct the address fields.`);
  }
  if (loadEnd !== 0 && loadEnd < load) fail(`its multiboot header ends loading at ${hex(loadEnd)}, before it begins at ${hex(load)}. Correct the address fields.`);
  const size = loadEnd === 0 ? file.length - start : loadEnd - load;
  if (start + size > file.length) fail(`truncated: its multiboot header loads ${size} bytes from byte ${start} of a file of ${file.length}. Copy or build it again.`);
  if (bssEnd !== 0 && bssEnd < load + size) fail(`its multiboot header ends the cleared memory at ${hex(bssEnd)}, before the end of what is loaded, ${hex(load + size)}. Correct the address fields.`);
  return { segments: [{ physical: load, bytes: file.subarray(start, start + size), memorySize: bssEnd === 0 ? size : bssEnd - load }], entry };
}
