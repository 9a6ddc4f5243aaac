import { Vector as Exception } from '../core.js';
import * as L from '../cpu/layout.js';
import { X87_ES, X87_TOP } from '../cpu/x87State.js';
import { MemoryKind } from '../memory/kind.js';
import type { Emitter, Place } from './emitter.js';
import { Simd } from './simd.js';
import { Op, Type } from './wasm.js';

/**
 * Operands of MMX and SSE instructions for definitions (`instructions/vector/`, by `defineVector`). `pushSource(e, 1)` pushes a
 * register or memory operand as v128 and may fault; `pushVector(e, 0)` pushes a register, `popVector(e, 0)` pops into it.
 * The registers stay in the CPU's state. An MMX register is a v128 whose upper half is zero and of which the low half counts.
 * TypeScript handlers use `instructions/vector/values.ts`.
 */

/** The class of operand i if it is a register, else undefined. */
export function registerClass(e: Emitter, i: number): string | undefined {
  const operand = e.insn.operands[i];
  return operand?.kind === 'register' ? operand.register.class : undefined;
}
export function isMmx(e: Emitter, i: number): boolean { return registerClass(e, i) === 'mmx'; }
export function isMemory(e: Emitter, i: number): boolean { return e.insn.operands[i]!.kind === 'memory'; }

/** Pushes vector register operand i as v128. */
export function pushVector(e: Emitter, i: number): void {
  const offset = e.pushOperandBase(i);
  e.f.simdMemory(isMmx(e, i) ? Simd.v128_load64_zero : Simd.v128_load, offset);
}

/** Pops a v128 into vector register operand i; of an MMX register bits 79:64 become ones (SDM Vol. 1, 9.6.2). */
export function popVector(e: Emitter, i: number): void {
  const f = e.f, value = f.local(Type.V128);
  f.set(value);
  const offset = e.pushOperandBase(i);
  f.get(value);
  if (isMmx(e, i)) {
    f.laneMemory(Simd.v128_store64_lane, offset, 0);
    setMmxExponent(e, i);
  } else f.simdMemory(Simd.v128_store, offset);
  f.release(value);
}

/** Sets bits 79:64 of the x87 register behind MMX register operand i. */
function setMmxExponent(e: Emitter, i: number): void {
  const offset = e.pushOperandBase(i);
  e.f.i32(0xffff).memory(Op.i32_store16, offset + 8);
}

/** Pushes 64 bits of vector register operand i: its low half, or the upper one. */
export function pushHalf(e: Emitter, i: number, upper = false): void {
  const offset = e.pushOperandBase(i);
  e.f.memory(Op.i64_load, offset + (upper ? 8 : 0));
}

/** Pops an i64 into one half of vector register operand i; the other one stays. */
export function popHalf(e: Emitter, i: number, upper = false): void {
  const f = e.f, value = e.keep(), offset = e.pushOperandBase(i);
  f.get(value).memory(Op.i64_store, offset + (upper ? 8 : 0));
  f.release(value);
  if (isMmx(e, i)) setMmxExponent(e, i);
}

/** Pops an i64 into vector register operand i, zero-extended. */
export function popZeroExtended(e: Emitter, i: number): void {
  popHalf(e, i);
  if (isMmx(e, i)) return;
  const offset = e.pushOperandBase(i);
  e.f.i64(0n).memory(Op.i64_store, offset + 8);
}

/** Pops a v128 into a new local. */
export function keepVector(e: Emitter): number {
  const local = e.f.local(Type.V128);
  e.f.set(local);
  return local;
}

/**
 * The place of memory operand i: as `Emitter.place`, and with `aligned` an address that is no multiple of 16 raises #GP(0)
 * (SDM Vol. 2A, table 2-21, exception types 1, 2 and 4).
 */
export function vectorPlace(e: Emitter, i: number, access: MemoryKind, aligned: boolean): Place {
  const operand = e.insn.operands[i]!;
  if (operand.kind !== 'memory') throw new Error('not a memory operand');
  // Alignment comes ahead of the segment's limit, which may be #SS(0) instead (measured).
  if (aligned && !e.long) {
    e.pushUncheckedLinear();
    requireAligned(e);
  }
  e.pushLinear(operand.size, access);
  if (aligned && e.long) {
    const linear = e.keep();
    e.f.get(linear);
    requireAligned(e);
    e.f.get(linear);
    e.f.release(linear);
  }
  return { host: e.resolve(operand.size, access | e.stackKind), size: operand.size };
}

/** Pops a linear address and raises #GP(0) if it is no multiple of 16. */
function requireAligned(e: Emitter): void {
  e.f.op(Op.i32_wrap_i64).i32(15).op(Op.i32_and).if();
  e.raise(Exception.GP, 0);
  e.f.end();
}

/**
 * Pushes vector register or memory operand i as v128; memory of 8 or 4 bytes is zero-extended. Memory of 16 bytes must be
 * aligned unless it is said that it need not.
 */
export function pushSource(e: Emitter, i: number, aligned = true): void {
  if (!isMemory(e, i)) { pushVector(e, i); return; }
  const place = vectorPlace(e, i, MemoryKind.Read, aligned && e.size(i) === 16) as { host: number; size: number };
  e.f.get(place.host).simdMemory(place.size === 16 ? Simd.v128_load : place.size === 8 ? Simd.v128_load64_zero : Simd.v128_load32_zero);
  e.f.release(place.host);
}

/** Pushes the low 64 bits of register or memory operand i, or all of it if it is smaller, zero-extended. */
export function pushSourceLow(e: Emitter, i: number): void {
  const kind = registerClass(e, i);
  if (kind === 'xmm' || kind === 'mmx') pushHalf(e, i);
  else e.push(i);
}

/** Hands an instruction with MMX registers to its handler, which raises #MF, if an unmasked x87 exception waits. */
export function emitMmxCheck(e: Emitter): void {
  e.f.get(e.cpu).memory(Op.i32_load, L.X87_STATUS).i32(X87_ES).op(Op.i32_and).if();
  e.handOver();
  e.f.end();
}
/** Every MMX instruction but EMMS sets TOP to 0 and all tags to valid (SDM Vol. 1, 9.6.1). */
export function emitMmxTransition(e: Emitter): void {
  emitMmxTop(e);
  e.f.get(e.cpu).i32(0).memory(Op.i32_store, L.X87_TAGS);
}
export function emitMmxTop(e: Emitter): void {
  e.f.get(e.cpu).get(e.cpu).memory(Op.i32_load, L.X87_STATUS).i32(~X87_TOP).op(Op.i32_and).memory(Op.i32_store, L.X87_STATUS);
}
