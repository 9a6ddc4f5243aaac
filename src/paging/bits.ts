/**
 * The bits of 4-level paging entries, in one table. Source: Intel SDM Vol. 3A, chapter 4; the formats of the entries are
 * in section 4.5, "4-Level Paging and 5-Level Paging".
 */

/** An entry by the format that it has: its level and whether it maps a page or refers to a table. */
export type EntryKind = 'PML4E' | 'PDPTE' | 'PDPTE of a 1 GiB page' | 'PDE' | 'PDE of a 2 MiB page' | 'PTE';

export const entryKinds: readonly EntryKind[] = ['PML4E', 'PDPTE', 'PDPTE of a 1 GiB page', 'PDE', 'PDE of a 2 MiB page', 'PTE'];

/** A level of the table: 4 is the PML4, 1 the page table. */
export type Level = 1 | 2 | 3 | 4;

export interface EntryBit {
  /** The mnemonic of the SDM, or the accepted one. */
  name: string;
  /** Lowest and highest bit number. */
  low: number;
  high: number;
  kinds: readonly EntryKind[];
  /** Section of SDM Vol. 3A. */
  sdm: string;
  /** What a set bit means. */
  text: string;
}

const all = entryKinds;
const leaves: readonly EntryKind[] = ['PDPTE of a 1 GiB page', 'PDE of a 2 MiB page', 'PTE'];
const largeLeaves: readonly EntryKind[] = ['PDPTE of a 1 GiB page', 'PDE of a 2 MiB page'];
const tables: readonly EntryKind[] = ['PML4E', 'PDPTE', 'PDE'];

export const entryBits: readonly EntryBit[] = [
  { name: 'P', low: 0, high: 0, kinds: all, sdm: '4.5', text: 'present; while clear the CPU ignores all other bits' },
  { name: 'R/W', low: 1, high: 1, kinds: all, sdm: '4.6.1', text: 'writes allowed, as far as every level allows them' },
  { name: 'U/S', low: 2, high: 2, kinds: all, sdm: '4.6.1', text: 'a user-mode address, if every level says so' },
  { name: 'PWT', low: 3, high: 3, kinds: all, sdm: '4.9.2', text: 'memory type: write-through' },
  { name: 'PCD', low: 4, high: 4, kinds: all, sdm: '4.9.2', text: 'memory type: cache disabled' },
  { name: 'A', low: 5, high: 5, kinds: all, sdm: '4.8', text: 'accessed: the CPU has used the entry for a translation' },
  { name: 'D', low: 6, high: 6, kinds: leaves, sdm: '4.8', text: 'dirty: the CPU has written to the page' },
  { name: 'PS', low: 7, high: 7, kinds: largeLeaves, sdm: '4.5', text: 'page size: the entry maps a page instead of referring to a table' },
  { name: 'PAT', low: 7, high: 7, kinds: ['PTE'], sdm: '4.9.2', text: 'memory type: selects the upper half of the page attribute table' },
  { name: 'G', low: 8, high: 8, kinds: leaves, sdm: '4.10.2.4', text: 'global: with CR4.PGE the TLB entry serves every PCID and survives a write of CR3' },
  { name: 'PAT', low: 12, high: 12, kinds: largeLeaves, sdm: '4.9.2', text: 'memory type: selects the upper half of the page attribute table' },
  { name: 'PK', low: 59, high: 62, kinds: leaves, sdm: '4.6.2', text: 'protection key, where CR4.PKE is set; else ignored' },
  { name: 'XD', low: 63, high: 63, kinds: all, sdm: '4.6.1', text: 'no execute, at any level; reserved while EFER.NXE is clear' },
];

/** Bits that the CPU does not look at and the kernel may use as it likes. */
export const ignoredBits: readonly EntryBit[] = [
  { name: 'ignored', low: 6, high: 6, kinds: tables, sdm: '4.5', text: 'ignored' },
  { name: 'ignored', low: 8, high: 8, kinds: tables, sdm: '4.5', text: 'ignored' },
  { name: 'ignored', low: 9, high: 10, kinds: all, sdm: '4.5', text: 'ignored' },
  { name: 'ignored', low: 11, high: 11, kinds: all, sdm: '4.5', text: 'ignored in ordinary paging (HLAT restarts there)' },
  { name: 'ignored', low: 52, high: 58, kinds: all, sdm: '4.5', text: 'ignored' },
  { name: 'ignored', low: 59, high: 62, kinds: tables, sdm: '4.5', text: 'ignored' },
];

export const PRESENT = 1;
export const WRITABLE = 2;
export const USER = 4;
export const WRITE_THROUGH = 8;
export const CACHE_DISABLE = 0x10;
export const ACCESSED = 0x20;
export const DIRTY = 0x40;
export const PAGE_SIZE_BIT = 0x80;
export const GLOBAL = 0x100;
export const PAT_PTE = 0x80;
export const PAT_LARGE = 0x1000;
/** Bit 63, in the high half of an entry. */
export const NO_EXECUTE_HIGH = 0x8000_0000;

/** What the CPU is and how it is set, as far as the meaning of an entry depends on it. */
export interface PagingFeatures {
  /** EFER.NXE: bit 63 is "no execute" instead of reserved. */
  noExecute: boolean;
  /** CPUID.80000001H:EDX.Page1GB: PS is allowed in a PDPTE. */
  pages1GiB: boolean;
  /** MAXPHYADDR, 32 to 52: address bits from there to 51 are reserved. */
  physicalBits: number;
  /** CR0.WP: the supervisor too must respect read-only pages. */
  writeProtect: boolean;
  /** CR4.SMEP: the supervisor may not execute user pages. */
  smep: boolean;
  /** CR4.SMAP: the supervisor may not read or write user pages unless RFLAGS.AC is set. */
  smap: boolean;
}

/** A 64-bit CPU with everything in use. */
export const defaultFeatures: PagingFeatures = { noExecute: true, pages1GiB: true, physicalBits: 40, writeProtect: true, smep: true, smap: true };

/** Features from the control registers. `physicalBits` and `pages1GiB` come from CPUID. */
export function featuresOf(registers: { cr0: bigint; cr4: bigint; efer: bigint }, cpu: { physicalBits?: number; pages1GiB?: boolean } = {}): PagingFeatures {
  return {
    noExecute: (registers.efer & 0x800n) !== 0n,
    writeProtect: (registers.cr0 & 0x10000n) !== 0n,
    smep: (registers.cr4 & 0x100000n) !== 0n,
    smap: (registers.cr4 & 0x200000n) !== 0n,
    physicalBits: cpu.physicalBits ?? defaultFeatures.physicalBits,
    pages1GiB: cpu.pages1GiB ?? defaultFeatures.pages1GiB,
  };
}

/** The format of a present entry. PS in a PML4E makes no page: it is reserved there. */
export function kindOf(level: Level, low: number): EntryKind {
  if (level === 4) return 'PML4E';
  if (level === 1) return 'PTE';
  if (level === 3) return low & PAGE_SIZE_BIT ? 'PDPTE of a 1 GiB page' : 'PDPTE';
  return low & PAGE_SIZE_BIT ? 'PDE of a 2 MiB page' : 'PDE';
}

/** The short name of a level's entries. */
export function levelName(level: Level): 'PML4E' | 'PDPTE' | 'PDE' | 'PTE' {
  return (['PTE', 'PDE', 'PDPTE', 'PML4E'] as const)[level - 1]!;
}

/** Bytes that one entry of a level spans: 4 KiB, 2 MiB, 1 GiB, 512 GiB. */
export function spanOf(level: Level): number {
  return [0x1000, 0x20_0000, 0x4000_0000, 0x80_0000_0000][level - 1]!;
}

/** Whether a present entry maps a page. */
export function isLeaf(level: Level, low: number): boolean {
  return level === 1 || (level < 4 && (low & PAGE_SIZE_BIT) !== 0);
}

/** The physical address in a table entry or a 4 KiB leaf: bits 51:12. Large leaves: mask with their size. */
export function addressOf(low: number, high: number): number {
  return (high & 0xf_ffff) * 0x1_0000_0000 + ((low & 0xffff_f000) >>> 0);
}

/** The physical address of the page that a leaf of a level maps; PAT and reserved bits of large leaves are left out. */
export function pageAddressOf(level: Level, low: number, high: number): number {
  const address = addressOf(low, high);
  return level === 1 ? address : address - (address % spanOf(level));
}

/**
 * The reserved bits of a present entry that are set, as masks for its low and high half; both 0 for a good entry
 * (SDM Vol. 3A, 4.7: such an entry faults with RSVD).
 */
export function reservedBits(level: Level, low: number, high: number, features: PagingFeatures): { low: number; high: number } {
  let highMask = features.noExecute ? 0 : NO_EXECUTE_HIGH;
  let lowMask = 0;
  // Bits 51:MAXPHYADDR.
  for (let bit = features.physicalBits; bit < 52; bit++) highMask |= 1 << (bit - 32);
  if (level === 4) lowMask |= PAGE_SIZE_BIT;
  else if (level === 3 && low & PAGE_SIZE_BIT) lowMask |= features.pages1GiB ? 0x3fff_e000 : PAGE_SIZE_BIT;
  else if (level === 2 && low & PAGE_SIZE_BIT) lowMask |= 0x001f_e000;
  return { low: (low & lowMask) >>> 0, high: (high & highMask) >>> 0 };
}

/** The bits of a PTE on which its attributes depend: all but the address, A, D and the ignored ones. For fast loops. */
export const PTE_ATTRIBUTES_LOW = PRESENT | WRITABLE | USER | WRITE_THROUGH | CACHE_DISABLE | PAT_PTE | GLOBAL;

/** The bits of the high half on which the attributes of any entry depend: XD and the address bits that may be reserved. */
export function attributeBitsHigh(features: PagingFeatures): number {
  return (NO_EXECUTE_HIGH | (0xf_ffff & ~(2 ** Math.max(0, features.physicalBits - 32) - 1))) >>> 0;
}

/** The names of the set bits of an entry, lowest first, for example `P R/W U/S A D XD`; `absent` while P is clear. */
export function describeEntry(level: Level, entry: bigint): string {
  if (!(entry & 1n)) return 'absent';
  const kind = kindOf(level, Number(entry & 0xffff_ffffn));
  const names: string[] = [];
  for (const bit of entryBits) {
    if (!bit.kinds.includes(kind)) continue;
    const value = (entry >> BigInt(bit.low)) & ((1n << BigInt(bit.high - bit.low + 1)) - 1n);
    if (value === 0n) continue;
    names.push(bit.high > bit.low ? `${bit.name}=${value}` : bit.name);
  }
  return names.join(' ');
}
