import * as L from '../cpu/layout.js';
import { FAST_ADDEND, FAST_TAG_READ, FAST_TAG_WRITE } from '../memory/layout.js';
import { MemoryKind, memoryKind } from '../memory/kind.js';
import { MOVES_SIGNATURE, SCANS_SIGNATURE } from '../translate/imports.js';
import { Simd } from '../translate/simd.js';
import { loadOp, storeOp } from '../translate/valueEmitter.js';
import { type FunctionBody, type Label, type ModuleBuilder, Op, Type } from '../translate/wasm.js';
import { pushEntry } from './fastTable.js';

/**
 * Rows of iterations of string instructions in 64-bit code with 64-bit addresses and RFLAGS.DF clear, from page to page. Each function gives how many
 * iterations it has done, with all their effects but those on registers and flags. They end before one that needs TypeScript: it would fault,
 * lies across pages, is not in RAM, or stores to a page of which somebody wants to know.
 */
export interface StringFunctions {
  /** (cpu, from, to, count, log2 of the size) -> iterations of MOVS. */
  moves(cpu: number, from: bigint, to: bigint, count: number, log: number): number;
  /** (cpu, to, value, count, log) -> iterations of STOS. */
  stores(cpu: number, to: bigint, value: bigint, count: number, log: number): number;
  /**
   * (cpu, at, value, count, log, stop) -> iterations of SCAS until one that finds `value` (cut to the size) if `stop` is 1, another one if it is 0. What has been
   * compared last stands in STRING_FIRST (for CMPS) and STRING_SECOND, zero-extended.
   */
  scans(cpu: number, at: bigint, value: bigint, count: number, log: number, stop: number): number;
  /** (cpu, first, second, count, log, stop) -> iterations of CMPS, `second` being the operand of ES, until one that finds the same, or a difference. */
  compares(cpu: number, first: bigint, second: bigint, count: number, log: number, stop: number): number;
}

/** From so many bytes on the host's own copying and filling is faster than a loop. */
const LONG = 128;

/** Adds the functions to a module. @param resolve see `AccessFunctions` */
export function emitStrings(module: ModuleBuilder, resolve: number): void {
  emitMoves(module.function(MOVES_SIGNATURE, 'moves').body, resolve);
  emitStores(module.function(MOVES_SIGNATURE, 'stores').body, resolve);
  emitScans(module.function(SCANS_SIGNATURE, 'scans').body, resolve);
  emitCompares(module.function(SCANS_SIGNATURE, 'compares').body, resolve);
}

const CPU = 0;

/** What all of them need besides their parameters. */
interface Row { context: number; low: number; entry: number; tag: number; done: number; n: number; count: number; log: number; resolve: number; missed: Label; }

/** Emits a row: `chunk` is emitted for what lies in one page of each of `addresses` (i64 locals), which go on behind it; `ended` at the end. */
function emitRow(f: FunctionBody, resolve: number, addresses: readonly { linear: number; host: number; write: boolean }[], chunk: (row: Row) => void, ended: (row: Row) => void): void {
  const [context, low, entry, tag, done, n] = [f.local(Type.I64), f.local(Type.I32), f.local(Type.I32), f.local(Type.I64), f.local(Type.I32), f.local(Type.I32)];
  const count = 3, log = 4;
  f.get(CPU).memory(Op.i64_load, L.FAST_CONTEXT).set(context);
  const missed = f.block(), row = { context, low, entry, tag, done, n, count, log, resolve, missed }, next = f.loop();
  f.get(count).op(Op.i32_eqz).brIf(missed);
  f.get(count).set(n);
  for (const { linear } of addresses) {
    // Whole elements up to the page's end.
    f.i32(0x1000).get(linear).op(Op.i32_wrap_i64).i32(0xfff).op(Op.i32_and, Op.i32_sub).get(log).op(Op.i32_shr_u).tee(low).get(n).get(low).get(n).op(Op.i32_lt_u, Op.select).set(n);
  }
  f.get(n).op(Op.i32_eqz).brIf(missed);
  for (const address of addresses) findHost(f, address, row);
  chunk(row);
  for (const { linear } of addresses) f.get(linear).get(n).get(log).op(Op.i32_shl, Op.i64_extend_i32_u, Op.i64_add).set(linear);
  f.get(done).get(n).op(Op.i32_add).set(done).get(count).get(n).op(Op.i32_sub).set(count).br(next);
  f.end().end();
  ended(row);
  f.get(done);
}

/** Sets local `host` to the host address of a linear one if the fast table has its page, once it has been looked up, for all of the page. */
function findHost(f: FunctionBody, { linear, host, write }: { linear: number; host: number; write: boolean }, { context, low, entry, tag, resolve, missed }: Row): void {
  const field = write ? FAST_TAG_WRITE : FAST_TAG_READ;
  const pushMissed = () => f.get(entry).memory(Op.i64_load, field).get(tag).op(Op.i64_ne);
  f.get(linear).op(Op.i32_wrap_i64).set(low);
  pushEntry(f, low, () => f.get(CPU).memory(Op.i32_load, L.FAST_TABLE));
  f.set(entry);
  f.get(linear).i64(-0x1000n).op(Op.i64_and).get(context).op(Op.i64_or).set(tag);
  pushMissed();
  f.unlikely().if();
  f.get(CPU).get(low).get(linear).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(memoryKind(1, write ? MemoryKind.Write : MemoryKind.Read)).call(resolve).op(Op.drop);
  // Another context: entries have been dropped, perhaps that of the code which is running.
  pushMissed();
  f.get(CPU).memory(Op.i64_load, L.FAST_CONTEXT).get(context).op(Op.i64_ne, Op.i32_or).if();
  f.get(CPU).i32(-1).memory(Op.i32_store, L.FAULT_VECTOR).br(missed);
  f.end().end();
  f.get(low).get(entry).memory(Op.i32_load, FAST_ADDEND).op(Op.i32_add).set(host);
}

/** Emits `each` once for each size, of which the one in local `log` is run. */
function bySize(f: FunctionBody, log: number, each: (size: number) => void): void {
  for (let n = 0; n < 4; n++) {
    f.get(log).i32(n).op(Op.i32_eq).if();
    each(1 << n);
    f.end();
  }
}

/** Emits a loop of `step` bytes each over the bytes of a chunk as long as as many are left; local `at` is how far it has come. */
function loopOver(f: FunctionBody, at: number, bytes: number, step: number, body: () => void): void {
  const end = f.block(), next = f.loop();
  f.get(at).i32(step).op(Op.i32_add).get(bytes).op(Op.i32_gt_u).brIf(end);
  body();
  f.get(at).i32(step).op(Op.i32_add).set(at).br(next).end().end();
}

function emitMoves(f: FunctionBody, resolve: number): void {
  const [from, to] = [1, 2], a = f.local(Type.I32), b = f.local(Type.I32), bytes = f.local(Type.I32), at = f.local(Type.I32);
  const copy = (step: number) => loopOver(f, at, bytes, step, () => f.get(b).get(at).op(Op.i32_add).get(a).get(at).op(Op.i32_add).memory(loadOp(step)).memory(storeOp(step)));
  emitRow(f, resolve, [{ linear: from, host: a, write: false }, { linear: to, host: b, write: true }], ({ n, log }) => {
    f.get(n).get(log).op(Op.i32_shl).set(bytes).i32(0).set(at);
    // Where the destination begins inside the source, what has been copied is copied again.
    f.get(b).get(a).op(Op.i32_sub).get(bytes).op(Op.i32_lt_u).if();
    bySize(f, log, copy);
    f.else().get(bytes).i32(LONG).op(Op.i32_ge_u).if();
    f.get(b).get(a).get(bytes).copyMemory();
    f.else();
    copy(8);
    copy(1);
    f.end().end();
  }, () => {});
}

function emitStores(f: FunctionBody, resolve: number): void {
  const [to, value] = [1, 2], host = f.local(Type.I32), bytes = f.local(Type.I32), at = f.local(Type.I32);
  // The value as often as eight bytes hold it.
  const log = 4;
  bySize(f, log, size => {
    if (size === 8) return;
    f.get(value).i64((1n << BigInt(8 * size)) - 1n).op(Op.i64_and).i64(0xffff_ffff_ffff_ffffn / ((1n << BigInt(8 * size)) - 1n)).op(Op.i64_mul).set(value);
  });
  const pushAt = () => f.get(host).get(at).op(Op.i32_add);
  emitRow(f, resolve, [{ linear: to, host, write: true }], ({ n }) => {
    f.get(n).get(log).op(Op.i32_shl).set(bytes).i32(0).set(at);
    f.get(bytes).i32(LONG).op(Op.i32_ge_u).get(value).i64(8n).op(Op.i64_rotl).get(value).op(Op.i64_eq, Op.i32_and).if();
    f.get(host).get(value).op(Op.i32_wrap_i64).get(bytes).fillMemory();
    f.else();
    loopOver(f, at, bytes, 16, () => {
      pushAt();
      f.get(value).simd(Simd.i64x2_splat).simdMemory(Simd.v128_store);
    });
    for (const size of [8, 4, 2, 1]) {
      loopOver(f, at, bytes, size, () => {
        pushAt();
        f.get(value).memory(storeOp(size));
      });
    }
    f.end();
  }, () => {});
}

/** Emits the comparison of element after element: `pushEqual` pushes whether the two at local `at` are the same, having left them in their locals. */
function emitSearch(f: FunctionBody, { n, log, done, missed }: Row, bytes: number, at: number, pushEqual: (size: number) => void): void {
  const stop = 5;
  f.get(n).get(log).op(Op.i32_shl).set(bytes).i32(0).set(at);
  bySize(f, log, size => loopOver(f, at, bytes, size, () => {
    pushEqual(size);
    f.get(stop).op(Op.i32_eq).if();
    f.get(done).get(at).i32(Math.log2(size)).op(Op.i32_shr_u, Op.i32_add).i32(1).op(Op.i32_add).set(done).br(missed);
    f.end();
  }));
}

function emitScans(f: FunctionBody, resolve: number): void {
  const [linear, value] = [1, 2], host = f.local(Type.I32), bytes = f.local(Type.I32), at = f.local(Type.I32), second = f.local(Type.I64);
  emitRow(f, resolve, [{ linear, host, write: false }], row => emitSearch(f, row, bytes, at, size =>
    f.get(host).get(at).op(Op.i32_add).memory(loadOp(size)).tee(second).get(value).op(Op.i64_eq)),
  () => f.get(CPU).get(second).memory(Op.i64_store, L.STRING_SECOND));
}

function emitCompares(f: FunctionBody, resolve: number): void {
  const [from, to] = [1, 2], a = f.local(Type.I32), b = f.local(Type.I32), bytes = f.local(Type.I32), at = f.local(Type.I32), first = f.local(Type.I64), second = f.local(Type.I64);
  // ES:(R)DI is read first, which shows where both fault (measured).
  emitRow(f, resolve, [{ linear: to, host: b, write: false }, { linear: from, host: a, write: false }], row => emitSearch(f, row, bytes, at, size => {
    f.get(b).get(at).op(Op.i32_add).memory(loadOp(size)).set(second);
    f.get(a).get(at).op(Op.i32_add).memory(loadOp(size)).tee(first).get(second).op(Op.i64_eq);
  }), () => f.get(CPU).get(first).memory(Op.i64_store, L.STRING_FIRST).get(CPU).get(second).memory(Op.i64_store, L.STRING_SECOND));
}
