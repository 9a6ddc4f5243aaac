import { CodeMode } from '../../../src/machine/cpu/layout.js';

const PREFIXES = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

/** A generator of numbers below a bound (xorshift). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Bytes for an instruction: a few prefixes, mostly in order, an opcode of any map, and random ones behind. */
export function randomBytes(random: (below: number) => number, mode: number): Uint8Array {
  const bytes: number[] = [];
  for (let n = random(4) ? random(8) ? 0 : 1 : random(6); n > 0; n--) bytes.push(PREFIXES[random(PREFIXES.length)]!);
  if (mode & CodeMode.Long && random(2)) bytes.push(0x40 | random(16));
  const map = random(16);
  if (map >= 10) bytes.push(0x0f);
  if (map === 15) bytes.push(random(2) ? 0x38 : 0x3a);
  while (bytes.length < 15) bytes.push(random(256));
  return Uint8Array.from(bytes).subarray(0, random(4) ? 15 : random(16));
}
