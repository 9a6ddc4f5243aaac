import { CACHE_DISABLE, GLOBAL, type Level, NO_EXECUTE_HIGH, PAT_LARGE, PAT_PTE, type PagingFeatures, reservedBits, USER, WRITABLE, WRITE_THROUGH } from './bits.js';
import type { EffectiveRights, RightLimits } from './walk.js';

/**
 * The attributes of a mapped page as one small integer, so that merging ranges and comparing tables compare numbers.
 * Three masks of four bits say which levels (bit 0: level 1 .. bit 3: level 4) take the right away.
 */
const NOT_USER_SHIFT = 0;
const NOT_WRITE_SHIFT = 4;
const NOT_EXECUTE_SHIFT = 8;
const LEVEL_SHIFT = 12;
const GLOBAL_BIT = 1 << 15;
const PWT_BIT = 1 << 16;
const PCD_BIT = 1 << 17;
const PAT_BIT = 1 << 18;
const RESERVED_BIT = 1 << 19;
const OUTSIDE_BIT = 1 << 20;
const PRESENT_BIT = 1 << 21;

/** What stands in for an absent page. */
export const ABSENT = 0;

/** What a table entry passes down to the leaves below it: the rights it takes away. To be combined with `|`. */
export function restrictions(level: Level, low: number, high: number): number {
  const bit = 1 << (level - 1);
  return (low & USER ? 0 : bit << NOT_USER_SHIFT) | (low & WRITABLE ? 0 : bit << NOT_WRITE_SHIFT) | (high & NO_EXECUTE_HIGH ? bit << NOT_EXECUTE_SHIFT : 0);
}

/** The attributes that a leaf entry adds of its own. To be combined with the restrictions of the levels above. */
export function leafAttributes(level: Level, low: number, high: number): number {
  const pat = low & (level === 1 ? PAT_PTE : PAT_LARGE) ? PAT_BIT : 0;
  return restrictions(level, low, high) | (level << LEVEL_SHIFT) | (low & GLOBAL ? GLOBAL_BIT : 0) | (low & WRITE_THROUGH ? PWT_BIT : 0)
    | (low & CACHE_DISABLE ? PCD_BIT : 0) | pat | PRESENT_BIT;
}

/** Attributes of a present entry through which nothing can be reached: reserved bits, or a table outside RAM. */
export function brokenAttributes(level: Level, reserved: boolean): number {
  return PRESENT_BIT | (level << LEVEL_SHIFT) | (reserved ? RESERVED_BIT : OUTSIDE_BIT);
}

/** Whether a present entry has reserved bits set; fast for the common case that it has not. */
export function hasReservedBits(level: Level, low: number, high: number, features: PagingFeatures): boolean {
  // Only PS entries, bit 63 without NXE and addresses beyond MAXPHYADDR can have any.
  if (!(low & 0x80) && !(high & 0x800f_ff00)) return false;
  const reserved = reservedBits(level, low, high, features);
  return (reserved.low | reserved.high) !== 0;
}

/** The attributes of a page in words and flags. Shared between ranges: not to be changed. */
export interface PageAttributes {
  /** Level of the leaf; of a broken entry, the level where it stands (4 comes out only for those). */
  level: Level;
  rights: EffectiveRights;
  limits: RightLimits;
  writeThrough: boolean;
  cacheDisable: boolean;
  pat: boolean;
  /** Why nothing can be reached there, or undefined for a good mapping. */
  broken: 'reserved bits' | 'table outside RAM' | undefined;
}

export function decodeAttributes(attributes: number): PageAttributes {
  let decoded = decodedBefore.get(attributes);
  if (!decoded) decodedBefore.set(attributes, (decoded = decode(attributes)));
  return decoded;
}

/** A table has thousands of ranges, but only a few kinds of them. */
const decodedBefore = new Map<number, PageAttributes>();

function decode(attributes: number): PageAttributes {
  const list = (shift: number): Level[] => ([4, 3, 2, 1] as Level[]).filter((level) => (attributes >> shift) & (1 << (level - 1)));
  const limits = { user: list(NOT_USER_SHIFT), write: list(NOT_WRITE_SHIFT), execute: list(NOT_EXECUTE_SHIFT) };
  const broken = attributes & RESERVED_BIT ? 'reserved bits' : attributes & OUTSIDE_BIT ? 'table outside RAM' : undefined;
  const reachable = broken === undefined;
  return {
    level: ((attributes >> LEVEL_SHIFT) & 7) as Level,
    rights: {
      user: reachable && limits.user.length === 0, write: reachable && limits.write.length === 0,
      execute: reachable && limits.execute.length === 0, global: (attributes & GLOBAL_BIT) !== 0,
    },
    limits, broken,
    writeThrough: (attributes & PWT_BIT) !== 0, cacheDisable: (attributes & PCD_BIT) !== 0, pat: (attributes & PAT_BIT) !== 0,
  };
}

/** The same attributes with the masks of levels folded to one bit each: equal for equal effective rights. */
export function effectiveOnly(attributes: number): number {
  const fold = (shift: number): number => ((attributes >> shift) & 15 ? 1 << shift : 0);
  return (attributes & ~0xfff) | fold(NOT_USER_SHIFT) | fold(NOT_WRITE_SHIFT) | fold(NOT_EXECUTE_SHIFT);
}

/** Whether level 4 forbids execution where no level below does for a user page: the KAISER poison of a kernel half. */
export function isPoisoned(attributes: number): boolean {
  return (attributes & PRESENT_BIT) !== 0 && ((attributes >> NOT_EXECUTE_SHIFT) & 8) !== 0 && ((attributes >> NOT_USER_SHIFT) & 15) === 0
    && (attributes & (RESERVED_BIT | OUTSIDE_BIT)) === 0;
}
