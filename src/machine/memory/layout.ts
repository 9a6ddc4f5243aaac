/**
 * Where everything lives in the machine's one WebAssembly memory.
 *
 * Translated code, the interpreter and the TypeScript parts all share this memory, so these offsets are the contract
 * between them. All sizes and offsets are in bytes.
 */

/** The most CPUs one machine has. */
export const MAX_CPUS = 8;

/** Scratch for accesses that do not fit one page of RAM (page crossing, device registers); see memory/access.ts. */
export const SCRATCH = 0x100;
export const SCRATCH_SIZE = 0x80;

/** What the functions of `emitted/` find in memory: pages of RAM, 1 if there are pages of 1 GiB. i32 each. */
export const RAM_PAGES = 0x180;
export const PAGES_1G = 0x184;
/** What they leave there: physical bits 39:12 of the start of the page that a walk has found, its size (0-2), its INFO_* bits. i32 each. */
export const WALK_FRAME = 0x188;
export const WALK_SIZE = 0x18c;
export const WALK_INFO = 0x190;
/** INFO_* bits of the page that an access has been allowed to use last. i32. */
export const ACCESS_INFO = 0x194;
/** The end of what stands between SCRATCH and the CPUs. */
export const LOW_END = 0x198;

/** First CPU state; CPU n is at CPU_BASE + n * CPU_SIZE. Its fields are in `cpu/layout.ts`. */
export const CPU_BASE = 0x1000;
export const CPU_SIZE = 0x1000;
const CPU_SHIFT = 31 - Math.clz32(CPU_SIZE);
/** Number of the CPU whose state is at `cpuBase`. */
export function cpuIndex(cpuBase: number): number { return cpuBase - CPU_BASE >>> CPU_SHIFT; }

/**
 * The lookup tables that translated code consults inline: for each CPU three tables (see `TlbTable`), each of
 * FAST_ENTRIES entries of FAST_ENTRY_SIZE bytes. They only cache what the architectural TLB holds.
 */
export const FAST_BASE = 0x10000;
export const FAST_ENTRIES = 1024;
export const FAST_ENTRY_SIZE = 32;
export const FAST_TABLE_SIZE = FAST_ENTRIES * FAST_ENTRY_SIZE;
export const FAST_CPU_SIZE = 3 * FAST_TABLE_SIZE;
/** Fields of a fast entry: three i64 tags and the i32 that is added to the low half of the linear address. */
export const FAST_TAG_READ = 0;
export const FAST_TAG_WRITE = 8;
export const FAST_TAG_EXEC = 16;
export const FAST_ADDEND = 24;

/** Which privilege a fast table speaks for. SUPERVISOR_AC is supervisor with RFLAGS.AC set (SMAP off for the moment). */
export const enum TlbTable { Supervisor = 0, User = 1, SupervisorAc = 2 }

/**
 * Walks that are remembered for each CPU, WALKS_KEPT of WALKS_STRIDE bytes each, one for each value of linear bits 24:21 (`emitted/rememberedWalk.ts`). No part of the
 * machine's state, but it speaks of that of the TLB: whoever writes TLB entries otherwise than by the functions of `emitted/tlb.ts` empties it.
 */
export const WALKS_BASE = 0xd0000;
export const WALKS_KEPT = 16;
export const WALKS_STRIDE = 128;
export const WALKS_CPU_SIZE = WALKS_KEPT * WALKS_STRIDE;

/** The code map: hash table from the linear address of a block to its decoded records and its translation. */
export const CODE_MAP_BASE = 0x100000;
export const CODE_MAP_ENTRIES = 1 << 15;
export const CODE_MAP_ENTRY_SIZE = 32;

/** One byte for each physical page of RAM; see the PAGE_* bits. */
export const PAGE_FLAGS_BASE = 0x200000;
export const PAGE_FLAGS_SIZE = 0x100000;
/** The page holds instructions that have been decoded: writes to them must invalidate them. */
export const PAGE_HAS_CODE = 1;
/** The page has been written since the flag was last cleared (snapshots). */
export const PAGE_DIRTY = 2;
/** A CPU's monitor (MONITOR, MWAIT) watches a line of the page. */
export const PAGE_MONITORED = 4;
/** Walks have read entries from the page, and translations that come from there are kept although TLBs forget (`forgetting.ts`). */
export const PAGE_IS_TABLE = 8;
/** Stores to pages with one of these are carried out by TypeScript; where PAGE_HAS_CODE is the only one, those alone that come near code (CODE_LINES). */
export const PAGE_SLOW_STORES = PAGE_HAS_CODE | PAGE_MONITORED | PAGE_IS_TABLE;

/** One byte for each TLB_UNIT bytes of the architectural TLBs: not zero if they have been written since the last snapshot. */
export const TLB_TOUCHED_BASE = 0x3f0000;
export const TLB_UNIT = 128;

/** The architectural TLB of each CPU, TLB_CPU_SIZE bytes each; its format is in `memory/tlb.ts`. */
export const TLB_BASE = 0x400000;
export const TLB_CPU_SIZE = 0x80000;

/** Decoded instructions, RECORD_SIZE bytes each; see `translate/record.ts`. */
export const RECORD_BASE = 0x800000;
export const RECORD_END = 0x1800000;

/** For each page of RAM 64 bits: bit n is set if something in the n-th CODE_LINE bytes of the page has been decoded (`codeBytes.ts`). */
export const CODE_LINES_BASE = RECORD_END;
export const CODE_LINE = 64;

/** Guest physical address 0. RAM is one contiguous range from there. */
export const RAM_BASE = 0x2000000;

export const PAGE_SIZE = 0x1000;
/** Largest RAM in bytes: the WebAssembly memory ends at 4 GiB, the device hole starts at 0xfec00000 anyway. */
export const MAX_RAM = 2048 * 1024 * 1024;
