import { type Emitted, emittedFor } from '../emitted/index.js';
import type { GuestMemory } from './guestMemory.js';
import { PAGE_DIRTY, PAGE_FLAGS_BASE, PAGE_SLOW_STORES, PAGES_1G, RAM_BASE, WALK_FRAME, WALK_INFO, WALK_SIZE } from './layout.js';
import { PF_P, PF_PK, PF_RSVD, PTE_A, PTE_D, PTE_G, PTE_P, PTE_PS, RESERVED_HIGH, US_RIGHT, WALK_OK } from './pagingBits.js';
import { CONFIG_LONG, CONFIG_NXE, CONFIG_PAE, CONFIG_PGE, CONFIG_PSE, INFO_DIRTY, INFO_GLOBAL, INFO_PROTECTION_SHIFT, INFO_RIGHTS_SHIFT, INFO_TYPE_SHIFT } from './tlbLayout.js';

const NX_HIGH = 0x80000000 | 0;
/** PAE paging ignores nothing above the address: bits 62:40 are reserved (SDM Vol. 3A, tables 4-9 to 4-11). */
const RESERVED_HIGH_PAE = 0x7fffff00;
/** A PDPTE of PAE paging: bits 2:1, 8:5 and 63:40 are reserved (SDM Vol. 3A, table 4-8). */
const PDPTE_RESERVED = 0x1e6, PDPTE_RESERVED_HIGH = 0xffffff00 | 0;

const RAM_WORD = RAM_BASE >> 2;

/** The page walk as the hardware does it, with its effects: 4-level, PAE and 32-bit paging (SDM Vol. 3A, 4.3 to 4.5). */
export class Walker {
  /** Results of a walk that succeeded: physical bits 39:12 of the page's start, its size (0-2), INFO_* bits. */
  frame = 0;
  size = 0;
  info = 0;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  private readonly ramPages: number;
  private readonly emitted: Emitted;

  constructor(private readonly memory: GuestMemory) {
    this.i32 = memory.i32;
    this.u8 = memory.u8;
    this.ramPages = memory.ramPages;
    this.emitted = emittedFor(memory).emitted;
    this.pages1g = true;
  }

  /** Whether there are 1 GiB pages; without them bit 7 of a PDPTE is reserved. */
  get pages1g(): boolean { return this.i32[PAGES_1G >> 2] !== 0; }
  set pages1g(are: boolean) { this.i32[PAGES_1G >> 2] = are ? 1 : 0; }

  /**
   * Walks the tables for a canonical linear address. Accessed bits of all levels, and for a write the
   * dirty bit, are set once the access is known to be allowed. An entry that lies outside RAM reads as all ones.
   * @param config CONFIG_* bits: they choose the paging mode
   * @param root page of the table that CR3 names; PAE paging goes by `pdptes` instead
   * @param pdptes word index of the four PDPTE registers
   * @param allowed bit n set if an access is allowed by rights n = W | U << 1 | NX << 2, combined over the levels
   * @param keys bit n set if protection key n forbids such an access to a user page
   * @param write 1 for a write, else 0
   * @returns WALK_OK, or the bits P, RSVD and PK of the page fault's error code
   */
  walk(config: number, root: number, pdptes: number, lo: number, hi: number, allowed: number, keys: number, write: number): number {
    const pge = (config & CONFIG_PGE) !== 0;
    if (config & CONFIG_LONG) {
      const result = this.emitted.walk(root, lo, hi, allowed, keys, write, config, 0);
      this.frame = this.i32[WALK_FRAME >> 2]!;
      this.size = this.i32[WALK_SIZE >> 2]!;
      this.info = this.i32[WALK_INFO >> 2]!;
      return result;
    }
    if (config & CONFIG_PAE) return this.walkPae(this.i32[pdptes + (lo >>> 30 << 1)]!, this.i32[pdptes + (lo >>> 30 << 1) + 1]!, lo, allowed, write, (config & CONFIG_NXE) !== 0, pge);
    return this.walk32(root, lo, allowed, write, (config & CONFIG_PSE) !== 0, pge);
  }

  /** PAE paging below a PDPTE register, which has no rights and no accessed bit (SDM Vol. 3A, 4.4.2). */
  private walkPae(pdpteLo: number, pdpteHi: number, lo: number, allowed: number, write: number, nxe: boolean, pge: boolean): number {
    const i32 = this.i32;
    const ramPages = this.ramPages;
    const reserved = nxe ? RESERVED_HIGH_PAE : RESERVED_HIGH_PAE | NX_HIGH;

    if (!(pdpteLo & PTE_P)) return 0;
    const table2 = pdpteLo >>> 12 | (pdpteHi & 0xff) << 20;
    if (table2 >= ramPages) return PF_P | PF_RSVD;
    const at2 = RAM_WORD + (table2 << 10) + (lo >>> 20 & 0x3fe);
    const lo2 = i32[at2]!, hi2 = i32[at2 + 1]!;
    if (!(lo2 & PTE_P)) return 0;
    if (hi2 & reserved) return PF_P | PF_RSVD;
    if (lo2 & PTE_PS) {
      if (lo2 & 0x1fe000) return PF_P | PF_RSVD;
      return this.finish(lo2, hi2, at2, 1, lo2, hi2, allowed, 0, write, pge, at2, 0, 0);
    }

    const table1 = lo2 >>> 12 | (hi2 & 0xff) << 20;
    if (table1 >= ramPages) return PF_P | PF_RSVD;
    const at1 = RAM_WORD + (table1 << 10) + (lo >>> 11 & 0x3fe);
    const lo1 = i32[at1]!, hi1 = i32[at1 + 1]!;
    if (!(lo1 & PTE_P)) return 0;
    if (hi1 & reserved) return PF_P | PF_RSVD;
    return this.finish(lo1, hi1, at1, 0, lo2 & lo1, hi2 | hi1, allowed, 0, write, pge, at2, 0, 0);
  }

  /**
   * 32-bit paging: entries of 4 bytes, no NX (SDM Vol. 3A, 4.3). A 4 MiB page has physical bits 39:32 in bits 20:13 of its entry
   * (PSE-36); the result is the half of it, 2 MiB, in which the address lies.
   */
  private walk32(root: number, lo: number, allowed: number, write: number, pse: boolean, pge: boolean): number {
    const i32 = this.i32;
    const ramPages = this.ramPages;

    const table2 = root & 0xfffff;
    const at2 = RAM_WORD + (table2 << 10) + (lo >>> 22);
    const lo2 = table2 < ramPages ? i32[at2]! : -1;
    if (!(lo2 & PTE_P)) return 0;
    if (pse && lo2 & PTE_PS) {
      if (lo2 & 0x200000) return PF_P | PF_RSVD;
      const result = this.finish(lo2, lo2 >>> 13 & 0xff, at2, 1, lo2, 0, allowed, 0, write, pge, at2, 0, 0);
      this.frame |= lo >>> 12 & 0x200;
      return result;
    }

    const table1 = lo2 >>> 12;
    const at1 = RAM_WORD + (table1 << 10) + (lo >>> 12 & 0x3ff);
    const lo1 = table1 < ramPages ? i32[at1]! : -1;
    if (!(lo1 & PTE_P)) return 0;
    return this.finish(lo1, 0, at1, 0, lo2 & lo1, 0, allowed, 0, write, pge, at2, 0, 0);
  }

  /** The part after the leaf has been found at word index `at`: rights, accessed and dirty bits, results. `upper*` are the entries above it, or 0. */
  private finish(lo: number, hi: number, at: number, size: number, all: number, any: number, allowed: number, keys: number, write: number,
    pge: boolean, upper4: number, upper3: number, upper2: number): number {
    const rights = all >> 1 & 3 | any >>> 31 << 2;
    const key = hi >>> 27 & 0xf;
    // The PK bit is set even if the page's rights forbid the access as well (SDM Vol. 3A, 4.7).
    const locked = rights & US_RIGHT && keys >> key & 1;
    if (locked || !(allowed >> rights & 1)) return locked ? PF_P | PF_PK : PF_P;
    if (!(all & PTE_A)) {
      this.accessed(upper4);
      if (upper3 !== 0) this.accessed(upper3);
      if (upper2 !== 0) this.accessed(upper2);
      this.accessed(at);
    }
    let dirty = lo & PTE_D;
    if (write && !dirty) { this.set(at, PTE_A | PTE_D); dirty = PTE_D; }

    const pat = size === 0 ? lo >> 7 & 1 : lo >> 12 & 1;
    this.size = size;
    this.frame = (lo >>> 12 | (hi & 0xff) << 20) & (size === 0 ? -1 : size === 1 ? ~0x1ff : ~0x3ffff);
    this.info = rights << INFO_RIGHTS_SHIFT | (dirty ? INFO_DIRTY : 0) | (pge && lo & PTE_G ? INFO_GLOBAL : 0)
      | (lo >> 3 & 3 | pat << 2) << INFO_TYPE_SHIFT | key << INFO_PROTECTION_SHIFT;
    return WALK_OK;
  }

  private accessed(at: number): void { if (!(this.i32[at]! & PTE_A)) this.set(at, PTE_A); }

  private set(at: number, bits: number): void {
    const page = at - RAM_WORD >>> 10;
    // An entry that has been read from no RAM, as ones, cannot be written.
    if (page >= this.ramPages) return;
    this.i32[at]! |= bits;
    const flags = this.u8[PAGE_FLAGS_BASE + page]!;
    if (flags & PAGE_SLOW_STORES || !(flags & PAGE_DIRTY)) this.memory.flagsChanged(page, at * 4 - RAM_BASE, 8);
  }

  /**
   * Reads the four PDPTEs at a physical address (a multiple of 32) for PAE paging, as 8 words.
   * @returns undefined if a present one has a reserved bit set, for which loading them raises #GP(0) (SDM Vol. 3A, 4.4.1)
   */
  pdptes(physical: number): Int32Array | undefined {
    const words = this.memory.isRam(physical, 32) ? this.i32.slice(RAM_BASE + physical >> 2, (RAM_BASE + physical >> 2) + 8) : new Int32Array(8).fill(-1);
    for (let n = 0; n < 8; n += 2) {
      if (words[n]! & PTE_P && (words[n]! & PDPTE_RESERVED || words[n + 1]! & PDPTE_RESERVED_HIGH)) return undefined;
    }
    return words;
  }

  /**
   * Where a canonical linear address leads in the tables at page `root`, without effects and whoever asks.
   * @returns the physical address, or -1 if a present, well-formed chain of entries does not lead there
   */
  probe(root: number, lo: number, hi: number, nxe: boolean): number {
    const i32 = this.i32;
    const reserved = nxe ? RESERVED_HIGH : RESERVED_HIGH | NX_HIGH;
    let table = root;
    for (let level = 4; level >= 1; level--) {
      if (table >= this.ramPages) return -1;
      const index = level === 4 ? hi >>> 7 & 0x1ff : level === 3 ? (hi & 0x7f) << 2 | lo >>> 30 : level === 2 ? lo >>> 21 & 0x1ff : lo >>> 12 & 0x1ff;
      const at = RAM_WORD + (table << 10) + index * 2;
      const entry = i32[at]!, high = i32[at + 1]!;
      if (!(entry & PTE_P) || high & reserved) return -1;
      const frame = entry >>> 12 | (high & 0xff) << 20;
      if (level === 1) return frame * 0x1000 + (lo & 0xfff);
      if (!(entry & PTE_PS)) { table = frame; continue; }
      if (level === 4 || entry & (level === 3 ? 0x3fffe000 : 0x1fe000) || level === 3 && !this.pages1g) return -1;
      return level === 3 ? (frame & ~0x3ffff) * 0x1000 + (lo & 0x3fffffff) : (frame & ~0x1ff) * 0x1000 + (lo & 0x1fffff);
    }
    return -1;
  }

  /** `probe` for PAE and 32-bit paging, by the registers of a CPU (see `walk`). */
  probeLegacy(config: number, root: number, pdptes: number, lo: number): number {
    const i32 = this.i32;
    const pae = (config & CONFIG_PAE) !== 0;
    const reserved = !pae ? 0 : config & CONFIG_NXE ? RESERVED_HIGH_PAE : RESERVED_HIGH_PAE | NX_HIGH;
    let table = root & 0xfffff;
    if (pae) {
      const at = pdptes + (lo >>> 30 << 1);
      if (!(i32[at]! & PTE_P)) return -1;
      table = i32[at]! >>> 12 | (i32[at + 1]! & 0xff) << 20;
    }
    for (let level = 2; level >= 1; level--) {
      if (table >= this.ramPages) return -1;
      const index = pae ? (level === 2 ? lo >>> 21 & 0x1ff : lo >>> 12 & 0x1ff) << 1 : level === 2 ? lo >>> 22 : lo >>> 12 & 0x3ff;
      const at = RAM_WORD + (table << 10) + index;
      const entry = i32[at]!, high = pae ? i32[at + 1]! : 0;
      if (!(entry & PTE_P) || high & reserved) return -1;
      const frame = entry >>> 12 | (high & 0xff) << 20;
      if (level === 1) return frame * 0x1000 + (lo & 0xfff);
      if (!(entry & PTE_PS && (pae || config & CONFIG_PSE))) { table = frame; continue; }
      if (pae) return entry & 0x1fe000 ? -1 : (frame & ~0x1ff) * 0x1000 + (lo & 0x1fffff);
      return entry & 0x200000 ? -1 : (entry >>> 13 & 0xff) * 0x100000000 + (entry >>> 22) * 0x400000 + (lo & 0x3fffff);
    }
    return -1;
  }
}
