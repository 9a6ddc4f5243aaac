import { PAGE_DIRTY, PAGE_FLAGS_BASE, PAGE_SLOW_STORES, PAGES_1G, RAM_BASE, RAM_PAGES, WALK_FRAME, WALK_INFO, WALK_SIZE } from '../memory/layout.js';
import { PF_P, PF_PK, PF_RSVD, PTE_A, PTE_D, PTE_G, PTE_P, PTE_PS, RESERVED_HIGH, US_RIGHT, WALK_OK } from '../memory/pagingBits.js';
import { CONFIG_NXE, CONFIG_PGE, CONFIG_PKE, INFO_DIRTY, INFO_GLOBAL, INFO_PROTECTION_SHIFT, INFO_RIGHTS_SHIFT, INFO_TYPE_SHIFT } from '../memory/tlbLayout.js';
import { type FunctionBody, type Label, type ModuleBuilder, Op, Type } from '../translate/wasm.js';
import { rememberWalk } from './rememberedWalk.js';

/** Address bits that must be clear in the low half of an entry that maps a page of 2 MiB or 1 GiB: those below the page's start, the PAT bit apart. */
const RESERVED_LOW = [0, 0x1fe000, 0x3fffe000];

/** What is compared of each entry: that it is present, and that what is reserved is clear. */
const P_AND_RESERVED = BigInt(RESERVED_HIGH) << 32n | BigInt(PTE_P);

export interface WalkFunctions {
  /** (root, low, high, allowed, keys, write, config, t) -> WALK_OK or bits of the error code; see `Walker.walk`. Results in WALK_*. `t` names the CPU whose TLB has no entry for the address, which remembers the walk; 0 for none. */
  walk: number;
}

/**
 * Adds the walk of 4-level paging with its effects (SDM Vol. 3A, 4.5).
 * @param flagsChanged (page, host address of the entry): import, told of stores to pages that are not PAGE_DIRTY or of which somebody wants to know
 */
export function emitWalk(module: ModuleBuilder, flagsChanged: number): WalkFunctions {
  const set = module.function({ params: [Type.I32, Type.I32], results: [] });
  const walk = module.function({ params: Array.from({ length: 8 }, () => Type.I32), results: [Type.I32] }, 'walk');
  emitSet(set.body, flagsChanged);
  emitLevels(walk.body, set.index);
  return { walk: walk.index };
}

/** (address, bits): sets bits of an entry that are clear. */
function emitSet(f: FunctionBody, flagsChanged: number): void {
  const [at, bits] = [0, 1], page = f.local(Type.I32);
  f.get(at).get(at).memory(Op.i32_load).get(bits).op(Op.i32_or).memory(Op.i32_store);
  f.get(at).i32(RAM_BASE).op(Op.i32_sub).i32(12).op(Op.i32_shr_u).tee(page).memory(Op.i32_load8_u, PAGE_FLAGS_BASE);
  f.i32(PAGE_SLOW_STORES | PAGE_DIRTY).op(Op.i32_and).i32(PAGE_DIRTY).op(Op.i32_ne).unlikely().if();
  f.get(page).get(at).call(flagsChanged).end();
}

function emitLevels(f: FunctionBody, set: number): void {
  const [root, lo, hi, allowed, keys, write, config, t] = [0, 1, 2, 3, 4, 5, 6, 7];
  const table = root, value = f.local(Type.I64), all = f.local(Type.I64), any = f.local(Type.I64), checked = f.local(Type.I64), low = f.local(Type.I32), size = f.local(Type.I32);
  /** Addresses of the entries that were read, by level; 0 for levels that the walk does not come to. */
  const at = [-1, ...Array.from({ length: 4 }, () => f.local(Type.I32))];
  const fault = (bits: number) => f.i32(bits).op(Op.return).end();

  // P and what is reserved. Bit 63 is reserved unless it means NX.
  f.i64(P_AND_RESERVED | -1n << 63n).i64(P_AND_RESERVED).get(config).i32(CONFIG_NXE).op(Op.i32_and, Op.i32_eqz, Op.select).set(checked);
  f.i64(-1n).set(all);
  const leaf = f.block();
  for (let level = 4; level >= 1; level--) {
    // An entry that lies outside RAM reads as all ones.
    f.get(table).i32(0).memory(Op.i32_load, RAM_PAGES).op(Op.i32_ge_u).unlikely().if();
    fault(PF_P | PF_RSVD);
    if (level === 1) {
      f.get(t).get(config).i32(CONFIG_PKE).op(Op.i32_and, Op.i32_eqz, Op.i32_mul).if();
      rememberWalk(f, { t, lo, hi, entries: at.slice(2).reverse(), all, any, checked, table });
      f.end();
    }
    f.get(table).i32(12).op(Op.i32_shl);
    pushIndex(f, lo, hi, level);
    f.op(Op.i32_add).i32(RAM_BASE).op(Op.i32_add).tee(at[level]!).memory(Op.i64_load).tee(value).get(checked);
    if (level === 4) f.i64(BigInt(PTE_PS)).op(Op.i64_or);
    f.op(Op.i64_and).i64(BigInt(PTE_P)).op(Op.i64_ne).unlikely().if();
    f.i32(PF_P | PF_RSVD).i32(0).get(value).op(Op.i32_wrap_i64).i32(PTE_P).op(Op.i32_and, Op.select, Op.return).end();
    f.get(all).get(value).op(Op.i64_and).set(all).get(any).get(value).op(Op.i64_or).set(any);
    if (level === 2 || level === 3) {
      f.get(value).op(Op.i32_wrap_i64).set(low);
      takeLarge(f, level, low, size, leaf, () => fault(PF_P | PF_RSVD));
    }
    // Physical bits 39:12.
    if (level > 1) f.get(value).i64(12n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(0xfffffff).op(Op.i32_and).set(table);
  }
  f.end();
  emitLeaf(f, { value, all, any, size, allowed, keys, write, config, at }, set);
}

/** Pushes the offset of an address's entry in a table of `level`. */
function pushIndex(f: FunctionBody, lo: number, hi: number, level: number): void {
  switch (level) {
    case 4: f.get(hi).i32(4).op(Op.i32_shr_u); break;
    case 3: f.get(hi).i32(5).op(Op.i32_shl).get(lo).i32(27).op(Op.i32_shr_u, Op.i32_or); break;
    case 2: f.get(lo).i32(18).op(Op.i32_shr_u); break;
    default: f.get(lo).i32(9).op(Op.i32_shr_u);
  }
  f.i32(0xff8).op(Op.i32_and);
}

/** Pushes physical bits 39:12 of what an entry names. */
function pushFrame(f: FunctionBody, low: number, high: number): void {
  f.get(low).i32(12).op(Op.i32_shr_u).get(high).i32(0xff).op(Op.i32_and).i32(20).op(Op.i32_shl, Op.i32_or);
}

/** Ends the walk at an entry of level 2 or 3 with PS set. */
function takeLarge(f: FunctionBody, level: 2 | 3, low: number, size: number, leaf: Label, malformed: () => void): void {
  f.get(low).i32(PTE_PS).op(Op.i32_and).if();
  f.get(low).i32(RESERVED_LOW[level - 1]!).op(Op.i32_and);
  if (level === 3) f.i32(0).memory(Op.i32_load, PAGES_1G).op(Op.i32_eqz, Op.i32_or);
  f.unlikely().if();
  malformed();
  f.i32(level - 1).set(size).br(leaf).end();
}

interface Found { value: number; all: number; any: number; size: number; allowed: number; keys: number; write: number; config: number; at: readonly number[] }

/** The part behind the leaf: rights, accessed and dirty bits, results. */
function emitLeaf(f: FunctionBody, { value, all, any, size, allowed, keys, write, config, at }: Found, set: number): void {
  const rights = f.local(Type.I32), key = f.local(Type.I32), dirty = f.local(Type.I32), leaf = f.local(Type.I32), low = f.local(Type.I32), high = f.local(Type.I32);
  f.get(value).op(Op.i32_wrap_i64).set(low).get(value).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).set(high);
  f.get(all).op(Op.i32_wrap_i64).i32(1).op(Op.i32_shr_u).i32(3).op(Op.i32_and).get(any).i64(63n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(2).op(Op.i32_shl, Op.i32_or).set(rights);
  f.get(high).i32(27).op(Op.i32_shr_u).i32(0xf).op(Op.i32_and).set(key);
  // The PK bit is set even if the page's rights forbid the access as well (SDM Vol. 3A, 4.7).
  f.get(keys).get(key).op(Op.i32_shr_u).i32(1).op(Op.i32_and).get(rights).i32(Math.log2(US_RIGHT)).op(Op.i32_shr_u, Op.i32_and).unlikely().if();
  f.i32(PF_P | PF_PK).op(Op.return).end();
  f.get(allowed).get(rights).op(Op.i32_shr_u).i32(1).op(Op.i32_and, Op.i32_eqz).unlikely().if();
  f.i32(PF_P).op(Op.return).end();

  f.get(all).op(Op.i32_wrap_i64).i32(PTE_A).op(Op.i32_and, Op.i32_eqz).unlikely().if();
  for (const entry of at.slice(1).reverse()) {
    f.get(entry).if();
    f.get(entry).memory(Op.i32_load).i32(PTE_A).op(Op.i32_and, Op.i32_eqz).if();
    f.get(entry).i32(PTE_A).call(set).end().end();
  }
  f.end();
  f.get(low).i32(PTE_D).op(Op.i32_and).tee(dirty).op(Op.i32_eqz).get(write).op(Op.i32_and).if();
  // The entry at the lowest level that the walk came to.
  f.get(at[3]!).get(at[2]!).get(size).i32(2).op(Op.i32_eq, Op.select).get(at[1]!).get(size).op(Op.select).tee(leaf).i32(PTE_A | PTE_D).call(set);
  f.i32(PTE_D).set(dirty).end();

  f.i32(0).get(size).memory(Op.i32_store, WALK_SIZE);
  f.i32(0);
  pushFrame(f, low, high);
  f.i32(-1).get(size).i32(9).op(Op.i32_mul, Op.i32_shl, Op.i32_and).memory(Op.i32_store, WALK_FRAME);
  f.i32(0).get(rights).i32(INFO_RIGHTS_SHIFT).op(Op.i32_shl);
  f.get(dirty).i32(Math.log2(INFO_DIRTY / PTE_D)).op(Op.i32_shl, Op.i32_or);
  f.get(low).i32(PTE_G).op(Op.i32_and).i32(Math.log2(INFO_GLOBAL / PTE_G)).op(Op.i32_shl).i32(0).get(config).i32(CONFIG_PGE).op(Op.i32_and, Op.select, Op.i32_or);
  // PWT and PCD, and PAT, which stands in bit 7 of an entry for 4 KiB and in bit 12 of others.
  f.get(low).i32(3).op(Op.i32_shr_u).i32(3).op(Op.i32_and);
  f.get(low).i32(12).i32(7).get(size).op(Op.select, Op.i32_shr_u).i32(1).op(Op.i32_and).i32(2).op(Op.i32_shl, Op.i32_or).i32(INFO_TYPE_SHIFT).op(Op.i32_shl, Op.i32_or);
  f.get(key).i32(INFO_PROTECTION_SHIFT).op(Op.i32_shl, Op.i32_or).memory(Op.i32_store, WALK_INFO);
  f.i32(WALK_OK);
}
