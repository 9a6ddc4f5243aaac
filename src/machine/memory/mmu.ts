import { Unimplemented } from '../core.js';
import * as L from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import { WALK_CYCLES, WALK_LEVEL_CYCLES } from '../cycles/model.js';
import { FRAME_UNUSUAL } from '../emitted/page.js';
import { type Emitted, emittedFor } from '../emitted/index.js';
import { AccessFaults } from './accessFaults.js';
import { Bus } from './bus.js';
import { invalidateContext, invalidateContexts } from './contexts.js';
import { clearFast, forgetWalks } from './fastTable.js';
import { Flushing } from './flushing.js';
import { Forgetting, type TlbAppetite } from './forgetting.js';
import type { GuestMemory } from './guestMemory.js';
import { MemoryKind } from './kind.js';
import {
  ACCESS_INFO, cpuIndex, PAGE_DIRTY, PAGE_FLAGS_BASE, PAGE_SLOW_STORES, RAM_BASE, TlbTable,
} from './layout.js';
import { LinearView } from './linearView.js';
import { PF_P, PF_PK, WALK_OK } from './pagingBits.js';
import { Pending } from './pending.js';
import { Tlb, type TlbEntry } from './tlb.js';
import {
  CONFIG_LONG, CONFIG_PGE, E_FRAME, E_INFO, FRAME_MASK, H_ALLOWED, H_CONFIG, H_IN_USE, H_KEYS, H_MODE, H_NEXT_CONTEXT, H_PCID, INFO_DIRTY,
  INFO_GLOBAL, INFO_PROTECTION_SHIFT, INFO_RIGHTS_SHIFT, INFO_SIZE_SHIFT, INFO_USER, tlbWord, TLB_CPU_WORDS, TLB_WORD,
} from './tlbLayout.js';
import { TranslationContext } from './translationContext.js';
import { Walker } from './walk.js';

/** `resolve` found a fault; FAULT_* say which. */
export const RESOLVE_FAULT = -1;
/** `resolve` found something that is not plain RAM: the instruction must be executed by the interpreter. */
export const RESOLVE_STEP = -2;

// Plain constants for the hot path: word offsets in the CPU state and the numbers that the enumerations stand for.
const EXECUTE = 2, WRITE = 1;
const SIZE_MASK = 0xff;
const ACCESS_SHIFT = 8;
const SUPERVISOR = 0x1000;
const FAST_TABLE_W = L.FAST_TABLE >> 2, FAST_CONTEXT_W = L.FAST_CONTEXT >> 2;
const CR3_W = L.CR3 >> 2, STEPPING_W = L.STEPPING >> 2, PENDING_W = L.PENDING >> 2;

/**
 * The memory management units of all CPUs: linear to physical addresses through the architectural TLBs and the page
 * tables, and the fast tables of translated code. Linear addresses are passed as halves (two's complement i32). What the control
 * registers mean for it is in `TranslationContext`, flushing in `Flushing`, exceptions in `AccessFaults`.
 *
 * After a change of CPL, RFLAGS.AC, CR0, CR4, EFER or CR3 of a CPU, `setContext` must be called (`loadCr3` does it).
 */
export class Mmu {
  readonly tlb: Tlb;
  readonly walker: Walker;
  private readonly context: TranslationContext;
  private readonly flushing: Flushing;
  private readonly faults: AccessFaults;
  private readonly pending: Pending;
  private readonly linear: LinearView;
  private readonly forgetting: Forgetting | undefined;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  private readonly ramPages: number;
  /** What translated code and TypeScript share of it, for 4-level paging. */
  private readonly emitted: Emitted;

  constructor(readonly memory: GuestMemory, readonly bus: Bus, private readonly cpus: readonly CpuState[], appetite: TlbAppetite = 'retain') {
    this.i32 = memory.i32;
    this.u8 = memory.u8;
    this.ramPages = memory.ramPages;
    const { emitted, unusual } = emittedFor(memory);
    this.emitted = emitted;
    unusual.resolve = (cpuBase, lo, hi, kind) => this.resolveUnusual(cpuBase, lo, hi, kind);
    unusual.endContext = (cpuBase, dropped) => this.flushing.endContext(cpuBase, dropped);
    this.tlb = new Tlb(memory);
    this.walker = new Walker(memory);
    this.context = new TranslationContext(memory.i32, this.tlb);
    this.flushing = new Flushing(memory.i32, this.tlb, this.context);
    this.faults = new AccessFaults(memory.i32, this.flushing, cpuBase => this.dropPending(cpuBase));
    this.pending = new Pending(memory, bus);
    this.linear = new LinearView(memory, this.walker);
    for (const cpu of cpus) this.reset(cpu);
    if (appetite === 'forget') this.context.forgetting = this.forgetting = new Forgetting(memory, this.tlb, this.context, cpus);
  }

  /** Empties the CPU's TLB, as RESET and INIT do, and takes its control registers as they are. */
  reset(cpu: CpuState): void {
    const t = tlbWord(cpu.index);
    this.tlb.reset(t);
    clearFast(this.i32, cpu.index);
    this.i32[t + H_NEXT_CONTEXT] = 0;
    this.i32[t + H_CONFIG] = -1;
    this.setContext(cpu);
  }

  /** Call after the machine's memory has been replaced by a snapshot: what is only there for speed is rebuilt. */
  restored(): void {
    for (const cpu of this.cpus) {
      clearFast(this.i32, cpu.index);
      forgetWalks(this.i32, cpu.index);
      this.setContext(cpu);
    }
    this.forgetting?.forgetAll();
  }

  /** Is the appetite of the TLBs `forget`? */
  get forgets(): boolean { return this.forgetting !== undefined; }

  /** Registers that decide about paging beside those that `setContext` looks at have been loaded: the PDPTEs of PAE paging. */
  registersLoaded(cpu: CpuState): void { this.forgetting?.forget(cpu); }

  // ---- the path of translated code and the interpreter -------------------------------------------------------------

  /**
   * Translates one access of an instruction; called when the inline lookup in the fast table misses.
   * @param cpuBase address of the CPU's state
   * @param kind size and access, see `MemoryKind`
   * @returns the host address of the bytes in the machine's memory (positive), RESOLVE_FAULT with FAULT_* set, or
   *   RESOLVE_STEP if the access is not to one page of plain RAM, writes next to code, or has ended the fast context, and STEPPING
   *   is 0. When STEPPING is set
   *   such accesses get an address in SCRATCH; for a write PENDING becomes non-zero and `flushPending` is to be called
   *   after the instruction.
   */
  resolve(cpuBase: number, lo: number, hi: number, kind: number): number { return this.emitted.resolve(cpuBase, lo, hi, kind); }

  /** `resolve` where it is not usual. */
  private resolveUnusual(cpuBase: number, lo: number, hi: number, kind: number): number {
    if ((lo & 0xfff) + (kind & SIZE_MASK) > 0x1000) return this.resolveCrossing(cpuBase, lo, hi, kind);
    const context = this.i32[(cpuBase >> 2) + FAST_CONTEXT_W]!;
    const frame = this.frameOf(cpuBase, lo, hi, kind);
    if (frame < 0) return RESOLVE_FAULT;
    if (this.i32[(cpuBase >> 2) + FAST_CONTEXT_W] !== context && !(kind & MemoryKind.Execute)) {
      // Entries have been dropped, perhaps that of the code which is running: it is to be fetched again before the next
      // instruction. Translated code, which keeps the context in a local, hands back at once.
      if (this.i32[(cpuBase >> 2) + STEPPING_W] === 0) return RESOLVE_STEP;
      if (this.i32[(cpuBase >> 2) + PENDING_W] === 0) this.i32[(cpuBase >> 2) + PENDING_W] = -1;
    }
    if (frame >= this.ramPages) return this.resolveDevice(cpuBase, frame, lo, hi, kind);
    let flags = this.u8[PAGE_FLAGS_BASE + frame]!;
    if ((kind & MemoryKind.Write) !== 0) {
      if (flags & PAGE_SLOW_STORES && this.memory.isSlowStore(frame, lo & 0xfff, kind & SIZE_MASK)) return this.resolveScratch(cpuBase, kind, frame * 0x1000 + (lo & 0xfff), kind & SIZE_MASK, 0, 0);
      if (!(flags & PAGE_DIRTY)) {
        this.memory.markDirty(frame);
        flags |= PAGE_DIRTY;
      }
    }
    const page = RAM_BASE + (frame << 12);
    const mode = this.i32[TLB_WORD + cpuIndex(cpuBase) * TLB_CPU_WORDS + H_MODE]!;
    this.emitted.fill(cpuBase, this.i32[(cpuBase >> 2) + FAST_TABLE_W]!, mode, lo, hi, page, flags);
    return page + (lo & 0xfff);
  }

  /** Carries out the stores that the instruction has left in SCRATCH. */
  flushPending(cpuBase: number): void {
    this.i32[(cpuBase >> 2) + PENDING_W] = 0;
    this.pending.flush(cpuIndex(cpuBase));
  }

  /** Forgets them: the instruction has raised an exception. */
  dropPending(cpuBase: number): void {
    this.i32[(cpuBase >> 2) + PENDING_W] = 0;
    this.pending.drop();
  }

  /** The physical page number for an access within one page, or -1 with FAULT_* set; sets ACCESS_INFO. */
  private frameOf(cpuBase: number, lo: number, hi: number, kind: number): number {
    const frame = this.emitted.frameOf(cpuBase, lo, hi, kind);
    return frame === FRAME_UNUSUAL ? this.unusualFrame(cpuBase, lo, hi, kind) : frame;
  }

  private unusualFrame(cpuBase: number, lo: number, hi: number, kind: number): number {
    const i32 = this.i32;
    const t = TLB_WORD + cpuIndex(cpuBase) * TLB_CPU_WORDS;
    const allowed = i32[t + H_ALLOWED + (kind & SUPERVISOR ? TlbTable.Supervisor : i32[t + H_MODE]!)]!;
    if (hi + 0x8000 >>> 16 !== 0) return this.faults.notCanonical(cpuBase, kind);
    const access = kind >> ACCESS_SHIFT & 3;
    const entry = this.tlb.lookup(t, lo, hi);
    if (entry !== 0) {
      const info = i32[entry + E_INFO]!;
      // The cached rights decide, even if the tables have more to offer by now (SDM Vol. 3A, 4.10.2.3).
      const keys = this.keysAgainst(t, kind);
      const locked = keys !== 0 && info & INFO_USER && keys >> (info >>> INFO_PROTECTION_SHIFT) & 1;
      if (locked || !(allowed >> (access << 3 | info >> INFO_RIGHTS_SHIFT & 7) & 1)) return this.faults.pageFault(cpuBase, t, lo, hi, kind, locked ? PF_P | PF_PK : PF_P);
      if (access !== WRITE || info & INFO_DIRTY) {
        i32[ACCESS_INFO >> 2] = info;
        const size = info >> INFO_SIZE_SHIFT & 3;
        const frame = i32[entry + E_FRAME]! & FRAME_MASK;
        if (size === 0) return frame;
        return frame | lo >>> 12 & (size === 1 ? 0x1ff : 0x3ffff);
      }
    }
    return this.walk(cpuBase, t, lo, hi, kind, allowed >> (access << 3) & 0xff, entry);
  }

  /** The protection keys (a bit each) that forbid such an access to user pages; instruction fetches know no keys. */
  private keysAgainst(t: number, kind: number): number {
    if (kind & MemoryKind.Execute) return 0;
    const keys = this.i32[t + H_KEYS + (kind & SUPERVISOR ? 0 : this.i32[t + H_MODE]! & TlbTable.User)]!;
    return kind & MemoryKind.Write ? keys >>> 16 : keys & 0xffff;
  }

  /** `frameOf` when the TLB has no entry, or one whose cached dirty bit is clear while the access is a write. */
  private walk(cpuBase: number, t: number, lo: number, hi: number, kind: number, allowed: number, stale: number): number {
    const i32 = this.i32;
    const walker = this.walker;
    const cr3 = (cpuBase >> 2) + CR3_W;
    const config = i32[t + H_CONFIG]!;
    // Where TLBs forget none is global, since the next address space may have another translation.
    const result = walker.walk(this.forgetting ? config & ~CONFIG_PGE : config, i32[cr3]! >>> 12 | (i32[cr3 + 1]! & 0xff) << 20, (cpuBase >> 2) + (L.PDPTE >> 2), lo, hi, allowed, this.keysAgainst(t, kind),
      kind >> ACCESS_SHIFT & WRITE);
    if (result !== WALK_OK) return this.faults.pageFault(cpuBase, t, lo, hi, kind, result);
    if (this.forgetting) this.forgetting.walked(config, cpuBase, lo, hi, walker.size);
    else this.cpus[cpuIndex(cpuBase)]!.charge(WALK_CYCLES + WALK_LEVEL_CYCLES * ((config & CONFIG_LONG ? 4 : 2) - walker.size));
    i32[ACCESS_INFO >> 2] = walker.info;
    if (stale !== 0) this.replace(cpuBase, t, lo, hi, stale);
    else {
      const flushed = this.tlb.insert(t, lo, hi, walker.size, walker.frame, walker.info);
      // A large page may cover smaller global ones, which it takes precedence over from now on.
      const covers = walker.size !== 0 && !(walker.info & INFO_GLOBAL) && i32[t + H_IN_USE]! & 0x38;
      if (covers) invalidateContext(i32, t, i32[t + H_PCID]!);
      if (covers || flushed) this.context.selectFast(cpuBase, t);
    }
    return walker.size === 0 ? walker.frame : walker.frame | lo >>> 12 & (walker.size === 1 ? 0x1ff : 0x3ffff);
  }

  /** Puts the result of a walk in the place of an entry that did not have the dirty bit. */
  private replace(cpuBase: number, t: number, lo: number, hi: number, stale: number): void {
    const i32 = this.i32;
    const { tlb, walker } = this;
    const old = i32[stale + E_INFO]!;
    const kept = 7 << INFO_RIGHTS_SHIFT | INFO_GLOBAL | 0xf << INFO_PROTECTION_SHIFT;
    if ((old & kept) === (walker.info & kept) && (old >> INFO_SIZE_SHIFT & 3) === walker.size && (i32[stale + E_FRAME]! & FRAME_MASK) === walker.frame) {
      tlb.setDirty(stale);
      return;
    }
    this.flushing.dropPage(cpuBase, t, lo, hi, i32[t + H_PCID]!, true);
    // A global entry is seen by the other PCIDs too, whose fast entries must not hide it.
    if (walker.info & INFO_GLOBAL) invalidateContexts(i32, t);
    // The context ends: translated code may hold the page's old place, and a large page covers other entries.
    else invalidateContext(i32, t, i32[t + H_PCID]!);
    tlb.insert(t, lo, hi, walker.size, walker.frame, walker.info);
    this.context.selectFast(cpuBase, t);
  }

  private resolveCrossing(cpuBase: number, lo: number, hi: number, kind: number): number {
    if (this.i32[(cpuBase >> 2) + STEPPING_W] === 0) return RESOLVE_STEP;
    const next = (lo & ~0xfff) + 0x1000 | 0, nextHi = this.nextHigh(cpuBase, next, hi, kind);
    if (next === 0 && !this.canonical(cpuBase, nextHi, kind)) return RESOLVE_FAULT;
    const first = this.physical(cpuBase, lo, hi, kind);
    if (first < 0) return RESOLVE_FAULT;
    const second = this.physical(cpuBase, next, nextHi, kind);
    if (second < 0) return RESOLVE_FAULT;
    const length = 0x1000 - (lo & 0xfff);
    return this.resolveScratch(cpuBase, kind, first, length, second, (kind & SIZE_MASK) - length);
  }

  /** High half of the address of the next page: a carry in 64-bit code, and 32-bit wrap elsewhere. */
  nextHigh(cpuBase: number, nextLo: number, hi: number, kind: number): number {
    if (nextLo !== 0) return hi;
    const long = kind & SUPERVISOR ? this.i32[(cpuBase + L.EFER) >> 2]! & 1 << 10 : this.i32[(cpuBase + L.MODE) >> 2]! & L.CodeMode.Long;
    return long ? hi + 1 | 0 : hi;
  }

  private resolveDevice(cpuBase: number, frame: number, lo: number, hi: number, kind: number): number {
    const physical = frame * 0x1000 + (lo & 0xfff);
    if (kind >> ACCESS_SHIFT & EXECUTE) {
      const device = this.bus.find(physical);
      throw new Unimplemented(`Instruction fetch from linear address ${hex(lo, hi)}: physical 0x${physical.toString(16)} is `
        + (device ? `a register of ${device.name}` : `outside the ${this.memory.ramSize / 0x100000} MiB of RAM`) + '; the machine executes from RAM only.');
    }
    return this.resolveScratch(cpuBase, kind, physical, kind & SIZE_MASK, 0, 0);
  }

  /** Gives the instruction a place in SCRATCH instead of one or two pieces of the physical address space. */
  private resolveScratch(cpuBase: number, kind: number, first: number, firstLength: number, second: number, secondLength: number): number {
    const b = cpuBase >> 2;
    if (this.i32[b + STEPPING_W] === 0) return RESOLVE_STEP;
    const cpu = cpuIndex(cpuBase);
    if (!(kind & MemoryKind.Write)) return this.pending.load(cpu, first, firstLength, second, secondLength);
    const host = this.pending.store(cpu, first, firstLength, second, secondLength, (kind & MemoryKind.Modify) !== 0);
    this.i32[b + PENDING_W] = this.pending.count;
    return host;
  }

  // ---- accesses of TypeScript parts --------------------------------------------------------------------------------

  /**
   * Physical address for an access that does not cross a page, with all effects that the access has (TLB, A and D bits).
   * @returns the physical address, or -1 with FAULT_* set
   */
  physical(cpuBase: number, lo: number, hi: number, kind: number): number {
    const frame = this.frameOf(cpuBase, lo, hi, kind);
    return frame < 0 ? -1 : frame * 0x1000 + (lo & 0xfff);
  }

  // ---- context and flushing ----------------------------------------------------------------------------------------

  /**
   * Makes the CPU's registers (CPL, RFLAGS.AC, CR0, CR3, CR4, EFER) take effect on its accesses. Flushes nothing: what a
   * change of these registers must drop is the caller's to ask for.
   */
  setContext(cpu: CpuState): void { this.context.set(cpu); }
  /** `setContext` where only CPL or RFLAGS.AC may have changed. */
  setPrivilege(cpu: CpuState): void { this.context.setPrivilege(cpu); }
  /** Takes PKRU as it is. */
  setProtectionKeys(cpu: CpuState): void { this.context.setProtectionKeys(cpu); }

  /** MOV to CR3, see `Flushing.loadCr3`. */
  loadCr3(cpu: CpuState, value: bigint): void { this.flushing.loadCr3(cpu, Number(value & 0xffffffffn) | 0, Number(value >> 32n & 0xffffffffn) | 0); }
  /** `loadCr3` without bigints. */
  loadCr3Halves(cpu: CpuState, lo: number, hi: number): void { this.flushing.loadCr3(cpu, lo, hi); }
  /** INVLPG, see `Flushing.invlpg`. */
  invlpg(cpu: CpuState, lo: number, hi: number): void { this.flushing.invlpg(cpu, lo, hi); }
  /** INVPCID, see `Flushing.invpcid`. */
  invpcid(cpu: CpuState, type: number, pcid: number, lo: number, hi: number): void { this.flushing.invpcid(cpu, type, pcid, lo, hi); }
  /** Drops all entries of the CPU in all PCIDs, global ones if asked to. */
  flushAll(cpu: CpuState, what: { globals: boolean }): void { this.flushing.flushAll(cpu, what); }

  /** See `AccessFaults.canonical`. */
  canonical(cpuBase: number, hi: number, kind: number): boolean { return this.faults.canonical(cpuBase, hi, kind); }

  // ---- views and the debugger --------------------------------------------------------------------------------------

  /** The valid entries of the CPU's TLB: none if it forgets. */
  entries(cpu: CpuState): TlbEntry[] { return this.forgetting ? [] : this.tlb.entries(cpu.index); }

  /**
   * Where the page tables lead, without any effect and whatever the access rights: what memory says, not what the TLB holds.
   * @param root physical address of the PML4 table; that of CR3 if it is not given
   * @returns physical address, or -1 if the address does not translate
   */
  probe(cpu: CpuState, lo: number, hi: number, root?: number): number { return this.linear.probe(cpu, lo, hi, root); }
  /** Reads memory as the debugger does: by `probe`, RAM only. The result ends before the first byte that cannot be read. */
  readLinear(cpu: CpuState, linear: bigint, length: number, root?: number): Uint8Array { return this.linear.read(cpu, linear, length, root); }
  /** Writes memory as the debugger does, read-only pages included. @returns the number of bytes written before the first that does not translate to RAM */
  writeLinear(cpu: CpuState, linear: bigint, bytes: Uint8Array, root?: number): number { return this.linear.write(cpu, linear, bytes, root); }
}

function hex(lo: number, hi: number): string { return `0x${((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16)}`; }
