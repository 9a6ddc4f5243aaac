import { FAST_GLOBALS, FAST_GLOBALS_CONTEXT } from '../cpu/layout.js';
import { clearFast } from './fastTable.js';
import { CPU_BASE, CPU_SIZE } from './layout.js';
import { H_CONTEXT_GENERATION, H_NEXT_CONTEXT, H_PCID_CONTEXTS } from './tlbLayout.js';

/**
 * Context ids: the 12 bits that tell apart, in a fast table, the pages of different PCIDs and of different flush
 * generations of one PCID. Ending a context is what invalidates its fast entries; ids are not reused before the fast
 * tables have been cleared. All state lies in the CPU's TLB region.
 */

/** The context of a CPU with paging off. */
export const UNPAGED_CONTEXT = 1;
/** The ids that are given out to PCIDs. */
export const FIRST_CONTEXT = 2;
export const LAST_CONTEXT = 0xfff;
const LAST_GENERATION = 0x7ffff;

/** Ends the contexts of all PCIDs of the CPU whose TLB region starts at word t. */
export function invalidateContexts(i32: Int32Array, t: number): void {
  let generation = i32[t + H_CONTEXT_GENERATION]! + 1;
  if (generation > LAST_GENERATION) {
    i32.fill(0, t + H_PCID_CONTEXTS, t + H_PCID_CONTEXTS + 4096);
    generation = 1;
  }
  i32[t + H_CONTEXT_GENERATION] = generation;
}

/** Ends the context of one PCID. */
export function invalidateContext(i32: Int32Array, t: number, pcid: number): void { i32[t + H_PCID_CONTEXTS + pcid] = 0; }

/** The live context id of a PCID, or 0 if it has none. */
export function liveContext(i32: Int32Array, t: number, pcid: number): number {
  const context = i32[t + H_PCID_CONTEXTS + pcid]!;
  return context >>> 12 === i32[t + H_CONTEXT_GENERATION]! ? context & 0xfff : 0;
}

/** The context id of a PCID, a new one if it has none. */
export function contextOf(i32: Int32Array, t: number, cpu: number, pcid: number): number {
  const live = liveContext(i32, t, pcid);
  if (live !== 0) return live;
  let id = i32[t + H_NEXT_CONTEXT]!;
  if (id > LAST_CONTEXT || id < FIRST_CONTEXT) {
    clearFast(i32, cpu);
    if (id > LAST_CONTEXT) invalidateContexts(i32, t);
    id = FIRST_CONTEXT;
  }
  i32[t + H_NEXT_CONTEXT] = id + 1;
  i32[t + H_PCID_CONTEXTS + pcid] = i32[t + H_CONTEXT_GENERATION]! << 12 | id;
  const b = CPU_BASE + cpu * CPU_SIZE;
  i32[b + FAST_GLOBALS_CONTEXT >> 2] = id;
  i32[b + FAST_GLOBALS >> 2] = 0;
  i32[b + FAST_GLOBALS + 4 >> 2] = 0;
  return id;
}
