import type { PagingFeatures, PhysicalReader } from '../paging/index.js';
import { readWord, walk } from '../paging/index.js';
import { PT_LOAD, type Symbols } from '../symbols/index.js';

/**
 * Reads a kernel's memory by its linear addresses, whatever tables the CPUs use: kernel-image addresses lie where the image was loaded,
 * direct-map addresses at a fixed distance; all else goes through the kernel's first page table.
 */
export class GuestMemory {
  /** Physical pages of addresses that lie at a fixed distance, by page number. */
  private readonly fixedPages = new Map<bigint, number>();

  /** @param layout where all of RAM is mapped (0: nowhere), and the address of a word that holds the physical address of the first table */
  constructor(private readonly layout: { physmapBase: bigint; initRootAddress: bigint }, protected readonly symbols: Symbols, protected readonly reader: PhysicalReader,
    private readonly features: PagingFeatures) {}

  /** The physical address of a kernel address, or undefined. */
  physical(address: bigint): number | undefined {
    const linear = BigInt.asUintN(64, address);
    const known = this.fixedPages.get(linear >> 12n);
    if (known !== undefined) return known + Number(linear & 0xfffn);
    const fixed = this.fixed(linear);
    if (fixed !== undefined) {
      this.fixedPages.set(linear >> 12n, fixed - fixed % 4096);
      return fixed;
    }
    const root = this.u64Physical(this.layout.initRootAddress);
    if (root === undefined || root === 0n) return undefined;
    const { result } = walk(this.reader, Number(root), linear, this.features);
    return result.kind === 'mapped' && result.physical < this.reader.size ? result.physical : undefined;
  }

  /** The physical address of what lies in the image or in the direct map, whatever the tables say. */
  private fixed(linear: bigint): number | undefined {
    const inRam = (candidate: bigint): number | undefined => (candidate >= 0n && candidate < BigInt(this.reader.size) ? Number(candidate) : undefined);
    for (const segment of this.symbols.image.programHeaders) {
      const offset = linear - segment.virtualAddress;
      // User programs are linked low and lie elsewhere once exec has copied them.
      if (segment.type === PT_LOAD && segment.virtualAddress >> 63n !== 0n && offset >= 0n && offset < BigInt(segment.memorySize)) return inRam(segment.physicalAddress + offset);
    }
    const direct = linear - this.layout.physmapBase;
    return this.layout.physmapBase !== 0n && direct >= 0n && direct < BigInt(this.reader.size) ? Number(direct) : undefined;
  }

  /** Bytes at a kernel address; undefined where a page of them cannot be read. */
  bytes(address: bigint, size: number): Uint8Array | undefined {
    const result = new Uint8Array(size);
    for (let done = 0; done < size;) {
      const at = this.physical(address + BigInt(done));
      const page = at === undefined ? undefined : this.reader.page(at - (at % 4096));
      if (at === undefined || !page) return undefined;
      const offset = at % 4096;
      const count = Math.min(4096 - offset, size - done);
      result.set(new Uint8Array(page.buffer, page.byteOffset + offset, count), done);
      done += count;
    }
    return result;
  }

  protected u64(address: bigint): bigint | undefined {
    const aligned = (address & 7n) === 0n ? this.physical(address) : undefined;
    if (aligned !== undefined) return readWord(this.reader, aligned);
    const bytes = this.bytes(address, 8);
    return bytes && new DataView(bytes.buffer).getBigUint64(0, true);
  }

  protected u32(address: bigint): number | undefined {
    const aligned = (address & 3n) === 0n ? this.physical(address) : undefined;
    if (aligned !== undefined) return this.reader.page(aligned - aligned % 4096)?.[aligned % 4096 >>> 2];
    const bytes = this.bytes(address, 4);
    return bytes && new DataView(bytes.buffer).getUint32(0, true);
  }

  /** A NUL-terminated text of printable characters; undefined for anything else. */
  protected text(address: bigint, limit: number): string | undefined {
    // Byte by byte, since the text may end right before a page that cannot be read.
    let text = '';
    for (let i = 0; i < limit; i++) {
      const byte = this.bytes(address + BigInt(i), 1)?.[0];
      if (byte === undefined || (byte !== 0 && (byte < 0x20 || byte > 0x7e))) return undefined;
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** A word of the kernel image, without the way through page tables that would lead back here. */
  private u64Physical(address: bigint): bigint | undefined {
    for (const segment of this.symbols.image.programHeaders) {
      const offset = address - segment.virtualAddress;
      if (segment.type !== PT_LOAD || offset < 0n || offset >= BigInt(segment.memorySize)) continue;
      const at = Number(segment.physicalAddress + offset);
      const page = this.reader.page(at - (at % 4096));
      return page && new DataView(page.buffer, page.byteOffset).getBigUint64(at % 4096, true);
    }
    return undefined;
  }
}
