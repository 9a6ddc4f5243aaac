import { FAULT_ERROR, FAULT_HAS_ERROR, FAULT_VECTOR, CodeMode } from '../cpu/layout.js';
import type { Imports } from './imports.js';
import type { Insn } from './insn.js';
import type { RegionControl } from './regionControl.js';
import { FunctionBody, Op, Type } from './wasm.js';

/** Kinds of the lazily evaluated arithmetic flags; CC_OP is kind * 4 + log2(operand size in bytes). */
export const enum Cc { Flags = 0, Add = 1, Sub = 2, Logic = 3, Inc = 4, Dec = 5, Shl = 6, Shr = 7, Sar = 8 }

/** Locals with the linear address of a page (i64), or NO_PAGE, and what is added to the low half of linear addresses in it (i32). */
export interface SeenPage { page: number; addend: number; }
/** What the page's local holds while there is none: no address of a page has this bit. */
export const NO_PAGE = 0x800n;

/**
 * What an emitter is made of: the primitives that templates and regions supply, and values on the WebAssembly stack. `MemoryEmitter` adds
 * memory, `Emitter` the stack and branches; definitions see `Emitter`.
 */
export abstract class ValueEmitter {
  insn!: Insn;
  /** What only a region can do; undefined in a template. */
  abstract readonly region: RegionControl | undefined;

  constructor(readonly f: FunctionBody, readonly imports: Imports) {}

  /** The CPU's base address is the first parameter of every function. */
  readonly cpu = 0;

  /** Pushes all 64 bits of general register n. */
  abstract pushRegister(n: number): void;
  /** Pops 64 bits into general register n. */
  abstract popRegister(n: number): void;
  protected abstract pushRegisterOperand(i: number, size: number): void;
  protected abstract popRegisterOperand(i: number, size: number): void;
  /** Pushes the i32 base of register operand i and gives the constant offset at which the register stands from there. */
  abstract pushOperandBase(i: number): number;
  abstract pushImmediate(): void;
  /** The immediate if it is known while code is emitted. */
  abstract readonly constant: bigint | undefined;
  abstract pushNext(): void;
  abstract pushTarget(): void;
  /** Pushes the i32 second immediate. */
  abstract pushImmediate2(): void;
  /** Pushes the effective address (offset in the segment), already masked to the address size. */
  abstract pushOffset(): void;
  /** Cuts the offset on the stack to the operand's address size. */
  protected abstract maskOffset(): void;
  /** Adds the base of FS or GS to the address on the stack, if the operand has that segment (64-bit code). */
  protected abstract addSegmentBase(): void;
  /** The number of the memory operand's segment register if it is known while code is emitted. */
  protected abstract get knownSegment(): number | undefined;
  /** Pushes the i32 number of the memory operand's segment register. */
  protected abstract pushSegmentNumber(): void;
  protected abstract pushFastTable(): void;
  protected abstract pushFastContext(): void;
  /** Where an access of this instruction keeps the page that such accesses have seen last, if it does. */
  protected abstract lastPage(write: boolean, stack: boolean): SeenPage | undefined;
  /** Leaves after a failed memory access: the i32 on the stack is the negative result of `resolve`. */
  protected abstract exitFailed(): void;
  /** Pushes an i64 of the watched range (`L.WATCH_READ`, ...), plus `add`: its start or, 8 bytes behind, its length. */
  protected abstract pushWatch(field: number, add: number): void;
  /** Pops the result of the import `watched`. */
  protected abstract exitWatched(): void;
  /** Leaves with the exception that stands in FAULT_*. */
  abstract exitFault(): void;
  /** Ends the instruction with RIP = the i64 on the stack. */
  abstract jump(): void;
  /** Ends a direct jump or call. */
  abstract jumpDirect(): void;
  /** Ends a conditional branch: the i32 on the stack decides between target and next instruction. */
  abstract branch(): void;
  /** Gives the instruction to its TypeScript handler: templates call it, regions leave to the interpreter. */
  abstract handOver(): void;
  abstract setFlagsKind(kind: Cc, size: number): void;
  abstract popFlagsResult(): void;
  abstract popFlagsSource(): void;
  abstract pushFlagsResult(): void;
  abstract pushFlagsSource(): void;
  abstract pushFlagsKind(): void;
  /** The kind and size that the flags are known to have here, if they are. */
  abstract knownFlags: { kind: Cc; size: number } | undefined;

  get long(): boolean { return (this.insn.mode & CodeMode.Long) !== 0; }

  /** Size of operand i in bytes. */
  size(i: number): number {
    const operand = this.insn.operands[i]!;
    return operand.kind === 'register' ? operand.register.size : operand.kind === 'memory' ? operand.size : 0;
  }

  /** Pushes register n cut to `size` bytes. */
  pushPart(n: number, size: number): void { this.pushRegister(n); this.truncate(size); }

  /** Pops a zero-extended value into the low `size` bytes of register n; 4 bytes clear the upper half. */
  popPart(n: number, size: number): void {
    if (size < 4) {
      const value = this.f.local(Type.I64);
      this.f.set(value);
      this.pushRegister(n);
      this.f.i64(-(1n << BigInt(size * 8))).op(Op.i64_and).get(value).op(Op.i64_or);
      this.f.release(value);
    }
    this.popRegister(n);
  }

  /** Cuts the value on the stack to `size` bytes, zero-extended. */
  truncate(size: number): void {
    if (size === 4) this.f.op(Op.i32_wrap_i64, Op.i64_extend_i32_u);
    else if (size < 4) this.f.i64((1n << BigInt(size * 8)) - 1n).op(Op.i64_and);
  }

  /** Sign-extends the value on the stack from `size` bytes to 64 bits. */
  signExtend(size: number): void {
    if (size === 4) this.f.op(Op.i64_extend32_s);
    else if (size === 2) this.f.op(Op.i64_extend16_s);
    else if (size === 1) this.f.op(Op.i64_extend8_s);
  }

  /** Pops a value into a new local. */
  keep(): number {
    const local = this.f.local(Type.I64);
    this.f.set(local);
    return local;
  }

  /** Raises an exception at this instruction, with an error code if one is given. */
  raise(vector: number, errorCode?: number): void {
    const f = this.f;
    f.get(this.cpu).i32(vector).memory(Op.i32_store, FAULT_VECTOR);
    f.get(this.cpu).i32(errorCode === undefined ? 0 : 1).memory(Op.i32_store, FAULT_HAS_ERROR);
    if (errorCode !== undefined) f.get(this.cpu).i32(errorCode).memory(Op.i32_store, FAULT_ERROR);
    this.exitFault();
  }
}

export function loadOp(size: number): Op {
  return size === 8 ? Op.i64_load : size === 4 ? Op.i64_load32_u : size === 2 ? Op.i64_load16_u : Op.i64_load8_u;
}
export function storeOp(size: number): Op {
  return size === 8 ? Op.i64_store : size === 4 ? Op.i64_store32 : size === 2 ? Op.i64_store16 : Op.i64_store8;
}
