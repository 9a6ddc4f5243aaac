import * as L from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import { invalidateContext, invalidateContexts } from './contexts.js';
import type { GuestMemory } from './guestMemory.js';
import { RAM_BASE } from './layout.js';
import type { Tlb } from './tlb.js';
import { CONFIG_LONG, CONFIG_PAE, H_FORGETS, tlbWord } from './tlbLayout.js';
import type { TranslationContext } from './translationContext.js';

/**
 * How long the TLBs keep translations. The SDM (Vol. 3A, 4.10) lets a processor do both: `retain` keeps an entry until something must drop it;
 * `forget` drops it as soon as it may, which is at once: every access goes by the page tables and control registers as they are.
 */
export type TlbAppetite = 'retain' | 'forget';

const RAM_WORD = RAM_BASE >> 2;
const PCIDS = 4096, CR3_W = L.CR3 >> 2;

/**
 * The appetite `forget`. What it means is that nothing is held from one instruction to the next; to walk for each access would be slow, so
 * translations are kept where that cannot be seen: pages from which walks have read entries are marked, and a store to one of them drops all
 * translations of all CPUs; so does a change of control registers that decide about paging, of the CPU's own. Those of a PCID are dropped when it
 * gets another root, whatever bit 63 of CR3 says, and no entry is global. A TLB therefore has no content that counts: it is shown as empty, it is
 * not hashed, and walks cost no cycles.
 */
export class Forgetting {
  /** For each CPU and PCID the page of the root that its translations come from; -1 if it has none. */
  private readonly roots: Int32Array;

  constructor(private readonly memory: GuestMemory, private readonly tlb: Tlb, private readonly context: TranslationContext, private readonly cpus: readonly CpuState[]) {
    this.roots = new Int32Array(cpus.length * PCIDS).fill(-1);
    memory.onTableWrite = () => this.forgetAll();
    for (const cpu of cpus) memory.i32[tlbWord(cpu.index) + H_FORGETS] = 1;
  }

  /**
   * A walk of a CPU has succeeded, at a page of size 0 to 2. Pages that were no tables so far may be the target of write tags, and of stores
   * of the region that is running, so all contexts end; then translated code hands back.
   * @param config CONFIG_* bits of the paging mode
   */
  walked(config: number, cpuBase: number, lo: number, hi: number, size: number): void {
    const { i32 } = this.memory, long = config & CONFIG_LONG, pae = config & (CONFIG_LONG | CONFIG_PAE);
    const at = cpuBase + (pae && !long ? L.PDPTE + 8 * (lo >>> 30) : L.CR3) >> 2;
    let table = frameOf(i32[at]!, pae ? i32[at + 1]! : 0), found = false;
    for (let level = long ? 4 : 2; ; level--) {
      // An entry outside RAM reads as ones, always.
      if (table >= this.memory.ramPages) break;
      if (this.memory.markTable(table)) found = true;
      if (level <= size + 1) break;
      const index = pae ? 2 * (level === 4 ? hi >>> 7 & 0x1ff : level === 3 ? (hi & 0x7f) << 2 | lo >>> 30 : lo >>> 21 & 0x1ff) : lo >>> 22;
      const entry = RAM_WORD + (table << 10) + index;
      table = frameOf(i32[entry]!, pae ? i32[entry + 1]! : 0);
    }
    if (found) for (const cpu of this.cpus) this.endContexts(cpu);
  }

  /** The CPU goes on in that PCID with the root that its CR3 names. */
  rooted(cpu: CpuState, pcid: number): void {
    const root = frameOf(cpu.i32[CR3_W]!, cpu.i32[CR3_W + 1]!), at = cpu.index * PCIDS + pcid;
    if (this.roots[at] === root) return;
    this.roots[at] = root;
    const t = tlbWord(cpu.index);
    this.tlb.flushPcid(t, pcid);
    invalidateContext(this.memory.i32, t, pcid);
  }

  /** Drops all translations of all CPUs. */
  forgetAll(): void { for (const cpu of this.cpus) this.forget(cpu); }

  /** Drops all translations of a CPU. */
  forget(cpu: CpuState): void {
    this.tlb.flushNonGlobal(tlbWord(cpu.index));
    this.endContexts(cpu);
  }

  private endContexts(cpu: CpuState): void {
    const t = tlbWord(cpu.index);
    invalidateContexts(this.memory.i32, t);
    this.context.selectFast(cpu.base, t);
  }
}

/** Physical bits 39:12 of what CR3, a PDPTE register or an entry names, by its halves. */
function frameOf(low: number, high: number): number { return low >>> 12 | (high & 0xff) << 20; }
