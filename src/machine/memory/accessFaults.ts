import { Vector } from '../core.js';
import * as L from '../cpu/layout.js';
import type { Flushing } from './flushing.js';
import { MemoryKind } from './kind.js';
import { cpuIndex, TlbTable } from './layout.js';
import { ALLOWED_PAGING, CONFIG_NXE, CONFIG_SMEP, H_ALLOWED, H_CONFIG, H_MODE, H_PCID, TLB_CPU_WORDS, TLB_WORD } from './tlbLayout.js';
import { PF_I, PF_U, PF_W } from './pagingBits.js';

const SUPERVISOR = 0x1000;

/** The exceptions of accesses that cannot be translated, left in FAULT_* for `cpu/pendingFault.ts`. */
export class AccessFaults {
  /** @param dropPending forgets the stores that the instruction has left pending */
  constructor(private readonly i32: Int32Array, private readonly flushing: Flushing, private readonly dropPending: (cpuBase: number) => void) {}

  /** A page fault: leaves it in FAULT_*. @param bits P, RSVD and PK of the error code @returns -1 */
  pageFault(cpuBase: number, t: number, lo: number, hi: number, kind: number, bits: number): number {
    const i32 = this.i32;
    const config = i32[t + H_CONFIG]!;
    let error = bits;
    if (kind & MemoryKind.Write) error |= PF_W;
    if (!(kind & SUPERVISOR) && i32[t + H_MODE] === TlbTable.User) error |= PF_U;
    if (kind & MemoryKind.Execute && config & (CONFIG_NXE | CONFIG_SMEP)) error |= PF_I;
    // A page fault drops what the TLB holds for the address (SDM Vol. 3A, 4.10.4.1). Processors drop a global entry too:
    // kernels count on a spurious fault on a global page not to repeat itself.
    this.flushing.dropPage(cpuBase, t, lo, hi, i32[t + H_PCID]!, true);
    this.flushing.dropOtherHalf(cpuBase, t, lo);
    this.fault(cpuBase, Vector.PF, error);
    i32[(cpuBase + L.FAULT_ADDRESS) >> 2] = lo;
    i32[(cpuBase + L.FAULT_ADDRESS + 4) >> 2] = hi;
    return -1;
  }

  /**
   * Checks the page in which a crossing access ends, ahead of both translations: an access that leaves the canonical addresses
   * raises #GP or #SS even if its first page would fault. False leaves the fault in FAULT_*.
   */
  canonical(cpuBase: number, hi: number, kind: number): boolean {
    const t = TLB_WORD + cpuIndex(cpuBase) * TLB_CPU_WORDS, allowed = this.i32[t + H_ALLOWED + (kind & SUPERVISOR ? TlbTable.Supervisor : this.i32[t + H_MODE]!)]!;
    if (!(allowed & ALLOWED_PAGING) || hi + 0x8000 >>> 16 === 0) return true;
    this.notCanonical(cpuBase, kind);
    return false;
  }

  /** #GP(0) or #SS(0) of an address that is not canonical: leaves it in FAULT_*. @returns -1 */
  notCanonical(cpuBase: number, kind: number): number {
    this.fault(cpuBase, kind & MemoryKind.Stack ? Vector.SS : Vector.GP, 0);
    return -1;
  }

  private fault(cpuBase: number, vector: number, error: number): void {
    const i32 = this.i32;
    i32[(cpuBase + L.FAULT_VECTOR) >> 2] = vector;
    i32[(cpuBase + L.FAULT_ERROR) >> 2] = error;
    i32[(cpuBase + L.FAULT_HAS_ERROR) >> 2] = 1;
    if (i32[(cpuBase + L.PENDING) >> 2] !== 0) this.dropPending(cpuBase);
  }
}
