import { Vector } from '../core.js';
import { CodeMode, EXTRA_CYCLES, Seg, SEG, SEG_LIMIT, SEG_SIZE } from '../cpu/layout.js';
import { MemoryKind } from '../memory/kind.js';
import { MemoryEmitter } from './memoryEmitter.js';
import { storeOp } from './valueEmitter.js';
import { Op, Type } from './wasm.js';

export { Exit } from './exit.js';
export type { Imports } from './imports.js';
export { type Place } from './memoryEmitter.js';
export { Cc, loadOp, NO_PAGE, type SeenPage, storeOp } from './valueEmitter.js';

/**
 * Emits the meaning of instructions as WebAssembly. The meaning is written once, against this class
 * (`instructions/*.ts`); `TemplateEmitter` makes of it a function that reads its operands from a record,
 * for single steps and cold code, and `RegionEmitter` code with everything known inlined, for hot code.
 *
 * Values on the WebAssembly stack are i64, zero-extended from the operand size, unless a name says otherwise.
 * Everything that may fault must come before the first change of state.
 */
export abstract class Emitter extends MemoryEmitter {
  /** Adds to the clock cycles that this CPU's events have cost beyond their steps (`cycles/model.ts`); nothing for 0. */
  charge(cycles: number): void {
    if (cycles) this.f.get(this.cpu).get(this.cpu).memory(Op.i64_load, EXTRA_CYCLES).i64(BigInt(cycles)).op(Op.i64_add).memory(Op.i64_store, EXTRA_CYCLES);
  }

  /** Size in bytes of the stack pointer, by mode. */
  get stackSize(): number { return this.long ? 8 : this.insn.mode & CodeMode.Stack32 ? 4 : 2; }

  /** Pops the offset of a stack access; gives the local with its host address. */
  resolveStack(size: number, access: MemoryKind): number {
    if (!this.long) this.segmentToLinear(size, access | MemoryKind.Stack, true);
    return this.resolve(size, access | MemoryKind.Stack, true);
  }

  /** Pushes the stack pointer plus `delta` bytes, wrapped to the stack's size. */
  pushStackPointer(delta: number): void {
    this.pushRegister(4);
    if (delta) this.f.i64(BigInt(delta)).op(Op.i64_add);
    this.truncate(this.stackSize);
  }

  /** Pops a new stack pointer; a 16-bit one leaves the upper bits alone. */
  popStackPointer(): void {
    if (this.stackSize === 2) {
      const value = this.f.local(Type.I64);
      this.f.set(value);
      this.pushRegister(4);
      this.f.i64(-0x10000n).op(Op.i64_and).get(value).op(Op.i64_or);
      this.f.release(value);
    }
    this.popRegister(4);
  }

  /**
   * Pushes the local `value` on the guest's stack. May fault, before RSP changes; so may `check`, which is emitted between
   * the store and the change of RSP.
   */
  guestPush(value: number, size: number, check: () => void = () => {}): void {
    this.pushStackPointer(-size);
    const host = this.resolveStack(size, MemoryKind.Write);
    this.f.get(host).get(value).memory(storeOp(size));
    this.f.release(host);
    check();
    this.pushStackPointer(-size);
    this.popStackPointer();
  }

  /**
   * Raises #GP(0) at this instruction if a branch cannot go to the local `target`: in 64-bit code if it is no canonical
   * address, which near indirect branches and returns check (SDM Vol. 2A, CALL and JMP; Vol. 2B, RET), elsewhere if it is
   * outside the code segment. A store that the instruction has made in RAM stays, as on processors (CALL writes its return
   * address).
   */
  checkTarget(target: number): void {
    const f = this.f;
    if (this.long) f.get(target).i64(47n).op(Op.i64_shr_s).i64(1n).op(Op.i64_add).i64(1n).op(Op.i64_gt_u).unlikely().if();
    else f.get(target).get(this.cpu).memory(Op.i64_load32_u, SEG + Seg.CS * SEG_SIZE + SEG_LIMIT).op(Op.i64_gt_u).unlikely().if();
    this.raise(Vector.GP, 0);
    f.end();
  }

  /** `checkTarget` for a direct branch; in 64-bit code those are not checked (a displacement cannot leave both halves' ends far behind). */
  checkDirectTarget(): void {
    if (this.long) return;
    this.pushTarget();
    const target = this.keep();
    this.checkTarget(target);
    this.f.release(target);
  }

  /** Ends a conditional branch like `branch`, after the check of its target if it is taken. */
  checkedBranch(): void {
    if (!this.long) {
      const taken = this.f.local(Type.I32);
      this.f.tee(taken).if();
      this.checkDirectTarget();
      this.f.end().get(taken);
      this.f.release(taken);
    }
    this.branch();
  }
}
