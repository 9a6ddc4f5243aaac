import * as L from '../cpu/layout.js';
import { Cc, Emitter, Exit, loadOp, storeOp } from './emitter.js';
import * as R from './record.js';
import { Op, Type } from './wasm.js';

/**
 * Makes of an instruction's meaning a function (cpu, record) -> Exit that reads registers, immediates and addresses
 * from a record, so that one function serves every instruction of that form. All state stays in memory.
 */
export class TemplateEmitter extends Emitter {
  /** The record's address is the second parameter. */
  private readonly record = 1;
  knownFlags: { kind: Cc; size: number } | undefined;
  readonly region = undefined;

  pushRegister(n: number): void { this.f.get(this.cpu).memory(Op.i64_load, L.GPR + 8 * n); }
  popRegister(n: number): void { this.popField(L.GPR + 8 * n); }

  protected pushRegisterOperand(i: number, size: number): void {
    this.pushOperandAddress(i);
    this.f.memory(loadOp(size));
  }
  protected popRegisterOperand(i: number, size: number): void {
    const value = this.f.local(Type.I64);
    this.f.set(value);
    this.pushOperandAddress(i);
    // A 32-bit result clears the upper half; values are zero-extended already.
    this.f.get(value).memory(size === 4 ? Op.i64_store : storeOp(size));
    this.f.release(value);
  }
  private pushOperandAddress(i: number): void { this.pushAt(R.R_OPERAND + 2 * i); }
  /** Pushes the address of the CPU field whose offset the record holds. */
  private pushAt(field: number): void { this.f.get(this.record).memory(Op.i32_load16_u, field).get(this.cpu).op(Op.i32_add); }

  pushOperandBase(i: number): number {
    this.pushOperandAddress(i);
    return 0;
  }

  readonly constant = undefined;
  pushImmediate(): void { this.f.get(this.record).memory(Op.i64_load, R.R_IMMEDIATE); }
  pushNext(): void { this.f.get(this.record).memory(Op.i64_load, R.R_NEXT); }
  pushTarget(): void { this.pushImmediate(); }
  pushImmediate2(): void { this.f.get(this.record).memory(Op.i32_load, R.R_IMMEDIATE2); }

  pushOffset(): void {
    const f = this.f;
    this.pushAt(R.R_BASE);
    f.memory(Op.i64_load);
    this.pushAt(R.R_INDEX);
    f.memory(Op.i64_load).get(this.record).memory(Op.i64_load8_u, R.R_SCALE).op(Op.i64_shl, Op.i64_add);
    f.get(this.record).memory(Op.i64_load, R.R_DISPLACEMENT).op(Op.i64_add);
    this.maskOffset();
  }
  protected maskOffset(): void { this.f.get(this.record).memory(Op.i64_load, R.R_ADDRESS_MASK).op(Op.i64_and); }
  protected addSegmentBase(): void {
    this.pushAt(R.R_SEGMENT_BASE);
    this.f.memory(Op.i64_load).op(Op.i64_add);
  }
  protected get knownSegment(): undefined { return undefined; }
  protected pushSegmentNumber(): void { this.f.get(this.record).memory(Op.i32_load8_u, R.R_SEGMENT); }
  protected pushFastTable(): void { this.f.get(this.cpu).memory(Op.i32_load, L.FAST_TABLE); }
  protected pushFastContext(): void { this.f.get(this.cpu).memory(Op.i64_load, L.FAST_CONTEXT); }

  protected lastPage(): undefined { return undefined; }

  protected exitFailed(): void { this.f.op(Op.drop).i32(Exit.Fault).op(Op.return); }
  protected pushWatch(field: number, add: number): void { this.f.get(this.cpu).memory(Op.i64_load, field).i64(BigInt(add)).op(Op.i64_add); }
  protected exitWatched(): void { this.f.op(Op.drop); }
  exitFault(): void { this.f.i32(Exit.Fault).op(Op.return); }

  jump(): void {
    this.popField(L.RIP);
    this.f.i32(Exit.Jumped).op(Op.return);
  }
  jumpDirect(): void {
    this.pushTarget();
    this.jump();
  }
  branch(): void {
    const taken = this.f.local(Type.I32);
    this.f.set(taken);
    this.pushTarget();
    this.pushNext();
    this.f.get(taken).op(Op.select);
    this.f.release(taken);
    this.jump();
  }
  handOver(): void {
    this.f.get(this.cpu).get(this.record).memory(Op.i32_load, R.R_HANDLER).call(this.imports.handler).op(Op.return);
  }

  setFlagsKind(kind: Cc, size: number): void {
    this.f.get(this.cpu).i32(kind * 4 + Math.log2(size)).memory(Op.i32_store, L.CC_OP);
  }
  popFlagsResult(): void { this.popField(L.CC_DST); }
  popFlagsSource(): void { this.popField(L.CC_SRC); }
  pushFlagsResult(): void { this.f.get(this.cpu).memory(Op.i64_load, L.CC_DST); }
  pushFlagsSource(): void { this.f.get(this.cpu).memory(Op.i64_load, L.CC_SRC); }
  pushFlagsKind(): void { this.f.get(this.cpu).memory(Op.i32_load, L.CC_OP); }

  private popField(offset: number): void {
    const value = this.f.local(Type.I64);
    this.f.set(value).get(this.cpu).get(value).memory(Op.i64_store, offset);
    this.f.release(value);
  }
}
