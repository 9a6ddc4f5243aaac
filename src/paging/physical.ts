/**
 * How this folder reads page tables: a whole table page at a time, as 1,024 unsigned 32-bit words (low and high half
 * of each of the 512 entries). Numbers and typed arrays keep the inner loops free of bigint.
 */
export interface PhysicalReader {
  /** RAM in bytes, from physical address 0. */
  readonly size: number;
  /** The words of the 4 KiB page at a page-aligned physical address, or undefined where the page is not all RAM. */
  page(address: number): Uint32Array | undefined;
}

export const PAGE_SIZE = 4096;

/**
 * Reads RAM that lies in one buffer, whose first byte is physical address 0. The view must start at a multiple of
 * four in its buffer, and host and guest are both little-endian (every host that runs WebAssembly is).
 */
export function readerOf(ram: DataView | Uint8Array): PhysicalReader {
  if (ram.byteOffset % 4 !== 0) throw new RangeError(`RAM starts at byte ${ram.byteOffset} of its buffer, which is not a multiple of 4`);
  const words = new Uint32Array(ram.buffer, ram.byteOffset, ram.byteLength >>> 2);
  return {
    size: ram.byteLength,
    page: (address) => (address >= 0 && address + PAGE_SIZE <= ram.byteLength ? words.subarray(address / 4, address / 4 + 1024) : undefined),
  };
}

/** One 64-bit word of physical memory, or undefined outside RAM. `address` is a multiple of 8. */
export function readWord(reader: PhysicalReader, address: number): bigint | undefined {
  const page = reader.page(address - (address % PAGE_SIZE));
  if (!page) return undefined;
  const at = (address % PAGE_SIZE) / 4;
  return (BigInt(page[at + 1]!) << 32n) | BigInt(page[at]!);
}
