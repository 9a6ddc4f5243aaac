import { TLB_BASE, TLB_CPU_SIZE } from './layout.js';

/**
 * Format of one CPU's architectural TLB in the machine's memory, in 32-bit words from the start of its region. Everything
 * that decides what the machine does next is here, so that a copy of the region is a copy of the TLB.
 *
 * An entry's stamp says which flush generation it belongs to: that of its PCID, or that of all global pages. A flush
 * takes a new stamp and thereby leaves all entries with the old one dead. Stamps are positive; 0 stands in an entry that has never been used, behind
 * which its set has none that has, and DROPPED_STAMP in one that has been dropped by itself.
 */

/** Words from the start of the machine's memory to the TLB of CPU 0, and from one CPU's to the next. */
export const TLB_WORD = TLB_BASE >> 2;
export const TLB_CPU_WORDS = TLB_CPU_SIZE >> 2;

/** Stamp of the current PCID's entries, of global entries; the highest stamp that a flush of all non-global entries has killed; the next new stamp. */
export const H_STAMP = 0;
export const H_GLOBAL_STAMP = 1;
export const H_EPOCH = 2;
export const H_NEXT_STAMP = 3;
/** One bit for each page size (0-2) in use by non-global entries, bits 3-5 the same for global ones. */
export const H_IN_USE = 4;
/** Of them: pages of 4 KiB, not global and global. */
export const SMALL_IN_USE = 1, GLOBAL_SMALL_IN_USE = 8;
/** The current PCID. */
export const H_PCID = 5;
/** `CONFIG_*` bits of the current control registers, and the privilege (`TlbTable`) that fast tables are chosen by. */
export const H_CONFIG = 6;
export const H_MODE = 7;
/** Context ids of fast entries: the next free one, and the generation that makes the ids in the table below valid. */
export const H_NEXT_CONTEXT = 8;
export const H_CONTEXT_GENERATION = 9;
/**
 * Which rights allow what, one word for each mode (`TlbTable`): bit access * 8 + rights is set if such rights allow the
 * access, ALLOWED_PAGING if paging is on.
 */
export const H_ALLOWED = 16;
export const ALLOWED_PAGING = 1 << 24;
/**
 * Protection keys that forbid data accesses to user pages, one word for supervisor-mode and one for user-mode accesses: bit n set
 * if key n forbids reads, bit 16 + n if it forbids writes. 0 where keys do not count.
 */
export const H_KEYS = 20;

/** Not zero if the TLBs forget (`forgetting.ts`). */
export const H_FORGETS = 22;

/** For each PCID the stamp of its entries. */
export const H_PCID_STAMPS = 0x100;
/** For each PCID generation << 12 | context id. */
export const H_PCID_CONTEXTS = 0x1100;
/** The entries: sets of 8 entries of 4 words. */
export const H_ENTRIES = 0x4000;
export const SETS = 2048;
export const SET_WORDS = 32;
export const ENTRY_WORDS = 4;

/** Words of an entry. E_PAGE holds linear bits 43:12 of the page's first byte. */
export const E_PAGE = 0;
export const E_INFO = 1;
export const E_STAMP = 2;
/** Physical bits 39:12 of the page's first byte. The sign bit of a set's first entry says that the set has overflowed into the next. */
export const E_FRAME = 3;
export const FRAME_MASK = 0xfffffff;

export const DROPPED_STAMP = -1;

/** E_INFO: linear bits 47:44, page size (0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB), rights, dirty, global, memory type, PCID, protection key. */
export const INFO_KEY = 0x3f;
export const INFO_SIZE_SHIFT = 4;
export const INFO_RIGHTS_SHIFT = 6;
export const INFO_WRITE = 1 << 6;
export const INFO_USER = 1 << 7;
export const INFO_NX = 1 << 8;
export const INFO_DIRTY = 1 << 9;
export const INFO_GLOBAL = 1 << 10;
/** PWT, PCD, PAT of the leaf: together the index into the PAT. */
export const INFO_TYPE_SHIFT = 11;
export const INFO_PCID_SHIFT = 16;
/** Protection key of the leaf: the top 4 bits. */
export const INFO_PROTECTION_SHIFT = 28;

/** Control register bits that the meaning of an entry depends on. */
export const CONFIG_PAGING = 1;
export const CONFIG_WP = 2;
export const CONFIG_SMEP = 4;
export const CONFIG_SMAP = 8;
export const CONFIG_NXE = 16;
export const CONFIG_PGE = 32;
export const CONFIG_PCIDE = 64;
export const CONFIG_PKE = 128;
/** 4-level paging: IA-32e mode. */
export const CONFIG_LONG = 256;
/** PAE paging, if CONFIG_LONG is clear; with both clear it is 32-bit paging. */
export const CONFIG_PAE = 512;
/** 4 MiB pages in 32-bit paging. */
export const CONFIG_PSE = 1024;

/** Word index of a CPU's TLB region. */
export function tlbWord(cpu: number): number { return TLB_WORD + cpu * TLB_CPU_WORDS; }
