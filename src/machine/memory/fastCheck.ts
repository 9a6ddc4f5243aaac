import * as L from '../cpu/layout.js';
import { liveContext, UNPAGED_CONTEXT } from './contexts.js';
import { fastIndex, fastOffset, fastTable, indexedTable } from './fastTable.js';
import type { GuestMemory } from './guestMemory.js';
import {
  CPU_BASE, CPU_SIZE, FAST_ADDEND, FAST_ENTRIES, FAST_ENTRY_SIZE, FAST_TAG_EXEC, FAST_TAG_READ, FAST_TAG_WRITE, PAGE_DIRTY, PAGE_IS_TABLE, PAGE_SLOW_STORES,
  RAM_BASE, TlbTable,
} from './layout.js';
import { allowedRights, forbiddenKeys } from './rights.js';
import { Tlb } from './tlb.js';
import {
  CONFIG_PAGING, E_FRAME, E_INFO, E_STAMP, FRAME_MASK, H_CONFIG, H_MODE, H_NEXT_CONTEXT, H_PCID, INFO_DIRTY, INFO_GLOBAL,
  INFO_PROTECTION_SHIFT, INFO_RIGHTS_SHIFT, INFO_SIZE_SHIFT, INFO_USER, tlbWord,
} from './tlbLayout.js';

const TAGS = [FAST_TAG_READ, FAST_TAG_WRITE, FAST_TAG_EXEC];
const NAMES = ['read', 'write', 'execute'];

/**
 * Checks that a CPU's fast tables hold nothing that its architectural TLB does not: each entry that can match now or after
 * a switch back to its PCID leads to the same frame and allows only what the TLB entry's cached rights allow; write tags
 * only for pages that are dirty in the TLB, marked PAGE_DIRTY and without code. Slow; for tests and self-checks.
 * @returns one sentence for each violation
 */
export function checkFastTables(memory: GuestMemory, cpu: number): string[] {
  const { i32 } = memory;
  const t = tlbWord(cpu);
  const problems: string[] = [];
  const config = i32[t + H_CONFIG]!;
  const paging = (config & CONFIG_PAGING) !== 0;
  const current = i32[t + H_PCID]!;
  const lookup = new Tlb(memory);

  const pcids = new Map<number, number>();
  for (let pcid = 0; pcid < 4096; pcid++) {
    const context = liveContext(i32, t, pcid);
    if (context === 0) continue;
    if (pcids.has(context)) problems.push(`Context ${context} belongs to PCID ${pcids.get(context)} and PCID ${pcid}`);
    pcids.set(context, pcid);
  }
  const b = CPU_BASE + cpu * CPU_SIZE;
  const now = i32[b + L.FAST_CONTEXT >> 2]!;
  if (now !== (paging ? liveContext(i32, t, current) : UNPAGED_CONTEXT)) problems.push(`FAST_CONTEXT ${now} is not that of PCID ${current}`);
  if (i32[b + L.FAST_INDEX >> 2] !== fastIndex(now)) problems.push('FAST_INDEX does not belong to FAST_CONTEXT');
  if (i32[b + L.FAST_TABLE >> 2] !== indexedTable(cpu, i32[t + H_MODE]!, now)) problems.push('FAST_TABLE does not belong to the privilege and FAST_CONTEXT');

  for (let table = 0; table < 3; table++) {
    for (let slot = 0; slot < FAST_ENTRIES; slot++) {
      const entry = fastTable(cpu, table) + slot * FAST_ENTRY_SIZE;
      for (let access = 0; access < 3; access++) {
        const tag = i32[entry + TAGS[access]! >> 2]!, hi = i32[(entry + TAGS[access]! >> 2) + 1]!;
        if (tag === 0) continue;
        const lo = tag & ~0xfff, context = tag & 0xfff;
        const say = (text: string): void => {
          problems.push(`Table ${table}, ${NAMES[access]} tag of ${(hi >>> 0).toString(16)}:${(lo >>> 0).toString(16)}, context ${context}: ${text}`);
        };
        if (context !== UNPAGED_CONTEXT && context >= i32[t + H_NEXT_CONTEXT]!) { say('the id has not been given out'); continue; }
        const host = lo + i32[entry + FAST_ADDEND >> 2]! | 0;
        const frame = host - RAM_BASE >>> 12;
        if (host & 0xfff || frame >= memory.ramPages) { say(`host address ${host} is not a page of RAM`); continue; }
        const flags = memory.pageFlags(frame);
        if (access === 1 && flags & PAGE_SLOW_STORES & ~PAGE_IS_TABLE) say('the page has code, or a monitor watches it');
        if (access === 1 && !(flags & PAGE_DIRTY)) say('the page is not marked as dirty');
        if (context === UNPAGED_CONTEXT) {
          if (frame !== lo >>> 12) say('the address is not mapped to itself');
          continue;
        }
        const pcid = pcids.get(context);
        if (pcid === undefined) continue;
        // A page that becomes a table ends the contexts (`forgetting.ts`), so dead ones may have its tag.
        if (access === 1 && flags & PAGE_IS_TABLE) say('walks have read entries from the page');
        if (fastOffset(lo, fastIndex(context)) !== slot * FAST_ENTRY_SIZE) say('it stands in the wrong slot');
        const found = lookup.lookupIn(t, lo, hi, pcid);
        if (found === 0) { say(`PCID ${pcid} has no TLB entry for it`); continue; }
        const info = i32[found + E_INFO]!;
        const size = info >> INFO_SIZE_SHIFT & 3;
        const expected = i32[found + E_FRAME]! & FRAME_MASK | lo >>> 12 & (size === 0 ? 0 : size === 1 ? 0x1ff : 0x3ffff);
        if (frame !== expected) say(`frame ${frame.toString(16)} instead of ${expected.toString(16)}`);
        if (access === 1 && !(info & INFO_DIRTY)) say('the TLB entry is not dirty');
        const keys = forbiddenKeys(config, i32[b + L.PKRU >> 2]!, table === TlbTable.User);
        if (access < 2 && info & INFO_USER && keys >> (info >>> INFO_PROTECTION_SHIFT) + 16 * access & 1) say(`protection key ${info >>> INFO_PROTECTION_SHIFT} forbids it`);
        if (!(allowedRights(config, table, access) >> (info >> INFO_RIGHTS_SHIFT & 7) & 1)) {
          say(`the rights of the ${info & INFO_GLOBAL ? 'global ' : ''}TLB entry (stamp ${i32[found + E_STAMP]}) forbid it`);
        }
      }
    }
  }
  return problems;
}
