import * as L from '../cpu/layout.js';
import {
  CPU_BASE, CPU_SIZE, FAST_ADDEND, FAST_BASE, FAST_CPU_SIZE, FAST_ENTRY_SIZE, FAST_TABLE_SIZE, FAST_TAG_EXEC, FAST_TAG_READ, FAST_TAG_WRITE, WALKS_BASE, WALKS_CPU_SIZE,
} from './layout.js';

/**
 * The lookup tables that translated code consults inline. They hold a subset of what the architectural TLB holds, so
 * dropping any of it at any time changes nothing but speed. A tag whose low half is 0 matches nothing, because context
 * ids start at 1. All functions here work on the i32 view of the machine's memory.
 */

const WORDS = FAST_ENTRY_SIZE >> 2;
const READ = FAST_TAG_READ >> 2;
const WRITE = FAST_TAG_WRITE >> 2;
const EXEC = FAST_TAG_EXEC >> 2;
const ADDEND = FAST_ADDEND >> 2;
const START = FAST_BASE >> 2;
const TABLE_WORDS = FAST_TABLE_SIZE >> 2;
const CPU_WORDS = FAST_CPU_SIZE >> 2;
const INDEX_MASK = FAST_TABLE_SIZE - FAST_ENTRY_SIZE;
/** `fastIndex`, for translated code: factor, and mask behind the shift by 5. */
export const FAST_INDEX_FACTOR = 0x145, FAST_INDEX_MASK = INDEX_MASK;

/** FAST_INDEX for a context id: spreads neighbouring ids, so that twin address spaces do not meet in one slot. */
export function fastIndex(context: number): number { return (Math.imul(context, FAST_INDEX_FACTOR) << 5) & INDEX_MASK; }

if (FAST_BASE % FAST_TABLE_SIZE || FAST_CPU_SIZE % FAST_TABLE_SIZE) throw new Error('a fast table does not lie so that an index can be combined with its address');

/** FAST_TABLE: with it, the entry for a linear address lies at (linear >>> 7 & INDEX_MASK) ^ FAST_TABLE. */
export function indexedTable(cpu: number, table: number, context: number): number { return fastTable(cpu, table) | fastIndex(context); }

/** Byte offset in a fast table of the entry for a linear address, given FAST_INDEX. */
export function fastOffset(lo: number, index: number): number { return ((lo >>> 7) ^ index) & INDEX_MASK; }

/** Host address of fast table `table` (`TlbTable`) of a CPU. */
export function fastTable(cpu: number, table: number): number { return FAST_BASE + cpu * FAST_CPU_SIZE + table * FAST_TABLE_SIZE; }

/** What a CPU's deliveries and returns remember counts on pages that the fast tables have (`emitted/remembered.ts`): it is forgotten. */
function forgetRemembered(i32: Int32Array, cpu: number): void {
  for (const at of [L.REMEMBERED_DELIVERY, L.REMEMBERED_RETURN]) i32[CPU_BASE + cpu * CPU_SIZE + at >> 2] = L.NOTHING_REMEMBERED;
}

/** Forgets the walks that a CPU remembers (`emitted/rememberedWalk.ts`). */
export function forgetWalks(i32: Int32Array, cpu: number): void {
  const start = WALKS_BASE + cpu * WALKS_CPU_SIZE;
  i32.fill(0, start >> 2, start + WALKS_CPU_SIZE >> 2);
}

/** Empties all three tables of a CPU. */
export function clearFast(i32: Int32Array, cpu: number): void {
  const start = START + cpu * CPU_WORDS;
  i32.fill(0, start, start + CPU_WORDS);
  forgetRemembered(i32, cpu);
}

/** Drops whatever the slot of a linear address holds, in all three tables of a CPU. */
export function dropFastSlot(i32: Int32Array, cpu: number, lo: number, index: number): void {
  forgetRemembered(i32, cpu);
  let entry = START + cpu * CPU_WORDS + (fastOffset(lo, index) >> 2);
  for (let table = 0; table < 3; table++, entry += TABLE_WORDS) {
    i32[entry + READ] = 0;
    i32[entry + WRITE] = 0;
    i32[entry + EXEC] = 0;
  }
}

/** Drops the write tags of all CPUs that lead to the page at host address `host`. */
export function dropWriteTags(i32: Int32Array, host: number, cpus: number): void {
  for (let cpu = 0; cpu < cpus; cpu++) forgetRemembered(i32, cpu);
  const end = START + cpus * CPU_WORDS;
  for (let entry = START; entry < end; entry += WORDS) {
    const tag = i32[entry + WRITE]!;
    if (tag !== 0 && ((tag & ~0xfff) + i32[entry + ADDEND]! | 0) === (host | 0)) i32[entry + WRITE] = 0;
  }
}

/** Drops every write tag of the first `cpus` CPUs. */
export function dropAllWriteTags(i32: Int32Array, cpus: number): void {
  for (let cpu = 0; cpu < cpus; cpu++) forgetRemembered(i32, cpu);
  const end = START + cpus * CPU_WORDS;
  for (let entry = START; entry < end; entry += WORDS) i32[entry + WRITE] = 0;
}
