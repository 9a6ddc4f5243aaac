import { expect, it } from 'vitest';
import { defaultFeatures, readerOf, translate, walk } from '../../src/paging/index.js';

it('translate says of random tables and addresses what walk says', () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = Math.imul(seed ^ seed >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((seed ^ seed >>> 13) >>> 0) % below;
  };
  // Sixteen pages, each full of entries that lead to one another: nearly every walk goes deep, and some meet bits that are reserved.
  const ram = new DataView(new ArrayBuffer(16 * 4096)), reader = readerOf(ram);
  for (let at = 0; at < ram.byteLength; at += 8) {
    const flags = (random(16) ? 1 : 0) | random(8) << 1 | (random(6) ? 0 : 0x80) | random(4) << 8;
    ram.setBigUint64(at, BigInt(random(18) * 4096 | flags) | BigInt(random(3) ? 0 : 1) << 63n | BigInt(random(60) ? 0 : 1) << 45n, true);
  }
  let mapped = 0;
  for (let n = 0; n < 20_000; n++) {
    const address = BigInt.asUintN(64, BigInt.asIntN(n % 50 ? 48 : 52, BigInt(random(2 ** 26)) << 26n | BigInt(random(2 ** 26))));
    const features = { ...defaultFeatures, noExecute: n % 3 !== 0, pages1GiB: n % 5 !== 0 };
    const { result, steps } = walk(reader, 0, address, features), short = translate(reader, 0, address, features);
    if (result.kind !== 'mapped') expect(short).toBeUndefined();
    else {
      mapped++;
      const { user, write, execute } = result.rights;
      expect(short).toEqual({ physical: result.physical, user, write, execute, executeBelowTop: steps.slice(1).every(step => step.entry >> 63n === 0n) });
    }
  }
  expect(mapped).toBeGreaterThan(2000);
});
