import { CodeBytes } from './codeBytes.js';
import { dropWriteTags, dropAllWriteTags } from './fastTable.js';
import { MAX_CPUS, MAX_RAM, PAGE_DIRTY, PAGE_FLAGS_BASE, PAGE_HAS_CODE, PAGE_IS_TABLE, PAGE_MONITORED, PAGE_SIZE, PAGE_SLOW_STORES, RAM_BASE } from './layout.js';

/** Smallest RAM that a machine can be given, in bytes: what start-up in real mode needs. */
export const MIN_RAM_SIZE = 0x100000;
/** Largest RAM in bytes: host addresses must stay positive as 32-bit integers, and RAM_BASE bytes come before RAM. */
export const MAX_RAM_SIZE = Math.min(MAX_RAM, 0x80000000 - RAM_BASE);

const WASM_PAGE = 0x10000;

/**
 * The machine's one WebAssembly memory: guest RAM and, below RAM_BASE, everything that translated code shares with
 * TypeScript (`layout.ts`). Physical addresses are JS numbers; the views are indexed by host address, which is
 * RAM_BASE + physical address for RAM.
 */
export class GuestMemory {
  readonly wasm: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly view: DataView;
  /** RAM in bytes, and in pages of 4 KiB. */
  readonly ramSize: number;
  readonly ramPages: number;
  /** How many CPUs have fast tables that may hold write tags: the machine's CPUs. */
  cpus = MAX_CPUS;

  /**
   * Told that instructions that have been decoded from physical page number `page` have changed (after the change). The owner
   * of the translations drops those of the page and may then call `clearCode`.
   */
  onCodeWrite: (page: number) => void = () => {};
  /** Told that bytes have been stored that reach into a page with PAGE_MONITORED. */
  onMonitoredWrite: (physical: number, length: number) => void = () => {};
  /** Told that a page with PAGE_IS_TABLE, which it has no longer, has been written. */
  onTableWrite: () => void = () => {};
  private readonly code: CodeBytes;
  private readonly monitored = new Set<number>();
  /** The pages that have PAGE_DIRTY, in the order in which they got it. */
  private dirty: number[] = [];

  /** @param ramSize guest RAM in bytes, a multiple of 4 KiB. @throws RangeError naming the bounds if it is none */
  constructor(ramSize: number) {
    if (!Number.isInteger(ramSize) || ramSize < MIN_RAM_SIZE || ramSize > MAX_RAM_SIZE || ramSize % PAGE_SIZE !== 0) {
      throw new RangeError(`RAM of ${ramSize} bytes is not possible: give a multiple of 4096 from ${MIN_RAM_SIZE} (1 MiB) to `
        + `${MAX_RAM_SIZE} (${MAX_RAM_SIZE / 0x100000} MiB).`);
    }
    const pages = Math.ceil((RAM_BASE + ramSize) / WASM_PAGE);
    try {
      this.wasm = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (error) {
      throw new RangeError(`The host has no ${ramSize / 0x100000} MiB for the machine's RAM (${(error as Error).message}): choose a smaller size.`);
    }
    const buffer = this.wasm.buffer;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.view = new DataView(buffer);
    this.ramSize = ramSize;
    this.ramPages = ramSize / PAGE_SIZE;
    this.code = new CodeBytes(this.i32);
  }

  /** True if all of the range is RAM. */
  isRam(physical: number, length: number): boolean { return physical >= 0 && length >= 0 && physical + length <= this.ramSize; }

  /** A copy of `length` bytes of RAM. @throws RangeError if the range is not all RAM */
  read(physical: number, length: number): Uint8Array {
    this.check(physical, length);
    return this.u8.slice(RAM_BASE + physical, RAM_BASE + physical + length);
  }
  readU8(physical: number): number { this.check(physical, 1); return this.u8[RAM_BASE + physical]!; }
  readU16(physical: number): number { this.check(physical, 2); return this.view.getUint16(RAM_BASE + physical, true); }
  readU32(physical: number): number { this.check(physical, 4); return this.view.getUint32(RAM_BASE + physical, true); }
  readU64(physical: number): bigint { this.check(physical, 8); return this.view.getBigUint64(RAM_BASE + physical, true); }

  /** Writes bytes to RAM and invalidates code there; for loaders and the debugger. @throws RangeError if the range is not all RAM */
  write(physical: number, bytes: Uint8Array): void {
    this.check(physical, bytes.length);
    this.u8.set(bytes, RAM_BASE + physical);
    this.changed(physical, bytes.length);
  }
  writeU8(physical: number, value: number): void { this.check(physical, 1); this.u8[RAM_BASE + physical] = value; this.changed(physical, 1); }
  writeU16(physical: number, value: number): void { this.check(physical, 2); this.view.setUint16(RAM_BASE + physical, value, true); this.changed(physical, 2); }
  writeU32(physical: number, value: number): void { this.check(physical, 4); this.view.setUint32(RAM_BASE + physical, value, true); this.changed(physical, 4); }
  writeU64(physical: number, value: bigint): void { this.check(physical, 8); this.view.setBigUint64(RAM_BASE + physical, value, true); this.changed(physical, 8); }

  /** Zeroes a range of RAM. @throws RangeError if the range is not all RAM */
  fill(physical: number, length: number, value = 0): void {
    this.check(physical, length);
    this.u8.fill(value, RAM_BASE + physical, RAM_BASE + physical + length);
    this.changed(physical, length);
  }

  /** Bookkeeping after bytes of RAM have been changed behind the fast tables' back: PAGE_DIRTY, and code invalidation. */
  changed(physical: number, length: number): void {
    const last = Math.floor((physical + length - 1) / PAGE_SIZE);
    for (let page = Math.floor(physical / PAGE_SIZE); page <= last; page++) this.pageChanged(page, physical, length);
  }
  /** `changed` for one page number; by default all of the page. */
  pageChanged(page: number, physical = page * PAGE_SIZE, length = PAGE_SIZE): void {
    if (this.u8[PAGE_FLAGS_BASE + page]! & PAGE_IS_TABLE) {
      this.u8[PAGE_FLAGS_BASE + page]! &= ~PAGE_IS_TABLE;
      this.onTableWrite();
    }
    this.flagsChanged(page, physical, length);
  }
  /** `pageChanged` after a walk has set accessed or dirty flags in the page: no translation becomes another by that. */
  flagsChanged(page: number, physical = page * PAGE_SIZE, length = PAGE_SIZE): void {
    const flags = this.u8[PAGE_FLAGS_BASE + page]!;
    if (!(flags & PAGE_DIRTY)) this.markDirty(page);
    if (flags & PAGE_HAS_CODE && this.meetsCode(page, physical, length)) this.onCodeWrite(page);
    if (flags & PAGE_MONITORED) this.onMonitoredWrite(physical, length);
  }

  /** Gives PAGE_DIRTY to a page that does not have it: the only way to set it, since snapshots go by the list of such pages. */
  markDirty(page: number): void {
    this.u8[PAGE_FLAGS_BASE + page]! |= PAGE_DIRTY;
    this.dirty.push(page);
  }

  /** PAGE_* bits of a page of RAM. */
  pageFlags(page: number): number { return this.u8[PAGE_FLAGS_BASE + page]!; }

  /** Says that `length` bytes from offset `from` of the page on have been decoded: from now on writes to them are seen, on every CPU. */
  markCode(page: number, from = 0, length = PAGE_SIZE - from): void {
    this.code.mark(page, from, length);
    const flags = this.u8[PAGE_FLAGS_BASE + page]!;
    if (flags & PAGE_HAS_CODE) return;
    this.u8[PAGE_FLAGS_BASE + page] = flags | PAGE_HAS_CODE;
    dropWriteTags(this.i32, RAM_BASE + page * PAGE_SIZE, this.cpus);
  }
  /**
   * Says that entries of the page are held as translations: `onTableWrite` hears of the next write. True if the page has not been marked yet;
   * then the caller must end the write tags that lead to it.
   */
  markTable(page: number): boolean {
    const flags = this.u8[PAGE_FLAGS_BASE + page]!;
    this.u8[PAGE_FLAGS_BASE + page] = flags | PAGE_IS_TABLE;
    return !(flags & PAGE_IS_TABLE);
  }
  /** Says whether `onMonitoredWrite` is to be told of stores to the page, of any CPU. */
  setMonitored(page: number, monitored: boolean): void {
    if (this.monitored.has(page) === monitored) return;
    if (!monitored) {
      this.u8[PAGE_FLAGS_BASE + page]! &= ~PAGE_MONITORED;
      this.monitored.delete(page);
      return;
    }
    this.u8[PAGE_FLAGS_BASE + page]! |= PAGE_MONITORED;
    this.monitored.add(page);
    dropWriteTags(this.i32, RAM_BASE + page * PAGE_SIZE, this.cpus);
  }
  /** No page is monitored any more. */
  clearMonitored(): void { for (const page of this.monitored) this.setMonitored(page, false); }

  /** Must somebody be told of a store of `length` bytes at an offset in a page that has one of PAGE_SLOW_STORES? Not if it has code elsewhere only. */
  isSlowStore(page: number, from: number, length: number): boolean {
    return (this.pageFlags(page) & PAGE_SLOW_STORES & ~PAGE_HAS_CODE) !== 0 || this.code.meets(page, from, length);
  }

  /** Is a byte of a physical range decoded, as far as it lies in the page? */
  private meetsCode(page: number, physical: number, length: number): boolean {
    const from = Math.max(physical - page * PAGE_SIZE, 0), end = Math.min(physical + length - page * PAGE_SIZE, PAGE_SIZE);
    return this.code.meets(page, from, end - from);
  }

  /** Says that nothing decoded from the page is kept any more. */
  clearCode(page: number): void {
    this.u8[PAGE_FLAGS_BASE + page]! &= ~PAGE_HAS_CODE;
    this.code.clear(page);
  }
  /** `clearCode` for all pages. */
  clearAllCode(): void { for (const page of this.code.marked()) this.clearCode(page); }

  /** The numbers of the pages that have been written since `clearDirty`. */
  get dirtyPages(): readonly number[] { return this.dirty; }

  /**
   * Forgets which pages have been written, so that the next snapshot finds those written from now on.
   * @param cpus how many CPUs the machine has
   */
  clearDirty(cpus = this.cpus): void {
    for (const page of this.dirty) this.u8[PAGE_FLAGS_BASE + page]! &= ~PAGE_DIRTY;
    this.dirty = [];
    // All of them: only pages with PAGE_DIRTY have write tags.
    dropAllWriteTags(this.i32, cpus);
  }

  private check(physical: number, length: number): void {
    if (this.isRam(physical, length)) return;
    throw new RangeError(`Physical range 0x${physical.toString(16)} + ${length} bytes is not all RAM, which ends at 0x${this.ramSize.toString(16)}.`);
  }
}
