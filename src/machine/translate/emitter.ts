import { Vector } from '../core.js';
import { alignmentOf } from '../cpu/alignment.js';
import { CodeMode, FAULT_ERROR, FAULT_HAS_ERROR, FAULT_VECTOR, Seg, SEG, SEG_BASE, SEG_LIMIT, SEG_SIZE, WATCH_READ, WATCH_WRITE } from '../cpu/layout.js';
import { FAST_ADDEND, FAST_ENTRY_SIZE, FAST_TABLE_SIZE, FAST_TAG_READ, FAST_TAG_WRITE } from '../memory/layout.js';
import { MemoryKind, memoryKind } from '../memory/kind.js';
import type { Insn } from './insn.js';
import type { RegionControl } from './regionControl.js';
import { FunctionBody, Op, Type } from './wasm.js';

/** What a template or a translated region returns to the run loop; 0 goes on with the next instruction or block. */
export const enum Exit {
  Next = 0,
  /** The instruction at RIP raised the exception in FAULT_*; nothing of it has been done. */
  Fault = 1,
  /** Translated code asks the interpreter to go on at RIP: the budget is short, or the instruction needs TypeScript. */
  Interpret = 2,
  /** Completed, RIP is set: a branch was taken or control was transferred. */
  Jumped = 3,
  /** Completed, RIP is set; the run loop must look at interrupts, the run state or the mode. */
  Event = 4,
  /** Completed and something that was written may be code: fetch again. */
  Refetch = 5,
  /** Not completed: a breakpoint is set on the instruction at RIP. */
  Breakpoint = 6,
  /** No decoded block at RIP. */
  Miss = 7,
  /** The block at RIP has run often; it may be translated. */
  Hot = 8,
  /** The turn's budget is used up. */
  Budget = 9,
  /** The block at RIP is one instruction that crosses a page: TypeScript checks its second page. */
  Crossing = 10,
  /** The machine cannot go on: an `Unimplemented` was thrown and is kept by the machine. */
  Stop = 11,
}

/** Kinds of the lazily evaluated arithmetic flags; CC_OP is kind * 4 + log2(operand size in bytes). */
export const enum Cc { Flags = 0, Add = 1, Sub = 2, Logic = 3, Inc = 4, Dec = 5, Shl = 6, Shr = 7, Sar = 8 }

/** Indices of the functions a module imports. */
export interface Imports {
  /** (cpu, low, high, kind) -> host address, -1 fault, -2 leave the block. See `Mmu.resolve`. */
  resolve: number;
  /** (cpu, segment, offset, kind) -> linear address as f64, negative for a fault. Outside 64-bit code. */
  segment: number;
  /** (ccOp, ccDst, ccSrc) -> arithmetic flags as bits of RFLAGS. */
  flags: number;
  /** (cpu, handler number) -> Exit. Only templates call it. */
  handler: number;
  /** (cpu, linear address, kind) -> 1 if the access meets a data watchpoint and is the interpreter's. See `Watch.accessed`. */
  watched: number;
}
export const RESOLVE_SIGNATURE = { params: [Type.I32, Type.I32, Type.I32, Type.I32], results: [Type.I32] };
export const SEGMENT_SIGNATURE = { params: [Type.I32, Type.I32, Type.I32, Type.I32], results: [Type.F64] };
export const FLAGS_SIGNATURE = { params: [Type.I32, Type.I64, Type.I64], results: [Type.I32] };
export const WATCHED_SIGNATURE = { params: [Type.I32, Type.I64, Type.I32], results: [Type.I32] };
export const HANDLER_SIGNATURE = { params: [Type.I32, Type.I32], results: [Type.I32] };

/** Locals with the linear address of a page (i64), or NO_PAGE, and what is added to the low half of linear addresses in it (i32). */
export interface SeenPage { page: number; addend: number; }
/** What the page's local holds while there is none: no address of a page has this bit. */
export const NO_PAGE = 0x800n;

/** A place an instruction reads and writes: a register operand by its index, or resolved memory by its host address. */
export type Place = { register: number; size: number } | { host: number; size: number };

/**
 * Emits the meaning of instructions as WebAssembly. The meaning is written once, against this class
 * (`instructions/*.ts`); `TemplateEmitter` makes of it a function that reads its operands from a record,
 * for single steps and cold code, and `RegionEmitter` code with everything known inlined, for hot code.
 *
 * Values on the WebAssembly stack are i64, zero-extended from the operand size, unless a name says otherwise.
 * Everything that may fault must come before the first change of state.
 */
export abstract class Emitter {
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
  /** Pushes the i32 number of the memory operand's segment register. */
  protected abstract pushSegmentNumber(): void;
  protected abstract pushFastTable(): void;
  protected abstract pushFastIndex(): void;
  protected abstract pushFastContext(): void;
  /** Where an access of this instruction keeps the page that such accesses have seen last, if it does. */
  protected abstract lastPage(write: boolean, stack: boolean): SeenPage | undefined;
  /** Leaves after a failed memory access: the i32 on the stack is the negative result of `resolve`. */
  protected abstract exitFailed(): void;
  /** Pushes an i64 of the watched range (`L.WATCH_READ`, ...): its start or, 8 bytes behind, its length. */
  protected abstract pushWatch(field: number): void;
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

  /** Pushes operand i, zero-extended. May fault. */
  push(i: number): void {
    const operand = this.insn.operands[i]!;
    if (operand.kind === 'register') this.pushRegisterOperand(i, operand.register.size);
    else if (operand.kind === 'memory') this.load(this.place(i, MemoryKind.Read));
    else this.pushImmediate();
  }

  /** Pushes an immediate operand cut to `size` bytes, other operands as they are. */
  pushSized(i: number, size: number): void {
    this.push(i);
    if (this.insn.operands[i]!.kind === 'immediate') this.truncate(size);
  }

  /** The place of operand i; memory is resolved now, and faults now. Release with `done`. */
  place(i: number, access: MemoryKind): Place {
    const operand = this.insn.operands[i]!;
    if (operand.kind !== 'memory') return { register: i, size: this.size(i) };
    this.pushLinear(operand.size, access);
    return { host: this.resolve(operand.size, access | this.stackKind), size: operand.size };
  }
  /** `MemoryKind.Stack` if the memory operand is in the stack segment. */
  get stackKind(): number { return this.insn.memory!.segment === Seg.SS ? MemoryKind.Stack : 0; }

  load(place: Place): void {
    if ('register' in place) this.pushRegisterOperand(place.register, place.size);
    else this.f.get(place.host).memory(loadOp(place.size));
  }

  /** Pops a value (zero-extended to the place's size) into the place. */
  store(place: Place): void {
    if ('register' in place) { this.popRegisterOperand(place.register, place.size); return; }
    const value = this.f.local(Type.I64);
    this.f.set(value).get(place.host).get(value).memory(storeOp(place.size));
    this.f.release(value);
  }

  done(place: Place): void { if ('host' in place) this.f.release(place.host); }

  /**
   * Pushes the linear address of the memory operand; outside 64-bit code the segment is checked and may fault.
   * @param add emits an i64 that is added to the offset, within the address size
   */
  pushLinear(size: number, access: MemoryKind, add?: () => void): void {
    this.pushOffset();
    if (add) {
      add();
      this.f.op(Op.i64_add);
      this.maskOffset();
    }
    if (this.long) this.addSegmentBase();
    else {
      const offset = this.f.local(Type.I64);
      this.f.set(offset).get(this.cpu);
      this.pushSegmentNumber();
      this.f.get(offset);
      this.f.release(offset);
      this.segmentToLinear(size, access);
    }
  }

  /** Pushes the linear address of the memory operand outside 64-bit code, whether or not the segment allows the access. */
  pushUncheckedLinear(): void {
    this.f.get(this.cpu);
    this.pushSegmentNumber();
    this.f.i32(SEG_SIZE).op(Op.i32_mul, Op.i32_add).memory(Op.i64_load, SEG + SEG_BASE);
    this.pushOffset();
    this.f.op(Op.i64_add);
    this.truncate(4);
  }

  /** Pops offset (i64) and, below it, segment number and cpu (i32); pushes the linear address. */
  private segmentToLinear(size: number, access: MemoryKind): void {
    const f = this.f, linear = f.local(Type.I64);
    f.op(Op.i32_wrap_i64).i32(memoryKind(size, access)).call(this.imports.segment);
    // A fault gives -1; as f64 the linear address is exact.
    f.op(Op.i64_trunc_f64_s).tee(linear).i64(0n).op(Op.i64_lt_s).unlikely().if();
    this.exitFault();
    f.end().get(linear);
    f.release(linear);
  }

  /**
   * Pops a linear address and gives the local with the host address: by the page that the region has seen last in such an
   * access, by the fast table, or from `resolve`.
   * @param stack an implicit access to the stack, rather than to the memory operand
   */
  resolve(size: number, access: number, stack = false): number {
    const f = this.f, linear = f.local(Type.I64), host = f.local(Type.I32);
    f.set(linear);
    if (this.insn.mode & CodeMode.AlignmentCheck && alignmentOf(size) > 1) this.checkAlignment(linear, size);
    if (this.insn.mode & CodeMode.Watched) this.compareWatched(linear, size, access);
    const seen = size & size - 1 ? undefined : this.lastPage((access & (MemoryKind.Write | MemoryKind.Modify)) !== 0, stack);
    if (seen) {
      // Aligned, so not across the page's end, and in that page.
      f.get(linear).i64(-0x1000n | BigInt(size - 1)).op(Op.i64_and).get(seen.page).op(Op.i64_eq).likely(true).if(Type.I32);
      f.get(linear).op(Op.i32_wrap_i64).get(seen.addend).op(Op.i32_add).else();
    }
    this.lookUp(linear, host, size, access);
    if (seen) {
      f.set(host).get(linear).i64(-0x1000n).op(Op.i64_and).set(seen.page).get(host).get(linear).op(Op.i32_wrap_i64, Op.i32_sub).tee(seen.addend);
      f.get(linear).op(Op.i32_wrap_i64, Op.i32_add).end();
    }
    f.set(host);
    f.release(linear);
    return host;
  }

  /** Pushes the host address for the local `linear` by the fast table, or from `resolve`; `host` is a local that it may use. */
  private lookUp(linear: number, host: number, size: number, access: number): void {
    const f = this.f, entry = f.local(Type.I32);
    f.get(linear).op(Op.i32_wrap_i64).i32(7).op(Op.i32_shr_u).i32(-FAST_ENTRY_SIZE).op(Op.i32_and);
    this.pushFastIndex();
    f.op(Op.i32_xor).i32(FAST_TABLE_SIZE - FAST_ENTRY_SIZE).op(Op.i32_and);
    this.pushFastTable();
    f.op(Op.i32_add).tee(entry).memory(Op.i64_load, access & (MemoryKind.Write | MemoryKind.Modify) ? FAST_TAG_WRITE : FAST_TAG_READ);
    f.get(linear);
    if (size > 1) f.i64(BigInt(size - 1)).op(Op.i64_add);
    f.i64(-0x1000n).op(Op.i64_and);
    this.pushFastContext();
    f.op(Op.i64_or, Op.i64_eq).likely(true).if(Type.I32);
    f.get(linear).op(Op.i32_wrap_i64).get(entry).memory(Op.i32_load, FAST_ADDEND).op(Op.i32_add);
    f.else();
    f.get(this.cpu).get(linear).op(Op.i32_wrap_i64).get(linear).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(memoryKind(size, access)).call(this.imports.resolve);
    f.tee(host).i32(0).op(Op.i32_lt_s).unlikely().if();
    f.get(host);
    this.exitFailed();
    f.end().get(host).end();
    f.release(entry);
  }

  /** Raises #AC(0) for an unaligned access. A non-canonical address is left to `resolve`, whose #GP or #SS comes first (measured). */
  private checkAlignment(linear: number, size: number): void {
    const f = this.f;
    f.get(linear).i64(BigInt(alignmentOf(size) - 1)).op(Op.i64_and).i64(0n).op(Op.i64_ne);
    if (this.long) f.get(linear).i64(47n).op(Op.i64_shr_s).i64(1n).op(Op.i64_add).i64(1n).op(Op.i64_le_u, Op.i32_and);
    f.unlikely().if();
    this.raise(Vector.AC, 0);
    f.end();
  }

  /** Compares the access with the range that bounds the data watchpoints, and looks closer if it meets it. */
  private compareWatched(linear: number, size: number, access: number): void {
    const f = this.f, writes = (access & MemoryKind.Write) !== 0, reads = !writes || (access & MemoryKind.Modify) !== 0;
    const compare = (field: number) => {
      // The access ends behind the range's start and starts ahead of its end.
      f.get(linear);
      if (size > 1) f.i64(BigInt(size - 1)).op(Op.i64_add);
      this.pushWatch(field);
      f.op(Op.i64_sub);
      this.pushWatch(field + 8);
      if (size > 1) f.i64(BigInt(size - 1)).op(Op.i64_add);
      f.op(Op.i64_lt_u);
    };
    if (reads) compare(WATCH_READ);
    if (writes) compare(WATCH_WRITE);
    if (reads && writes) f.op(Op.i32_or);
    f.unlikely().if();
    f.get(this.cpu).get(linear).i32(memoryKind(size, access)).call(this.imports.watched);
    this.exitWatched();
    f.end();
  }

  /** Size in bytes of the stack pointer, by mode. */
  get stackSize(): number { return this.long ? 8 : this.insn.mode & CodeMode.Stack32 ? 4 : 2; }

  /** Pops the offset of a stack access; gives the local with its host address. */
  resolveStack(size: number, access: MemoryKind): number {
    if (!this.long) {
      const offset = this.f.local(Type.I64);
      this.f.set(offset).get(this.cpu).i32(Seg.SS).get(offset);
      this.f.release(offset);
      this.segmentToLinear(size, access | MemoryKind.Stack);
    }
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

export function loadOp(size: number): Op {
  return size === 8 ? Op.i64_load : size === 4 ? Op.i64_load32_u : size === 2 ? Op.i64_load16_u : Op.i64_load8_u;
}
export function storeOp(size: number): Op {
  return size === 8 ? Op.i64_store : size === 4 ? Op.i64_store32 : size === 2 ? Op.i64_store16 : Op.i64_store8;
}
