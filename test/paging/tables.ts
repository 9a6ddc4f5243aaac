import { addressOf, isLeaf, type Level, linearAddress, type PhysicalReader, readerOf } from '../../src/paging/index.js';

export const P = 1n, RW = 2n, US = 4n, PWT = 8n, PCD = 0x10n, A = 0x20n, D = 0x40n, PS = 0x80n, G = 0x100n, NX = 1n << 63n;

/** Page tables written by hand into a RAM of their own. */
export class Tables {
  readonly ram: DataView;
  readonly reader: PhysicalReader;
  private free = 0x1000;

  constructor(size = 0x40_0000) {
    this.ram = new DataView(new ArrayBuffer(size));
    this.reader = readerOf(this.ram);
  }

  /** A fresh zeroed table page. */
  page(): number {
    const address = this.free;
    this.free += 0x1000;
    return address;
  }

  set(table: number, index: number, entry: bigint): void {
    this.ram.setBigUint64(table + index * 8, BigInt.asUintN(64, entry), true);
  }

  get(table: number, index: number): bigint {
    return this.ram.getBigUint64(table + index * 8, true);
  }

  /** Maps a page: tables on the way are made with `upper` bits where they lack. */
  map(root: number, address: bigint, physical: bigint, bits: bigint, level: Level = 1, upper = P | RW | US): void {
    let table = root;
    for (let at = 4; at > level; at--) {
      const index = Number((address >> BigInt(12 + 9 * (at - 1))) & 511n);
      if (!(this.get(table, index) & P)) this.set(table, index, BigInt(this.page()) | upper);
      table = Number(this.get(table, index) & 0x000f_ffff_ffff_f000n);
    }
    this.set(table, Number((address >> BigInt(12 + 9 * (level - 1))) & 511n), physical | bits | (level > 1 ? PS : 0n));
  }

  /** Physical address of the table that holds the entry of a level for an address. */
  tableFor(root: number, address: bigint, level: Level): number {
    let table = root;
    for (let at = 4; at > level; at--) table = Number(this.get(table, Number((address >> BigInt(12 + 9 * (at - 1))) & 511n)) & 0x000f_ffff_ffff_f000n);
    return table;
  }
}

/** A small generator of numbers, the same at every run (xorshift32). */
export function random(seed: number): (below: number) => number {
  let state = seed || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/**
 * Fills a few tables at random: entries of all kinds, tables used twice, reserved bits, references out of RAM. Returns
 * the root; `also` a second one that shares some of the tables.
 */
export function randomTables(tables: Tables, seed: number): { root: number; also: number } {
  const next = random(seed);
  const pages: number[][] = [[], [], [], [], []];
  for (let level = 1; level <= 4; level++) for (let i = 0; i < 3; i++) pages[level]!.push(tables.page());
  for (let level = 1; level <= 4; level++) {
    for (const table of pages[level]!) {
      for (let i = 0; i < 12; i++) {
        // Neighbours often, so that there is something to merge.
        const index = next(3) === 0 ? next(512) : [0, 1, 2, 3, 255, 256, 257, 508, 510, 511][next(10)]!;
        let entry = P | BigInt(next(0x40)) << 1n;
        if (next(4) === 0) entry |= NX;
        if (next(6) === 0) entry |= G;
        if (next(20) === 0) entry &= ~P;
        if (level === 1 || (level < 4 && next(3) === 0)) entry |= (level > 1 ? PS : BigInt(next(2)) << 7n) | BigInt(next(64)) << BigInt(12 + 9 * (level - 1));
        else {
          entry &= ~PS;
          entry |= BigInt(next(25) === 0 ? 0x7_0000_0000 : pages[level - 1]![next(3)]!);
        }
        if (next(30) === 0) entry |= 1n << 50n;
        tables.set(table, index, entry);
      }
    }
  }
  return { root: pages[4]![0]!, also: pages[4]![1]! };
}

/** The offsets into the 48-bit space at which anything can change: both ends of every entry that a walk can meet. */
export function boundaries(tables: Tables, root: number): Set<bigint> {
  const found = new Set<number>([0, 0x8000_0000_0000]);
  const visit = (level: Level, table: number, base: number): void => {
    if (table + 4096 > tables.reader.size) return;
    const span = 2 ** (12 + 9 * (level - 1));
    for (let index = 0; index < 512; index++) {
      const entry = tables.get(table, index);
      if (!(entry & P)) continue;
      const low = Number(entry & 0xffff_ffffn);
      found.add(base + index * span).add(base + (index + 1) * span);
      if (!isLeaf(level, low)) {
        if (level > 1) visit((level - 1) as Level, addressOf(low, Number(entry >> 32n)), base + index * span);
      }
    }
  };
  visit(4, root, 0);
  found.delete(2 ** 48);
  return new Set([...found].map(linearAddress));
}
