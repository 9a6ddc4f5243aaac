import { addressOf, attributeBitsHigh, describeEntry, type EntryKind, isLeaf, kindOf, type Level, pageAddressOf, type PagingFeatures, PTE_ATTRIBUTES_LOW, spanOf } from './bits.js';
import { brokenAttributes, decodeAttributes, effectiveOnly, hasReservedBits, isPoisoned, leafAttributes, type PageAttributes, restrictions } from './attributes.js';
import type { PhysicalReader } from './physical.js';

/** A run of pages with equal attributes. */
export interface PageRange extends PageAttributes {
  /** Unsigned linear address of the first byte. */
  start: bigint;
  /** Linear address behind the last byte; 2^64 for a range at the very top. */
  end: bigint;
  /** Bytes. */
  size: number;
  /** The level-4 entry forbids execution of user pages: the KAISER poison. */
  poisoned: boolean;
}

export interface RangeOptions {
  /** Break ranges also where the same effective rights come from different levels. On by default: it shows the poison. */
  provenance?: boolean;
  /** Stop after so many table pages; a table that refers to itself would never end. 200,000 by default. */
  tableLimit?: number;
}

export interface Ranges {
  ranges: PageRange[];
  /** Table pages visited, the root included; one that is referred to twice counts twice. */
  tables: number;
  /** True when `tableLimit` cut the walk short: the ranges are not all. */
  truncated: boolean;
}

const HALF = 0x8000_0000_0000;

/** The unsigned linear address of an offset into the 48-bit space: bit 47 is copied into bits 63:48. */
export function linearAddress(offset: number): bigint {
  return offset < HALF ? BigInt(offset) : BigInt(offset) + 0xffff_0000_0000_0000n;
}

/** The merged runs of one table, collected as numbers. */
class RangeCollector {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly attributes: number[] = [];
  private end = -1;
  private last = -1;
  tables = 0;

  private readonly highBits: number;

  constructor(private readonly reader: PhysicalReader, private readonly features: PagingFeatures, private readonly limit: number, private readonly fold: boolean) {
    this.highBits = attributeBitsHigh(features);
  }

  visit(level: Level, table: number, base: number, inherited: number): void {
    const page = this.reader.page(table);
    if (!page) {
      this.add(base, spanOf(level) * 512, brokenAttributes(level, false));
      return;
    }
    this.tables++;
    if (level === 1) {
      this.visitPageTable(page, base, inherited);
      return;
    }
    const span = spanOf(level);
    for (let i = 0; i < 1024; i += 2) {
      const low = page[i]!;
      if (!(low & 1)) continue;
      const high = page[i + 1]!;
      const at = base + (i >>> 1) * span;
      if (hasReservedBits(level, low, high, this.features)) this.add(at, span, brokenAttributes(level, true));
      else if (isLeaf(level, low)) this.add(at, span, inherited | leafAttributes(level, low, high));
      else if (this.tables < this.limit) this.visit((level - 1) as Level, addressOf(low, high), at, inherited | restrictions(level, low, high));
    }
  }

  /** Nearly all entries are here: those that equal their neighbour but for the address cost two reads and a compare. */
  private visitPageTable(page: Uint32Array, base: number, inherited: number): void {
    const { highBits } = this;
    for (let i = 0; i < 1024;) {
      const low = page[i]! & PTE_ATTRIBUTES_LOW;
      if (!(low & 1)) {
        i += 2;
        continue;
      }
      const high = page[i + 1]! & highBits;
      const first = i;
      do i += 2; while (i < 1024 && (page[i]! & PTE_ATTRIBUTES_LOW) === low && (page[i + 1]! & highBits) === high);
      const broken = hasReservedBits(1, low, high, this.features);
      this.add(base + first * 2048, (i - first) * 2048, broken ? brokenAttributes(1, true) : inherited | leafAttributes(1, low, high));
    }
  }

  private add(start: number, size: number, attributes: number): void {
    const key = this.fold ? effectiveOnly(attributes) : attributes;
    // The two halves of the address space are not neighbours, though their offsets are.
    if (start === this.end && key === this.last && start !== HALF) {
      this.end = this.ends[this.ends.length - 1] = start + size;
      return;
    }
    this.starts.push(start);
    this.ends.push(start + size);
    this.attributes.push(key);
    this.end = start + size;
    this.last = key;
  }
}

/**
 * All that a 4-level table maps, merged into runs of equal attributes, in the order of addresses (the low half of the
 * address space first).
 * @param root physical address of the PML4
 */
export function listRanges(reader: PhysicalReader, root: number, features: PagingFeatures, options: RangeOptions = {}): Ranges {
  const limit = options.tableLimit ?? 200_000;
  const collector = new RangeCollector(reader, features, limit, options.provenance === false);
  collector.visit(4, root, 0, 0);
  const ranges = collector.starts.map((start, i) => {
    const size = collector.ends[i]! - start;
    const attributes = collector.attributes[i]!;
    const linear = linearAddress(start);
    const { level, rights, limits, writeThrough, cacheDisable, pat, broken } = decodeAttributes(attributes);
    const poisoned = start < HALF && isPoisoned(attributes);
    return { start: linear, end: linear + BigInt(size), size, poisoned, level, rights, limits, writeThrough, cacheDisable, pat, broken };
  });
  return { ranges, tables: collector.tables, truncated: collector.tables >= limit };
}

/** A row of one table for a tree that opens level by level. */
export type TableRow =
  | { kind: 'absent'; first: number; last: number; start: bigint; end: bigint }
  | {
      kind: 'table' | 'page' | 'broken';
      first: number;
      last: number;
      start: bigint;
      end: bigint;
      level: Level;
      entryKind: EntryKind;
      /** The entry; of a folded run of pages the first one. */
      entry: bigint;
      entryAddress: number;
      /** Names of the set bits. */
      bits: string;
      /** Physical address of the next table or of the (first) page. */
      target: number;
      /** For `broken`: why nothing can be reached. */
      reason?: 'reserved bits' | 'table outside RAM';
    };

export interface ListOptions {
  /** Linear address at which the table's first entry begins; 0 for a root. */
  base?: bigint;
  /** Runs of at least so many pages with equal bits and consecutive physical addresses become one row. 4 by default. */
  foldFrom?: number;
}

/**
 * The entries of one table: a row for each present entry and one for each run of absent ones. Runs of equal leaves are
 * folded, accessed and dirty bits apart. Undefined where the table is outside RAM.
 * @param level the level of the table's entries: 4 for a root
 */
export function listTable(reader: PhysicalReader, level: Level, table: number, features: PagingFeatures, options: ListOptions = {}): TableRow[] | undefined {
  const page = reader.page(table);
  if (!page) return undefined;
  const base = Number(BigInt.asUintN(48, options.base ?? 0n));
  const span = spanOf(level);
  const foldFrom = options.foldFrom ?? 4;
  const start = (index: number): bigint => linearAddress(base + index * span);
  const end = (index: number): bigint => start(index) + BigInt(span);
  const rows: TableRow[] = [];
  for (let index = 0; index < 512;) {
    const low = page[index * 2]!;
    const high = page[index * 2 + 1]!;
    if (!(low & 1)) {
      let last = index;
      while (last < 511 && !(page[(last + 1) * 2]! & 1)) last++;
      rows.push({ kind: 'absent', first: index, last, start: start(index), end: end(last) });
      index = last + 1;
      continue;
    }
    const entry = (BigInt(high) << 32n) | BigInt(low);
    const leaf = isLeaf(level, low);
    const reserved = hasReservedBits(level, low, high, features);
    const target = leaf ? pageAddressOf(level, low, high) : addressOf(low, high);
    const outside = !leaf && !reader.page(target);
    let last = index;
    if (leaf && !reserved) {
      while (last < 511 && continues(page, level, index, last + 1)) last++;
      if (last - index + 1 < foldFrom) last = index;
    }
    rows.push({
      kind: reserved || outside ? 'broken' : leaf ? 'page' : 'table',
      first: index, last, start: start(index), end: end(last), level, entryKind: kindOf(level, low), entry, entryAddress: table + index * 8,
      bits: describeEntry(level, entry), target, ...(reserved ? { reason: 'reserved bits' as const } : outside ? { reason: 'table outside RAM' as const } : {}),
    });
    index = last + 1;
  }
  return rows;
}

/** Whether the leaf at `next` carries on the run that began at `first`: consecutive pages, equal bits but A and D. */
function continues(page: Uint32Array, level: Level, first: number, next: number): boolean {
  const low = page[next * 2]!;
  const high = page[next * 2 + 1]!;
  const firstLow = page[first * 2]!;
  const firstHigh = page[first * 2 + 1]!;
  if (!(low & 1) || !isLeaf(level, low)) return false;
  const bits = 0xfff & ~0x60;
  if ((low & bits) !== (firstLow & bits) || (high & 0xfff0_0000) !== (firstHigh & 0xfff0_0000)) return false;
  return pageAddressOf(level, low, high) === pageAddressOf(level, firstLow, firstHigh) + (next - first) * spanOf(level);
}
