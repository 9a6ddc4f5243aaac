import type { PagingFeatures, PhysicalReader } from '../paging/index.js';
import { readWord, translate } from '../paging/index.js';

/** A 64-bit word at a linear address under a root; undefined where a byte of it does not translate or is not in RAM. */
export function linearWord(reader: PhysicalReader, root: number, address: bigint, features: PagingFeatures): bigint | undefined {
  const physical = (at: bigint): number | undefined => translate(reader, root, at, features)?.physical;
  if ((address & 7n) === 0n) {
    const at = physical(address);
    return at === undefined ? undefined : readWord(reader, at);
  }
  let value = 0n;
  for (let i = 7n; i >= 0n; i--) {
    const at = physical(address + i);
    const page = at === undefined ? undefined : reader.page(at - at % 4096);
    if (at === undefined || !page) return undefined;
    value = value << 8n | BigInt(page[at % 4096 >>> 2]! >>> at % 4 * 8 & 0xff);
  }
  return value;
}
