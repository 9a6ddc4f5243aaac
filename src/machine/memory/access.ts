import { GuestFault, Vector } from '../core.js';
import { alignmentOf, isMisaligned } from '../cpu/alignment.js';
import * as L from '../cpu/layout.js';
import { takeFault } from '../cpu/pendingFault.js';
import type { CpuState } from '../cpu/state.js';
import { MemoryKind } from './kind.js';
import { RAM_BASE, SCRATCH as SCRATCH_BASE } from './layout.js';
import type { Mmu } from './mmu.js';

/** The last 32 bytes of the scratch area, which `Pending` uses for loads only. */
const SCRATCH = SCRATCH_BASE + 0x60;

/** As whom a handler accesses memory; the bits may be combined. */
export const enum Privilege {
  /** As the instruction: by the CPL, RFLAGS.AC counts. */
  Current = 0,
  /** Implicit supervisor-mode access: descriptor tables, TSS, pushes of event delivery (SDM Vol. 3A, 4.6). */
  Supervisor = 0x1000,
  /** Through the stack segment: a non-canonical address raises #SS(0) instead of #GP(0). */
  Stack = 0x800,
}

/**
 * Memory as instruction handlers in TypeScript and event delivery see it. Every access throws `GuestFault` when the
 * translation faults, and then has changed no byte of memory, also where it crosses into a second page. Addresses are
 * unsigned 64-bit linear addresses as bigints, or signed 32-bit halves in the `...Halves` variants.
 */
export class Access {
  /** Result of `read64Halves`: low and high half, signed. */
  lo = 0;
  hi = 0;

  private readonly view: DataView;
  private readonly ramSize: number;
  private second = 0;
  private firstLength = 0;

  /** Told of every access of a CPU that has data watchpoints: size in bytes, `MemoryKind` bits. */
  onWatched: (cpu: CpuState, lo: number, hi: number, size: number, kind: number) => void = () => {};

  constructor(private readonly mmu: Mmu) {
    this.view = mmu.memory.view;
    this.ramSize = mmu.memory.ramSize;
  }

  read8(cpu: CpuState, linear: bigint, privilege: Privilege = Privilege.Current): number { return this.view.getUint8(this.load(cpu, low(linear), high(linear), 1, privilege)); }
  read16(cpu: CpuState, linear: bigint, privilege: Privilege = Privilege.Current): number { return this.view.getUint16(this.load(cpu, low(linear), high(linear), 2, privilege), true); }
  read32(cpu: CpuState, linear: bigint, privilege: Privilege = Privilege.Current): number { return this.view.getUint32(this.load(cpu, low(linear), high(linear), 4, privilege), true); }
  read64(cpu: CpuState, linear: bigint, privilege: Privilege = Privilege.Current): bigint { return this.view.getBigUint64(this.load(cpu, low(linear), high(linear), 8, privilege), true); }
  /** Reads 64 bits into `lo` and `hi`. */
  read64Halves(cpu: CpuState, lo: number, hi: number, privilege: Privilege = Privilege.Current): void {
    const host = this.load(cpu, lo, hi, 8, privilege);
    this.lo = this.view.getInt32(host, true);
    this.hi = this.view.getInt32(host + 4, true);
  }
  /** Reads 1-32 bytes. */
  readBytes(cpu: CpuState, linear: bigint, length: number, privilege: Privilege = Privilege.Current): Uint8Array {
    const host = this.load(cpu, low(linear), high(linear), checkedLength(length), privilege);
    return this.mmu.memory.u8.slice(host, host + length);
  }

  write8(cpu: CpuState, linear: bigint, value: number, privilege: Privilege = Privilege.Current): void {
    const physical = this.locate(cpu, low(linear), high(linear), 1, MemoryKind.Write | privilege);
    this.view.setUint8(SCRATCH, value);
    this.store(cpu, physical, 1);
  }
  write16(cpu: CpuState, linear: bigint, value: number, privilege: Privilege = Privilege.Current): void {
    const physical = this.locate(cpu, low(linear), high(linear), 2, MemoryKind.Write | privilege);
    this.view.setUint16(SCRATCH, value, true);
    this.store(cpu, physical, 2);
  }
  write32(cpu: CpuState, linear: bigint, value: number, privilege: Privilege = Privilege.Current): void {
    const physical = this.locate(cpu, low(linear), high(linear), 4, MemoryKind.Write | privilege);
    this.view.setUint32(SCRATCH, value, true);
    this.store(cpu, physical, 4);
  }
  write64(cpu: CpuState, linear: bigint, value: bigint, privilege: Privilege = Privilege.Current): void {
    const physical = this.locate(cpu, low(linear), high(linear), 8, MemoryKind.Write | privilege);
    this.view.setBigUint64(SCRATCH, value, true);
    this.store(cpu, physical, 8);
  }
  write64Halves(cpu: CpuState, lo: number, hi: number, valueLo: number, valueHi: number, privilege: Privilege = Privilege.Current): void {
    const physical = this.locate(cpu, lo, hi, 8, MemoryKind.Write | privilege);
    if (this.firstLength === 8 && physical < this.ramSize) {
      this.view.setInt32(RAM_BASE + physical, valueLo, true);
      this.view.setInt32(RAM_BASE + physical + 4, valueHi, true);
      this.mmu.memory.pageChanged(physical >>> 12, physical, 8);
      return;
    }
    this.view.setInt32(SCRATCH, valueLo, true);
    this.view.setInt32(SCRATCH + 4, valueHi, true);
    this.store(cpu, physical, 8);
  }
  /** Writes 1-32 bytes. */
  writeBytes(cpu: CpuState, linear: bigint, bytes: Uint8Array, privilege: Privilege = Privilege.Current): void {
    const physical = this.locate(cpu, low(linear), high(linear), checkedLength(bytes.length), MemoryKind.Write | privilege);
    this.mmu.memory.u8.set(bytes, SCRATCH);
    this.store(cpu, physical, bytes.length);
  }

  /**
   * Throws the fault that a write of `length` bytes (1-4096) would raise, and writes nothing: for events and far transfers
   * that push several values and must not push some of them. Accessed and dirty bits are set as by the write itself.
   */
  checkWrite(cpu: CpuState, linear: bigint, length: number, privilege: Privilege = Privilege.Current): void {
    this.translate(cpu, low(linear), high(linear), length, MemoryKind.Write | privilege);
  }

  /** Host address where `length` readable bytes stand: in RAM, or copied to SCRATCH. */
  private load(cpu: CpuState, lo: number, hi: number, length: number, privilege: number): number {
    const physical = this.locate(cpu, lo, hi, length, MemoryKind.Read | privilege);
    if (this.firstLength === length && physical < this.ramSize) return RAM_BASE + physical;
    this.mmu.bus.load(cpu.index, physical, SCRATCH, this.firstLength);
    if (this.firstLength < length) this.mmu.bus.load(cpu.index, this.second, SCRATCH + this.firstLength, length - this.firstLength);
    return SCRATCH;
  }

  /** Stores `length` bytes from SCRATCH to the places found by `locate`. */
  private store(cpu: CpuState, physical: number, length: number): void {
    this.mmu.bus.store(cpu.index, physical, SCRATCH, this.firstLength);
    if (this.firstLength < length) this.mmu.bus.store(cpu.index, this.second, SCRATCH + this.firstLength, length - this.firstLength);
  }

  /** Physical address of the first byte; `firstLength` bytes are there and the others at `second`. */
  private locate(cpu: CpuState, lo: number, hi: number, length: number, kind: number): number {
    const physical = this.translate(cpu, lo, hi, length, kind);
    if (cpu.int(L.MODE) & L.CodeMode.Watched) this.onWatched(cpu, lo, hi, length, kind);
    return physical;
  }

  private translate(cpu: CpuState, lo: number, hi: number, length: number, kind: number): number {
    const mmu = this.mmu;
    const crosses = (lo & 0xfff) + length > 0x1000, next = (lo & ~0xfff) + 0x1000 | 0;
    if (crosses && next === 0 && !mmu.canonical(cpu.base, mmu.nextHigh(cpu.base, next, hi, kind), kind)) throw takeFault(cpu);
    if (isMisaligned(cpu, lo, alignmentOf(length)) && !(kind & MemoryKind.Supervisor)) {
      if (!mmu.canonical(cpu.base, hi, kind)) throw takeFault(cpu);
      throw new GuestFault(Vector.AC, 0);
    }
    const first = mmu.physical(cpu.base, lo, hi, kind);
    if (first < 0) throw takeFault(cpu);
    this.firstLength = length;
    if (crosses) {
      this.second = mmu.physical(cpu.base, next, mmu.nextHigh(cpu.base, next, hi, kind), kind);
      if (this.second < 0) throw takeFault(cpu);
      this.firstLength = 0x1000 - (lo & 0xfff);
    }
    return first;
  }
}

function low(linear: bigint): number { return Number(linear & 0xffffffffn) | 0; }
function high(linear: bigint): number { return Number(linear >> 32n & 0xffffffffn) | 0; }

function checkedLength(length: number): number {
  if (length < 1 || length > 32) throw new RangeError(`An access of ${length} bytes is not possible: 1 to 32 bytes.`);
  return length;
}
