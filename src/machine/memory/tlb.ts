import { type Emitted, emittedFor } from '../emitted/index.js';
import { invalidateContexts } from './contexts.js';
import type { GuestMemory } from './guestMemory.js';
import { TLB_TOUCHED_BASE } from './layout.js';
import {
  E_FRAME, E_INFO, E_PAGE, E_STAMP, ENTRY_WORDS, FRAME_MASK, H_ENTRIES, H_EPOCH, H_GLOBAL_STAMP, H_IN_USE, H_NEXT_STAMP,
  H_PCID, H_PCID_STAMPS, H_STAMP, INFO_DIRTY, INFO_GLOBAL, INFO_NX, INFO_PCID_SHIFT, INFO_PROTECTION_SHIFT, INFO_SIZE_SHIFT, INFO_TYPE_SHIFT,
  INFO_USER, INFO_WRITE, SET_WORDS, SETS, TLB_WORD, tlbWord,
} from './tlbLayout.js';

/** Words of a unit of snapshots (TLB_UNIT bytes), as a power of 2. */
const UNIT_SHIFT = 5;

/** A TLB entry as views see it. */
export interface TlbEntry {
  /** First linear address of the page, canonical, as an unsigned 64-bit number. */
  linear: bigint;
  /** PCID that was current when the entry was made; a global entry serves every PCID. */
  pcid: number;
  global: boolean;
  /** Bytes: 4 KiB, 2 MiB or 1 GiB. */
  size: number;
  /** Physical address of the page's first byte. */
  frame: number;
  /** Rights combined over all levels, as they were when the entry was made. */
  rights: { user: boolean; write: boolean; execute: boolean };
  /** The cached dirty bit: a write through an entry without it walks the tables again. */
  dirty: boolean;
  /** Index into the PAT (PWT, PCD, PAT of the leaf). */
  memoryType: number;
  /** Protection key of the leaf. */
  key: number;
}

/** The stamp at which a CPU's TLB begins anew. */
export const LAST_STAMP = 0x7ffffff0;
const SIZE_BYTES = [0x1000, 0x200000, 0x40000000];

/**
 * The architectural TLBs (SDM Vol. 3A, 4.10): what a CPU remembers of its page tables until something must drop it.
 * Entries are tagged with their PCID or are global, and are kept ("retain") until a flush kills them: there is room for
 * 16384 of them, and if that should not do, the whole TLB of the CPU is flushed, which is deterministic and which the
 * SDM allows at any time.
 *
 * `t` is the word index of a CPU's region (`tlbWord`), an entry is the word index of its first word; 0 is no entry.
 * Who flushes must see to it that the fast tables follow: `Mmu` does.
 */
export class Tlb {
  private readonly u8: Uint8Array;
  private readonly i32: Int32Array;
  private readonly emitted: Emitted;

  constructor(memory: GuestMemory) {
    this.u8 = memory.u8;
    this.i32 = memory.i32;
    this.emitted = emittedFor(memory).emitted;
  }

  /** Says that the word at this index of a TLB has been or will be written: snapshots copy only what has been touched. Words 0-31 of a TLB need no mark. */
  private touch(word: number): void { this.u8[TLB_TOUCHED_BASE + (word - TLB_WORD >> UNIT_SHIFT)] = 1; }

  private touchAll(word: number, words: number): void {
    const unit = TLB_TOUCHED_BASE + (word - TLB_WORD >> UNIT_SHIFT);
    this.u8.fill(1, unit, unit + (words >> UNIT_SHIFT));
  }

  /** Empties the TLB of a CPU and forgets all stamps; all contexts of fast entries end. */
  reset(t: number): void {
    const i32 = this.i32;
    invalidateContexts(i32, t);
    i32.fill(0, t + H_PCID_STAMPS, t + H_PCID_STAMPS + 4096);
    i32.fill(0, t + H_ENTRIES, t + H_ENTRIES + SETS * SET_WORDS);
    this.touchAll(t + H_PCID_STAMPS, 4096);
    this.touchAll(t + H_ENTRIES, SETS * SET_WORDS);
    i32[t + H_GLOBAL_STAMP] = 1;
    i32[t + H_NEXT_STAMP] = 2;
    i32[t + H_EPOCH] = 1;
    i32[t + H_IN_USE] = 0;
    this.selectPcid(t, i32[t + H_PCID]!);
  }

  /** Makes `pcid` the current one. */
  selectPcid(t: number, pcid: number): void {
    const i32 = this.i32;
    i32[t + H_PCID] = pcid;
    let stamp = i32[t + H_PCID_STAMPS + pcid]!;
    if (stamp <= i32[t + H_EPOCH]!) {
      if (i32[t + H_NEXT_STAMP]! >= LAST_STAMP) { this.reset(t); return; }
      stamp = i32[t + H_NEXT_STAMP]!++;
      i32[t + H_PCID_STAMPS + pcid] = stamp;
      this.touch(t + H_PCID_STAMPS + pcid);
    }
    i32[t + H_STAMP] = stamp;
  }

  /** The entry that the CPU would use for a canonical linear address in its current PCID. */
  lookup(t: number, lo: number, hi: number): number { return this.emitted.lookup(t << 2, lo, hi) >>> 2; }

  /** The entry that the CPU would use if `pcid` were current. */
  lookupIn(t: number, lo: number, hi: number, pcid: number): number {
    const i32 = this.i32;
    const use = i32[t + H_IN_USE]!;
    const page = (lo >>> 12) | (hi << 20);
    const top = (hi >>> 12) & 0xf;
    const stamp = i32[t + H_PCID_STAMPS + pcid]!;
    const entry = stamp > i32[t + H_EPOCH]! ? this.lookupStamp(t, use, page, top, stamp) : 0;
    return entry !== 0 ? entry : this.lookupStamp(t, use >> 3, page, top, i32[t + H_GLOBAL_STAMP]!);
  }

  private lookupStamp(t: number, use: number, page: number, top: number, stamp: number): number {
    let entry = 0;
    if (use & 1) entry = this.find(t, page, top, stamp);
    if (entry === 0 && use & 2) entry = this.find(t, page & ~0x1ff, top | 1 << INFO_SIZE_SHIFT, stamp);
    if (entry === 0 && use & 4) entry = this.find(t, page & ~0x3ffff, top | 2 << INFO_SIZE_SHIFT, stamp);
    return entry;
  }

  private find(t: number, page: number, key: number, stamp: number): number { return this.emitted.find(t << 2, page, key, stamp) >>> 2; }

  /**
   * Makes an entry in the current PCID.
   * @param size 0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB
   * @param frame physical bits 39:12 of the page's first byte
   * @param info INFO_* bits for rights, dirty, global and memory type
   * @returns true if the TLB was full and has been flushed, globals and all, before the entry was made
   */
  insert(t: number, lo: number, hi: number, size: number, frame: number, info: number): boolean {
    if (this.emitted.insert(t << 2, lo, hi, size, frame, info)) return false;
    this.reset(t);
    this.emitted.insert(t << 2, lo, hi, size, frame, info);
    return true;
  }

  private isLive(t: number, entry: number): boolean {
    const i32 = this.i32;
    const stamp = i32[entry + E_STAMP]!;
    if (stamp <= 0) return false;
    const info = i32[entry + E_INFO]!;
    if (info & INFO_GLOBAL) return stamp === i32[t + H_GLOBAL_STAMP]!;
    return stamp === i32[t + H_PCID_STAMPS + (info >>> INFO_PCID_SHIFT & 0xfff)]! && stamp > i32[t + H_EPOCH]!;
  }

  /** Sets the cached dirty bit of an entry. */
  setDirty(entry: number): void {
    this.i32[entry + E_INFO]! |= INFO_DIRTY;
    this.touch(entry);
  }

  /**
   * Drops the entries of every size for one address: those of `pcid` that are not global, and if `globals` is set the
   * global ones. @returns bit 0: a non-global 4 KiB entry was dropped, bit 1: a larger one, bit 2: a global one
   */
  dropAddress(t: number, lo: number, hi: number, pcid: number, globals: boolean): number {
    const stamp = this.i32[t + H_PCID_STAMPS + pcid]!;
    return this.emitted.drop(t << 2, lo, hi, stamp > this.i32[t + H_EPOCH]! ? stamp : 0, globals ? 1 : 0);
  }

  /** Drops all entries of a PCID that are not global. */
  flushPcid(t: number, pcid: number): void {
    this.i32[t + H_PCID_STAMPS + pcid] = 0;
    this.touch(t + H_PCID_STAMPS + pcid);
    if (pcid === this.i32[t + H_PCID]!) this.selectPcid(t, pcid);
  }

  /** Drops the entries of all PCIDs that are not global. */
  flushNonGlobal(t: number): void {
    const i32 = this.i32;
    i32[t + H_EPOCH] = i32[t + H_NEXT_STAMP]! - 1;
    i32[t + H_IN_USE]! &= ~7;
    this.selectPcid(t, i32[t + H_PCID]!);
  }

  /** Drops everything. */
  flushAll(t: number): void {
    const i32 = this.i32;
    if (i32[t + H_NEXT_STAMP]! >= LAST_STAMP) { this.reset(t); return; }
    i32[t + H_GLOBAL_STAMP] = i32[t + H_NEXT_STAMP]!++;
    i32[t + H_IN_USE] = 0;
    this.flushNonGlobal(t);
  }

  /** All valid entries of a CPU, in the order of their places. */
  entries(cpu: number): TlbEntry[] {
    const i32 = this.i32;
    const t = tlbWord(cpu);
    const found: TlbEntry[] = [];
    const end = t + H_ENTRIES + SETS * SET_WORDS;
    for (let entry = t + H_ENTRIES; entry < end; entry += ENTRY_WORDS) {
      if (!this.isLive(t, entry)) continue;
      const info = i32[entry + E_INFO]!;
      found.push({
        linear: BigInt.asUintN(64, BigInt.asIntN(48, BigInt(info & 0xf) << 44n | BigInt(i32[entry + E_PAGE]! >>> 0) << 12n)),
        pcid: info >>> INFO_PCID_SHIFT & 0xfff,
        global: (info & INFO_GLOBAL) !== 0,
        size: SIZE_BYTES[info >> INFO_SIZE_SHIFT & 3]!,
        frame: (i32[entry + E_FRAME]! & FRAME_MASK) * 0x1000,
        rights: { user: (info & INFO_USER) !== 0, write: (info & INFO_WRITE) !== 0, execute: (info & INFO_NX) === 0 },
        dirty: (info & INFO_DIRTY) !== 0,
        memoryType: info >> INFO_TYPE_SHIFT & 7,
        key: info >>> INFO_PROTECTION_SHIFT,
      });
    }
    return found;
  }
}
