import * as L from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import { DROPPED_GLOBAL, DROPPED_SMALL } from '../emitted/tlb.js';
import { invalidateContext, invalidateContexts, liveContext } from './contexts.js';
import { dropFastSlot, fastIndex } from './fastTable.js';
import { cpuIndex } from './layout.js';
import type { Tlb } from './tlb.js';
import { CONFIG_LONG, CONFIG_PAE, H_CONFIG, H_PCID, tlbWord } from './tlbLayout.js';
import type { TranslationContext } from './translationContext.js';

const CR3_W = L.CR3 >> 2;

/** What drops entries of the TLBs (SDM Vol. 3A, 4.10.4), and with them what the fast tables hold. */
export class Flushing {
  constructor(private readonly i32: Int32Array, private readonly tlb: Tlb, private readonly context: TranslationContext) {}

  /**
   * MOV to CR3 (SDM Vol. 3A, 4.10.4.1): with CR4.PCIDE = 0 drops what is not global of PCID 0, with PCIDE = 1 that of the
   * new PCID unless bit 63 is set. Reserved bits are the caller's to check; bit 63 is not stored.
   */
  loadCr3(cpu: CpuState, lo: number, hi: number): void {
    const i32 = this.i32;
    const b = cpu.base >> 2;
    const t = tlbWord(cpu.index);
    i32[b + CR3_W] = lo;
    i32[b + CR3_W + 1] = hi & 0x7fffffff;
    const pcide = i32[b + (L.CR4 >> 2)]! & 1 << 17;
    if (!pcide) this.flushPcid(t, 0);
    else if (hi >= 0) this.flushPcid(t, lo & 0xfff);
    this.context.set(cpu);
  }

  /** INVLPG: drops the entries of every size for the address, those of the current PCID and the global ones. */
  invlpg(cpu: CpuState, lo: number, hi: number): void {
    const t = tlbWord(cpu.index);
    if (hi + 0x8000 >>> 16 !== 0) return;
    this.dropPage(cpu.base, t, lo, hi, this.i32[t + H_PCID]!, true);
    this.dropOtherHalf(cpu.base, t, lo);
  }

  /**
   * INVPCID (SDM Vol. 2, INVPCID): type 0 drops one address of `pcid` (not global), 1 all of `pcid` that is not global,
   * 2 everything, 3 all that is not global. Checks of operands are the caller's.
   */
  invpcid(cpu: CpuState, type: number, pcid: number, lo: number, hi: number): void {
    const t = tlbWord(cpu.index);
    switch (type) {
      case 0: this.dropPage(cpu.base, t, lo, hi, pcid, false); break;
      case 1:
        this.flushPcid(t, pcid);
        this.context.selectFast(cpu.base, t);
        break;
      case 2: this.flushAll(cpu, { globals: true }); break;
      case 3: this.flushAll(cpu, { globals: false }); break;
      default: throw new RangeError(`INVPCID type ${type} does not exist: types are 0 to 3.`);
    }
  }

  /** Drops all entries of the CPU in all PCIDs, global ones if asked to. */
  flushAll(cpu: CpuState, what: { globals: boolean }): void {
    const t = tlbWord(cpu.index);
    if (what.globals) this.tlb.flushAll(t);
    else this.tlb.flushNonGlobal(t);
    invalidateContexts(this.i32, t);
    this.context.selectFast(cpu.base, t);
  }

  /** Drops the entries of a PCID that are not global; the caller selects the fast context anew. */
  private flushPcid(t: number, pcid: number): void {
    this.tlb.flushPcid(t, pcid);
    invalidateContext(this.i32, t, pcid);
  }

  /** 32-bit paging: a page of 4 MiB stands in the TLB as two of 2 MiB, which are dropped together. */
  dropOtherHalf(cpuBase: number, t: number, lo: number): void {
    if (!(this.i32[t + H_CONFIG]! & (CONFIG_LONG | CONFIG_PAE))) this.dropPage(cpuBase, t, lo ^ 0x200000, 0, 0, true);
  }

  /**
   * Drops the entries of every size for one address, those of `pcid` and if asked the global ones, and what the fast tables hold of
   * them.
   */
  dropPage(cpuBase: number, t: number, lo: number, hi: number, pcid: number, globals: boolean): void {
    const i32 = this.i32;
    const dropped = this.tlb.dropAddress(t, lo, hi, pcid, globals);
    if (dropped === 0) return;
    if (dropped === DROPPED_SMALL) {
      const context = liveContext(i32, t, pcid);
      if (context !== 0) dropFastSlot(i32, cpuIndex(cpuBase), lo, fastIndex(context));
    } else {
      this.endContexts(cpuBase, t, pcid, dropped);
    }
  }

  /** Ends the fast context from which large or global entries have been dropped: the current one, or all. @param dropped DROPPED_* */
  endContext(cpuBase: number, dropped: number): void {
    const t = tlbWord(cpuIndex(cpuBase));
    this.endContexts(cpuBase, t, this.i32[t + H_PCID]!, dropped);
  }

  private endContexts(cpuBase: number, t: number, pcid: number, dropped: number): void {
    if (dropped & DROPPED_GLOBAL) invalidateContexts(this.i32, t);
    else invalidateContext(this.i32, t, pcid);
    this.context.selectFast(cpuBase, t);
  }
}
