import * as L from './layout.js';
import type { CpuState } from './state.js';

/** Seed of a machine that is given none. */
export const DEFAULT_SEED = 1;

/**
 * Gives RDRAND and RDSEED of a CPU their sequence: another one for each seed and each CPU, the same each time. The state of the
 * generator (`instructions/random.ts`) must not be zero: SplitMix64 (Steele, Lea and Flood 2014) spreads small numbers over all 64 bits.
 * @param seed 0 to 2^32 - 1 @throws RangeError for another one
 */
export function seedRandom(cpu: CpuState, seed: number): void {
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) throw new RangeError(`The seed ${seed} is not possible: choose an integer from 0 to 4294967295.`);
  const mask = (value: bigint) => BigInt.asUintN(64, value);
  let z = mask((BigInt(seed) << 8n | BigInt(cpu.index)) * 0x9e3779b97f4a7c15n + 0x9e3779b97f4a7c15n);
  z = mask((z ^ z >> 30n) * 0xbf58476d1ce4e5b9n);
  z = mask((z ^ z >> 27n) * 0x94d049bb133111ebn);
  z ^= z >> 31n;
  cpu.set(L.RANDOM_STATE, z || 1n);
}
