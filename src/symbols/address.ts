/**
 * Addresses as the tables keep them. A canonical x86-64 address, read as a signed 64-bit number, has at most
 * 57 significant bits and in practice (48-bit addressing) 48, so a JavaScript number holds it exactly; typed arrays
 * of such keys sort and search far faster than arrays of bigint. At the API an address is an unsigned bigint.
 */

/** The key of an unsigned 64-bit address: the same bits read as signed. Exact for every canonical 48-bit address. */
export function toKey(address: bigint): number {
  return Number(BigInt.asIntN(64, address));
}

/** The unsigned 64-bit address of a key. */
export function fromKey(key: number): bigint {
  return BigInt.asUintN(64, BigInt(key));
}

/** Whether a key stands for its address exactly (within 2^53 of zero, read as signed). */
export function isExactKey(key: number): boolean {
  return Number.isSafeInteger(key);
}

/** Index of the last element of `keys[0..length)` that is <= `key`, or -1. The keys are sorted ascending. */
export function lastAtOrBelow(keys: ArrayLike<number>, length: number, key: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
