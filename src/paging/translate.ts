import { addressOf, isLeaf, type Level, NO_EXECUTE_HIGH, pageAddressOf, type PagingFeatures, reservedBits, USER, WRITABLE } from './bits.js';
import type { PhysicalReader } from './physical.js';

/** Where an address leads, and what all levels together allow (SDM Vol. 3A, 4.6.1). */
export interface Translation {
  physical: number;
  user: boolean;
  write: boolean;
  execute: boolean;
  /** What the levels below the top one, where the poison sits, say of execution. */
  executeBelowTop: boolean;
}

/**
 * The bare outcome of `walk`, for who asks often: undefined where that says anything but `mapped`.
 * @param root physical address of the PML4
 */
export function translate(reader: PhysicalReader, root: number, address: bigint, features: PagingFeatures): Translation | undefined {
  // 16 bits and four indices, without a bigint in the loop.
  const high = Number(BigInt.asUintN(64, address) >> 32n), low = Number(address & 0xffff_ffffn);
  const top = high >>> 15;
  if (top !== 0 && top !== 0x1ffff) return undefined;
  let table = root, user = true, write = true, execute = true, executeBelowTop = true;
  for (let level: Level = 4; ; level = (level - 1) as Level) {
    const page = reader.page(table);
    if (!page) return undefined;
    const index = level === 4 ? high >>> 7 & 511 : level === 3 ? (high & 0x7f) << 2 | low >>> 30 : low >>> (level === 2 ? 21 : 12) & 511;
    const entryLow = page[index * 2]!, entryHigh = page[index * 2 + 1]!;
    if (!(entryLow & 1)) return undefined;
    const reserved = reservedBits(level, entryLow, entryHigh, features);
    if (reserved.low || reserved.high) return undefined;
    user &&= (entryLow & USER) !== 0;
    write &&= (entryLow & WRITABLE) !== 0;
    const noExecute = (entryHigh & NO_EXECUTE_HIGH) !== 0;
    execute &&= !noExecute;
    if (level !== 4) executeBelowTop &&= !noExecute;
    if (isLeaf(level, entryLow)) {
      const offset = level === 3 ? low & 0x3fff_ffff : level === 2 ? low & 0x1f_ffff : low & 0xfff;
      return { physical: pageAddressOf(level, entryLow, entryHigh) + offset, user, write, execute, executeBelowTop };
    }
    table = addressOf(entryLow, entryHigh);
  }
}
