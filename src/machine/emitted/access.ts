import { Vector } from '../core.js';
import * as L from '../cpu/layout.js';
import { WALK_CYCLES, WALK_LEVEL_CYCLES } from '../cycles/model.js';
import { MemoryKind } from '../memory/kind.js';
import {
  ACCESS_INFO, PAGE_DIRTY, PAGE_FLAGS_BASE, PAGE_SLOW_STORES,
  RAM_PAGES, TlbTable, WALK_FRAME, WALK_INFO, WALK_SIZE,
} from '../memory/layout.js';
import { PF_I, PF_P, PF_PK, PF_U, PF_W, WALK_OK } from '../memory/pagingBits.js';
import {
  ALLOWED_PAGING, CONFIG_LONG, CONFIG_NXE, CONFIG_SMEP, E_FRAME, E_INFO, FRAME_MASK, H_CONFIG, H_FORGETS, H_IN_USE, H_KEYS, H_MODE,
  INFO_DIRTY, INFO_GLOBAL, INFO_PROTECTION_SHIFT, INFO_RIGHTS_SHIFT, INFO_SIZE_SHIFT, INFO_USER, INFO_WRITE,
} from '../memory/tlbLayout.js';
import { type FunctionBody, type ModuleBuilder, Op, Type } from '../translate/wasm.js';
import { emitDropPage } from './dropPage.js';
import { fillEntry, pushAllowed, pushIndexedTable, pushRegionBit, pushTlbRegion } from './fastTable.js';
import { lookUp, type TlbFunctions } from './tlb.js';
import { touch } from './tlbSet.js';
import { FRAME_FAULT, FRAME_UNUSUAL, pushInPage, pushIsSlowStore, pushLinear, pushPage } from './page.js';
import { emitResolve, emitResolveFurther } from './resolve.js';
import type { WalkFunctions } from './walk.js';

const ACCESS_SHIFT = 8;
/** The most bytes that are stored through one `supervisorHost`: the frame of an exception with its error code. */
const MAX_SUPERVISOR_STORE = 48;
const WRITE = 1;
/** INFO of an address with paging off: everything is allowed, and there is no dirty bit to set. */
const UNPAGED_INFO = INFO_WRITE | INFO_USER | INFO_DIRTY;

export interface AccessImports {
  /** (cpu, low, high, kind) -> as `resolve`: `Mmu.resolveUnusual`. */
  resolveUnusual: number;
  /** (page): gives PAGE_DIRTY to a page that does not have it. */
  markDirty: number;
  /** (cpu, DROPPED_*): entries have been dropped whose fast ones are to be ended with their context. */
  endContext: number;
}

export interface AccessFunctions {
  /** (cpu, low, high, kind) -> the physical page number for an access within one page, FRAME_FAULT or FRAME_UNUSUAL; ACCESS_INFO. */
  frameOf: number;
  /** (cpu, table, mode, low, high, page, flags): enters the page at host address `page` into a fast table, with all that ACCESS_INFO allows. */
  fill: number;
  /** (cpu, low, high, kind) -> host address or RESOLVE_*: `Mmu.resolve`. */
  resolve: number;
  /** (cpu, low, high, write) -> host address or -1: `Mmu.supervisorHost`. */
  supervisorHost: number;
  /** (cpu, low, high) -> DROPPED_*: drops what the TLB and the fast tables hold for a canonical address in the current PCID, and global. */
  dropPage: number;
}

/** Adds translation of accesses: usual ones in 4-level paging, the rest by the imports. */
export function emitAccess(module: ModuleBuilder, imports: AccessImports, tlb: TlbFunctions, walk: WalkFunctions): AccessFunctions {
  const i32 = (count: number, results = 1) => ({ params: Array.from({ length: count }, () => Type.I32), results: Array.from({ length: results }, () => Type.I32) });
  const dropPage = module.function(i32(3), 'dropPage'), frameOf = module.function(i32(4), 'frameOf'), fill = module.function(i32(7, 0), 'fill');
  const resolve = module.function(i32(4), 'resolve'), further = module.function(i32(4)), supervisorHost = module.function(i32(4), 'supervisorHost');
  emitDropPage(dropPage.body, tlb, imports.endContext);
  emitFrameOf(frameOf.body, { tlb, walk, dropPage: dropPage.index });
  const [cpu, table, mode, lo, hi, page, flags] = [0, 1, 2, 3, 4, 5, 6];
  const info = fill.body.local(Type.I32);
  fill.body.i32(0).memory(Op.i32_load, ACCESS_INFO).set(info);
  fillEntry(fill.body, { cpu, table, mode, lo, hi, page, flags, info });
  const common = { frameOf: frameOf.index, fill: fill.index, markDirty: imports.markDirty };
  emitResolve(resolve.body, further.index);
  emitResolveFurther(further.body, { ...common, unusual: imports.resolveUnusual });
  emitSupervisorHost(supervisorHost.body, common);
  return { frameOf: frameOf.index, fill: fill.index, resolve: resolve.index, supervisorHost: supervisorHost.index, dropPage: dropPage.index };
}

/** Leaves a page fault in FAULT_*, with the bits P, RSVD and PK that the local `bits` has, and pushes FRAME_FAULT. */
function leavePageFault(f: FunctionBody, { t, bits }: { t: number; bits: number }): void {
  const [cpu, lo, hi, kind] = [0, 1, 2, 3];
  f.get(cpu).i32(1).memory(Op.i32_store, L.FAULT_HAS_ERROR);
  // Vector and error code, and the address, in one piece each, for the delivery reads them so at once.
  f.get(cpu);
  pushLinear(f, lo, hi);
  f.memory(Op.i64_store, L.FAULT_ADDRESS);
  f.get(kind).i32(MemoryKind.Execute).op(Op.i32_and).unlikely().if();
  f.get(t).memory(Op.i32_load, 4 * H_CONFIG).i32(CONFIG_NXE | CONFIG_SMEP).op(Op.i32_and).if();
  f.get(bits).i32(PF_I).op(Op.i32_or).set(bits).end().end();
  f.get(cpu).get(bits).get(kind).i32(Math.log2(MemoryKind.Write / PF_W)).op(Op.i32_shr_u).i32(PF_W).op(Op.i32_and, Op.i32_or);
  f.get(t).memory(Op.i32_load, 4 * H_MODE).i32(TlbTable.User).op(Op.i32_eq).get(kind).i32(MemoryKind.Supervisor).op(Op.i32_and, Op.i32_eqz, Op.i32_and).i32(Math.log2(PF_U)).op(Op.i32_shl, Op.i32_or);
  f.op(Op.i64_extend_i32_u).i64(32n).op(Op.i64_shl).i64(BigInt(Vector.PF)).op(Op.i64_or).memory(Op.i64_store, L.FAULT_VECTOR).i32(FRAME_FAULT);
}

function emitFrameOf(f: FunctionBody, { tlb, walk, dropPage }: { tlb: TlbFunctions; walk: WalkFunctions; dropPage: number }): void {
  const [cpu, lo, hi, kind] = [0, 1, 2, 3];
  const t = f.local(Type.I32), allowed = f.local(Type.I32), access = f.local(Type.I32), entry = f.local(Type.I32), info = f.local(Type.I32), keys = f.local(Type.I32), bits = f.local(Type.I32);
  const unusual = () => f.i32(FRAME_UNUSUAL).op(Op.return).end();
  /** Returns the frame in the local and the offset of the page in a larger one. */
  const found = (pushInfo: () => void, pushSize: () => void, pushFrame: () => void) => {
    f.i32(0);
    pushInfo();
    f.memory(Op.i32_store, ACCESS_INFO);
    pushFrame();
    f.get(lo).i32(12).op(Op.i32_shr_u).i32(1);
    pushSize();
    f.i32(9).op(Op.i32_mul, Op.i32_shl).i32(1).op(Op.i32_sub, Op.i32_and, Op.i32_or, Op.return);
  };
  const faulted = f.block();
  /** Faults with these bits. */
  const raise = (pushBits: () => void) => {
    pushBits();
    f.set(bits).br(faulted);
  };

  pushTlbRegion(f, cpu);
  f.set(t);
  f.i32(TlbTable.Supervisor).get(t).memory(Op.i32_load, 4 * H_MODE).get(kind).i32(MemoryKind.Supervisor).op(Op.i32_and, Op.select);
  pushAllowed(f, t);
  f.tee(allowed);
  f.i32(ALLOWED_PAGING).op(Op.i32_and, Op.i32_eqz).unlikely().if();
  f.i32(0).i32(UNPAGED_INFO).memory(Op.i32_store, ACCESS_INFO).get(lo).i32(12).op(Op.i32_shr_u, Op.return).end();
  f.get(hi).i32(0x8000).op(Op.i32_add).i32(16).op(Op.i32_shr_u).get(t).memory(Op.i32_load, 4 * H_CONFIG).i32(CONFIG_LONG).op(Op.i32_and, Op.i32_eqz, Op.i32_or).unlikely().if();
  unusual();
  f.get(kind).i32(ACCESS_SHIFT).op(Op.i32_shr_u).i32(3).op(Op.i32_and).set(access);
  // The protection keys (a bit each) that forbid such an access to user pages; instruction fetches know no keys.
  f.get(kind).i32(MemoryKind.Execute).op(Op.i32_and, Op.i32_eqz).if();
  f.i32(0).get(t).memory(Op.i32_load, 4 * H_MODE).i32(TlbTable.User).op(Op.i32_and).get(kind).i32(MemoryKind.Supervisor).op(Op.i32_and, Op.select);
  f.i32(2).op(Op.i32_shl).get(t).op(Op.i32_add).memory(Op.i32_load, 4 * H_KEYS);
  f.i32(16).i32(0).get(kind).i32(MemoryKind.Write).op(Op.i32_and, Op.select, Op.i32_shr_u).i32(0xffff).op(Op.i32_and).set(keys).end();

  lookUp(f, { t, lo, hi, entry }, tlb.further);
  f.get(entry).if();
  f.get(entry).memory(Op.i32_load, 4 * E_INFO).set(info);
  // The cached rights decide, even if the tables have more to offer by now (SDM Vol. 3A, 4.10.2.3).
  f.get(keys).get(info).i32(INFO_PROTECTION_SHIFT).op(Op.i32_shr_u, Op.i32_shr_u).i32(1).op(Op.i32_and).get(info).i32(INFO_USER).op(Op.i32_and).i32(0).op(Op.i32_ne, Op.i32_and).tee(bits);
  f.get(allowed).get(access).i32(3).op(Op.i32_shl).get(info).i32(INFO_RIGHTS_SHIFT).op(Op.i32_shr_u).i32(7).op(Op.i32_and, Op.i32_or, Op.i32_shr_u).i32(1).op(Op.i32_and, Op.i32_eqz, Op.i32_or).unlikely().if();
  raise(() => f.i32(PF_P | PF_PK).i32(PF_P).get(bits).op(Op.select));
  f.end();
  f.get(access).i32(WRITE).op(Op.i32_ne).get(info).i32(INFO_DIRTY).op(Op.i32_and, Op.i32_or).if();
  found(() => f.get(info), () => f.get(info).i32(INFO_SIZE_SHIFT).op(Op.i32_shr_u).i32(3).op(Op.i32_and), () => f.get(entry).memory(Op.i32_load, 4 * E_FRAME).i32(FRAME_MASK).op(Op.i32_and));
  f.end().end();

  // Where TLBs forget, it is noted what the walk reads (`memory/forgetting.ts`).
  f.get(t).memory(Op.i32_load, 4 * H_FORGETS).unlikely().if();
  unusual();
  f.get(cpu).memory(Op.i64_load, L.CR3).i64(12n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(0xfffffff).op(Op.i32_and);
  f.get(lo).get(hi).get(allowed).get(access).i32(3).op(Op.i32_shl, Op.i32_shr_u).i32(0xff).op(Op.i32_and).get(keys).get(access).i32(WRITE).op(Op.i32_and);
  f.get(t).memory(Op.i32_load, 4 * H_CONFIG).i32(0).get(t).get(entry).op(Op.select).call(walk.walk).tee(bits).i32(WALK_OK).op(Op.i32_ne).if();
  raise(() => f.get(bits));
  f.end();
  const result = (at: number) => f.i32(0).memory(Op.i32_load, at);
  f.get(entry).if();
  // An entry without the dirty bit gets it, unless the tables say something else by now.
  const compared = 7 << INFO_RIGHTS_SHIFT | INFO_GLOBAL | 0xf << INFO_PROTECTION_SHIFT;
  f.get(info);
  result(WALK_INFO).op(Op.i32_xor).i32(compared).op(Op.i32_and);
  f.get(info).i32(INFO_SIZE_SHIFT).op(Op.i32_shr_u).i32(3).op(Op.i32_and);
  result(WALK_SIZE).op(Op.i32_xor, Op.i32_or).get(entry).memory(Op.i32_load, 4 * E_FRAME).i32(FRAME_MASK).op(Op.i32_and);
  result(WALK_FRAME).op(Op.i32_xor, Op.i32_or).unlikely().if();
  unusual();
  f.get(entry).get(info).i32(INFO_DIRTY).op(Op.i32_or).memory(Op.i32_store, 4 * E_INFO);
  touch(f, entry);
  f.else();
  // A large page may cover smaller global ones, which it takes precedence over from now on: then their fast entries must go.
  result(WALK_SIZE);
  f.if();
  result(WALK_INFO).i32(INFO_GLOBAL).op(Op.i32_and, Op.i32_eqz).get(t).memory(Op.i32_load, 4 * H_IN_USE).i32(0x38).op(Op.i32_and).i32(0).op(Op.i32_ne, Op.i32_and).unlikely().if();
  f.get(cpu).memory(Op.i32_load, L.FAST_GLOBALS_CONTEXT).get(cpu).memory(Op.i32_load, L.FAST_CONTEXT).op(Op.i32_ne);
  f.get(cpu).memory(Op.i64_load, L.FAST_GLOBALS).i64(-1n);
  pushRegionBit(f, lo);
  result(WALK_SIZE).i32(2).op(Op.i32_eq, Op.select, Op.i64_and, Op.i64_eqz, Op.i32_eqz, Op.i32_or).if();
  unusual();
  f.end().end();
  f.get(t).get(lo).get(hi);
  for (const at of [WALK_SIZE, WALK_FRAME, WALK_INFO]) result(at);
  f.call(tlb.insert).op(Op.i32_eqz).unlikely().if();
  unusual();
  f.end();
  f.get(cpu).get(cpu).memory(Op.i64_load, L.EXTRA_CYCLES).i32(WALK_CYCLES + 4 * WALK_LEVEL_CYCLES);
  result(WALK_SIZE).i32(WALK_LEVEL_CYCLES).op(Op.i32_mul, Op.i32_sub, Op.i64_extend_i32_u, Op.i64_add).memory(Op.i64_store, L.EXTRA_CYCLES);
  found(() => result(WALK_INFO), () => result(WALK_SIZE), () => result(WALK_FRAME));
  f.end();

  // A fault ends stores that wait, which TypeScript knows.
  f.get(cpu).memory(Op.i32_load, L.PENDING).unlikely().if();
  unusual();
  // A page fault drops what the TLB holds for the address (SDM Vol. 3A, 4.10.4.1), a global entry too: kernels count on a spurious fault
  // on a global page not to repeat itself.
  f.get(entry).if();
  f.get(cpu).get(lo).get(hi).call(dropPage).op(Op.drop).end();
  leavePageFault(f, { t, bits });
}

interface Common { frameOf: number; fill: number; markDirty: number; }

function emitSupervisorHost(f: FunctionBody, { frameOf, fill, markDirty }: Common): void {
  const [cpu, lo, hi, write] = [0, 1, 2, 3], frame = f.local(Type.I32), flags = f.local(Type.I32), page = f.local(Type.I32);
  f.get(cpu).get(lo).get(hi).get(write).i32(ACCESS_SHIFT).op(Op.i32_shl).i32(MemoryKind.Supervisor).op(Op.i32_or).call(frameOf).tee(frame);
  f.i32(0).memory(Op.i32_load, RAM_PAGES).op(Op.i32_ge_u).unlikely().if();
  f.get(cpu).i32(-1).memory(Op.i32_store, L.FAULT_VECTOR).i32(-1).op(Op.return).end();
  f.get(frame).memory(Op.i32_load8_u, PAGE_FLAGS_BASE).set(flags);
  f.get(write).if();
  f.get(flags).i32(PAGE_SLOW_STORES).op(Op.i32_and).unlikely().if();
  pushIsSlowStore(f, { frame, flags, lo }, () => f.i32(MAX_SUPERVISOR_STORE));
  f.if();
  f.i32(-1).op(Op.return).end().end();
  f.get(flags).i32(PAGE_DIRTY).op(Op.i32_and, Op.i32_eqz).if();
  f.get(frame).call(markDirty).get(flags).i32(PAGE_DIRTY).op(Op.i32_or).set(flags).end().end();
  pushPage(f, frame);
  f.set(page);
  f.get(cpu);
  pushIndexedTable(f, cpu, TlbTable.Supervisor);
  f.i32(TlbTable.Supervisor).get(lo).get(hi).get(page).get(flags).call(fill);
  pushInPage(f, { page, lo });
}
