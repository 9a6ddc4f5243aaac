import { addressOf, describeEntry, type EntryKind, isLeaf, kindOf, type Level, levelName, NO_EXECUTE_HIGH, pageAddressOf, type PagingFeatures, reservedBits,
  spanOf, USER, WRITABLE, GLOBAL } from './bits.js';
import type { PhysicalReader } from './physical.js';

/** One level of a walk. */
export interface WalkStep {
  level: Level;
  kind: EntryKind;
  /** Physical address of the table page and of the entry in it. */
  table: number;
  index: number;
  entryAddress: number;
  entry: bigint;
  present: boolean;
  /** Names of the set bits. */
  bits: string;
}

/** What all levels together allow (SDM Vol. 3A, 4.6.1). */
export interface EffectiveRights {
  user: boolean;
  write: boolean;
  execute: boolean;
  /** G of the leaf; matters while CR4.PGE is set. */
  global: boolean;
}

/** The levels, highest first, whose entries take a right away. Empty where every level grants it. */
export interface RightLimits {
  user: Level[];
  write: Level[];
  execute: Level[];
}

export type WalkResult =
  | { kind: 'mapped'; physical: number; pageSize: number; level: Level; rights: EffectiveRights; limits: RightLimits }
  | { kind: 'not canonical' | 'not present' | 'reserved bits' | 'table outside RAM'; level: Level; text: string };

/** A walk of one address from one root. */
export interface Walk {
  /** The linear address, unsigned. */
  address: bigint;
  /** Physical address of the PML4. */
  root: number;
  steps: WalkStep[];
  result: WalkResult;
}

/** Whether bits 63:47 are all equal (SDM Vol. 1, 3.3.7.1; 48-bit linear addresses). */
export function isCanonical(address: bigint): boolean {
  const top = BigInt.asUintN(64, address) >> 47n;
  return top === 0n || top === 0x1ffffn;
}

/** The physical address of the PML4 that a CR3 value names: bits 51:12 (SDM Vol. 3A, 4.5). */
export function rootOf(cr3: bigint): number {
  return Number(cr3 & 0x000f_ffff_ffff_f000n);
}

/**
 * Walks the four levels for one address, as the CPU would, without setting accessed or dirty bits.
 * @param root physical address of the PML4 (rootOf a CR3 value)
 */
export function walk(reader: PhysicalReader, root: number, address: bigint, features: PagingFeatures): Walk {
  const linear = BigInt.asUintN(64, address);
  const steps: WalkStep[] = [];
  const fail = (kind: 'not canonical' | 'not present' | 'reserved bits' | 'table outside RAM', level: Level, text: string): Walk =>
    ({ address: linear, root, steps, result: { kind, level, text } });
  if (!isCanonical(linear)) return fail('not canonical', 4, `${hex(linear)} is not canonical: bits 63 to 47 are not all equal`);

  const limits: RightLimits = { user: [], write: [], execute: [] };
  let table = root;
  for (let level: Level = 4; ; level = (level - 1) as Level) {
    const name = levelName(level);
    const page = reader.page(table);
    if (!page) {
      return fail('table outside RAM', level, `the table of the ${name} is at physical ${hex(table)}, outside RAM (${hex(reader.size)} bytes)`);
    }
    const index = Number((linear >> BigInt(12 + 9 * (level - 1))) & 511n);
    const low = page[index * 2]!;
    const high = page[index * 2 + 1]!;
    const entry = (BigInt(high) << 32n) | BigInt(low);
    const present = (low & 1) !== 0;
    steps.push({ level, kind: kindOf(level, low), table, index, entryAddress: table + index * 8, entry, present, bits: describeEntry(level, entry) });
    if (!present) return fail('not present', level, `${name} ${index} at physical ${hex(table + index * 8)} is not present`);
    const reserved = reservedBits(level, low, high, features);
    if (reserved.low || reserved.high) {
      const mask = (BigInt(reserved.high) << 32n) | BigInt(reserved.low);
      return fail('reserved bits', level, `${name} ${index} at physical ${hex(table + index * 8)} has reserved bits set: ${bitNumbers(mask)}`);
    }
    if (!(low & USER)) limits.user.push(level);
    if (!(low & WRITABLE)) limits.write.push(level);
    if (high & NO_EXECUTE_HIGH) limits.execute.push(level);
    if (isLeaf(level, low)) {
      const pageSize = spanOf(level);
      const physical = pageAddressOf(level, low, high) + Number(linear & BigInt(pageSize - 1));
      const rights = { user: limits.user.length === 0, write: limits.write.length === 0, execute: limits.execute.length === 0, global: (low & GLOBAL) !== 0 };
      return { address: linear, root, steps, result: { kind: 'mapped', physical, pageSize, level, rights, limits } };
    }
    table = addressOf(low, high);
  }
}

/** An access to check against a walk. */
export interface Access {
  kind: 'read' | 'write' | 'execute';
  /** Current privilege level; 3 is user mode. Implicit accesses (descriptor tables, TSS) are supervisor ones: pass 0. */
  cpl: number;
  /** RFLAGS.AC, which suspends SMAP. */
  alignmentCheck?: boolean;
}

export type AccessCheck = { allowed: true } | { allowed: false; errorCode: number | undefined; text: string };

/**
 * Whether an access would succeed, and if not the error code of its page fault and the reason (SDM Vol. 3A, 4.6 and
 * 4.7). A non-canonical address gives a general-protection fault: `errorCode` is undefined.
 */
export function checkAccess(walked: Walk, access: Access, features: PagingFeatures): AccessCheck {
  const { result } = walked;
  const user = access.cpl === 3;
  let code = (access.kind === 'write' ? 2 : 0) | (user ? 4 : 0);
  if (access.kind === 'execute' && (features.noExecute || features.smep)) code |= 0x10;
  const who = user ? 'user mode' : 'the kernel';
  const deny = (present: number, text: string): AccessCheck => ({ allowed: false, errorCode: code | present, text });
  switch (result.kind) {
    case 'not canonical': return { allowed: false, errorCode: undefined, text: result.text };
    case 'not present': case 'table outside RAM': return deny(0, result.text);
    case 'reserved bits': return deny(1 | 8, result.text);
  }
  const { rights, limits } = result;
  if (user && !rights.user) return deny(1, `user mode may not touch it: ${saying(limits.user)} supervisor only`);
  if (access.kind === 'execute') {
    if (!rights.execute) return deny(1, `${who} may not execute it: ${saying(limits.execute)} no execute`);
    if (!user && rights.user && features.smep) return deny(1, 'the kernel may not execute it: it is a user page and SMEP is on');
    return { allowed: true };
  }
  if (!user && rights.user && features.smap && !access.alignmentCheck) {
    return deny(1, 'the kernel may not touch it: it is a user page, SMAP is on and RFLAGS.AC is clear');
  }
  if (access.kind === 'write' && !rights.write && (user || features.writeProtect)) {
    return deny(1, `${who} may not write it: ${saying(limits.write)} read-only`);
  }
  return { allowed: true };
}

/** `PML4E`, or `PML4E, PDE and PTE`. */
export function levels(list: readonly Level[]): string {
  const names = list.map(levelName);
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

/** `the PTE says`, `the PML4E and PTE say`. */
export function saying(list: readonly Level[]): string {
  return `the ${levels(list)} ${list.length > 1 ? 'say' : 'says'}`;
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

function bitNumbers(mask: bigint): string {
  const bits: string[] = [];
  for (let bit = 63; bit >= 0; bit--) if ((mask >> BigInt(bit)) & 1n) bits.push(String(bit));
  return bits.join(', ');
}
