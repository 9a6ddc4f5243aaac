import * as L from './layout.js';
import { CPU_BASE, CPU_SIZE } from '../memory/layout.js';

/**
 * One CPU's registers as TypeScript sees them: typed views over its part of the machine's memory.
 * 64-bit values are bigints here; hot paths use the `i32` view with low and high halves instead.
 */
export class CpuState {
  /** Address of this CPU's state in the machine's memory. */
  readonly base: number;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
  readonly f64: Float64Array;

  constructor(memory: WebAssembly.Memory, readonly index: number) {
    this.base = CPU_BASE + index * CPU_SIZE;
    this.i32 = new Int32Array(memory.buffer, this.base, CPU_SIZE >> 2);
    this.u32 = new Uint32Array(memory.buffer, this.base, CPU_SIZE >> 2);
    this.u64 = new BigUint64Array(memory.buffer, this.base, CPU_SIZE >> 3);
    this.f64 = new Float64Array(memory.buffer, this.base, CPU_SIZE >> 3);
    this.i32[L.CPU_INDEX >> 2] = index;
  }

  /** The 64-bit field at byte offset `field` of the layout. */
  get(field: number): bigint { return this.u64[field >> 3]!; }
  set(field: number, value: bigint): void { this.u64[field >> 3] = value; }
  /** The 32-bit field at byte offset `field`, signed. */
  int(field: number): number { return this.i32[field >> 2]!; }
  setInt(field: number, value: number): void { this.i32[field >> 2] = value; }

  /** Copies a 64-bit field without making a bigint of it. */
  copy(to: number, from: number): void {
    this.i32[to >> 2] = this.i32[from >> 2]!;
    this.i32[to + 4 >> 2] = this.i32[from + 4 >> 2]!;
  }
  /** Sets a 64-bit field from its halves. */
  setHalves(field: number, low: number, high: number): void {
    this.i32[field >> 2] = low;
    this.i32[field + 4 >> 2] = high;
  }

  /** General-purpose register 0-15 in the order of the encoding (RAX RCX RDX RBX RSP RBP RSI RDI R8...). */
  gpr(n: number): bigint { return this.u64[(L.GPR >> 3) + n]!; }
  setGpr(n: number, value: bigint): void { this.u64[(L.GPR >> 3) + n] = value; }

  get rip(): bigint { return this.u64[L.RIP >> 3]!; }
  set rip(value: bigint) { this.u64[L.RIP >> 3] = value; }

  /** Linear address of the next instruction: RIP in 64-bit code, CS.base + EIP elsewhere. */
  get linearRip(): bigint {
    return this.int(L.MODE) & L.CodeMode.Long ? this.rip : BigInt.asUintN(32, this.segBase(L.Seg.CS) + this.rip);
  }

  /** Steps this CPU has completed: instructions, and events delivered. */
  get steps(): number { return this.f64[L.STEPS >> 3]!; }
  set steps(value: number) { this.f64[L.STEPS >> 3] = value; }

  /** Clock cycles that this CPU's events have cost beyond their steps, see `cycles/model.ts`. */
  get extraCycles(): number { return this.u32[L.EXTRA_CYCLES >> 2]! + this.u32[L.EXTRA_CYCLES + 4 >> 2]! * 0x100000000; }
  /** An event has cost so many cycles (up to 2^31) beyond its step. */
  charge(cycles: number): void {
    const low = this.u32[L.EXTRA_CYCLES >> 2]! + cycles;
    this.u32[L.EXTRA_CYCLES >> 2] = low;
    if (low > 0xffffffff) this.u32[L.EXTRA_CYCLES + 4 >> 2]!++;
  }

  get runState(): L.RunState { return this.i32[L.RUN_STATE >> 2]!; }
  set runState(value: L.RunState) { this.i32[L.RUN_STATE >> 2] = value; }

  /** Current privilege level: the RPL of CS, 0 in real mode (SDM Vol. 3A, 5.5). */
  get cpl(): number { return this.int(L.CR0) & 1 ? this.int(L.SEG + L.Seg.SS * L.SEG_SIZE + L.SEG_RIGHTS) >> 5 & 3 : 0; }

  segSelector(seg: L.Seg): number { return this.int(L.SEG + seg * L.SEG_SIZE + L.SEG_SELECTOR); }
  segRights(seg: L.Seg): number { return this.int(L.SEG + seg * L.SEG_SIZE + L.SEG_RIGHTS); }
  segLimit(seg: L.Seg): number { return this.u32[(L.SEG + seg * L.SEG_SIZE + L.SEG_LIMIT) >> 2]!; }
  segBase(seg: L.Seg): bigint { return this.get(L.SEG + seg * L.SEG_SIZE + L.SEG_BASE); }

  /** Loads the hidden part of a segment register without any check. */
  setSegment(seg: L.Seg, selector: number, rights: number, limit: number, base: bigint): void {
    const at = L.SEG + seg * L.SEG_SIZE;
    this.setInt(at + L.SEG_SELECTOR, selector);
    this.setInt(at + L.SEG_RIGHTS, rights);
    this.setInt(at + L.SEG_LIMIT, limit | 0);
    this.set(at + L.SEG_BASE, base);
  }
}
