import * as L from '../cpu/layout.js';
import { Cc, Emitter, type Imports } from './emitter.js';
import { registerOffset } from './record.js';
import { FunctionBody, Op, Type } from './wasm.js';

/** Number of RSP among the general registers. */
const RSP = 4;

/** The kind and size of the operation that has set the flags. */
export interface KnownFlags { kind: Cc; size: number; }

/** What is known where two branches meet. */
export function common(a: KnownFlags | undefined, b: KnownFlags | undefined): KnownFlags | undefined {
  return a && b && a.kind === b.kind && a.size === b.size ? a : undefined;
}

/**
 * The values of a region: operands are constants in the code; registers and flags that it uses are held in locals, and those it
 * writes are stored back on every way out.
 */
export abstract class RegionValues extends Emitter {
  knownFlags: KnownFlags | undefined;
  protected readonly budget: number;
  /** Set if flags have been asked for whose kind was not known. */
  protected unknownFlagsUsed = false;
  private readonly registers: (number | undefined)[] = [];
  private readonly written = new Set<number>();
  private flagsUsed = false;
  private readonly flagsKind: number;
  private readonly flagsResult: number;
  private readonly flagsSource: number;
  private readonly fastTable: number;
  private readonly fastContext: number;
  /** Locals with fields of the watched ranges and what has been added to them. */
  private readonly watched = new Map<string, { field: number; add: number; local: number }>();

  constructor(f: FunctionBody, imports: Imports) {
    super(f, imports);
    this.flagsKind = f.local(Type.I32);
    this.flagsResult = f.local(Type.I64);
    this.flagsSource = f.local(Type.I64);
    this.budget = f.local(Type.I32);
    this.fastTable = f.local(Type.I32);
    this.fastContext = f.local(Type.I64);
  }

  /** Loads the locals, once all code has been emitted that uses them. */
  protected loadState(): void {
    this.field(Op.i32_load, L.BUDGET, this.budget);
    this.loadFastTable();
    this.registers.forEach((local, n) => { if (local !== undefined) this.field(Op.i64_load, L.GPR + 8 * n, local); });
    for (const { field, add, local } of this.watched.values()) this.f.get(this.cpu).memory(Op.i64_load, field).i64(BigInt(add)).op(Op.i64_add).set(local);
    if (!this.flagsUsed) return;
    this.field(Op.i32_load, L.CC_OP, this.flagsKind);
    this.field(Op.i64_load, L.CC_DST, this.flagsResult);
    this.field(Op.i64_load, L.CC_SRC, this.flagsSource);
  }

  /**
   * Stores what the region may have changed.
   * @param returned RSP and the flags have been stored, by an interrupt return
   */
  protected storeState(returned = false): void {
    const f = this.f;
    f.get(this.cpu).get(this.budget).memory(Op.i32_store, L.BUDGET);
    for (const n of this.written) if (!returned || n !== RSP) f.get(this.cpu).get(this.registers[n]!).memory(Op.i64_store, L.GPR + 8 * n);
    if (!this.flagsUsed || returned) return;
    f.get(this.cpu).get(this.flagsKind).memory(Op.i32_store, L.CC_OP);
    f.get(this.cpu).get(this.flagsResult).memory(Op.i64_store, L.CC_DST);
    f.get(this.cpu).get(this.flagsSource).memory(Op.i64_store, L.CC_SRC);
  }

  protected loadFastTable(): void {
    this.field(Op.i32_load, L.FAST_TABLE, this.fastTable);
    this.field(Op.i64_load, L.FAST_CONTEXT, this.fastContext);
  }

  private field(op: Op, field: number, local: number): void { this.f.get(this.cpu).memory(op, field).set(local); }

  private register(n: number): number { return this.registers[n] ??= this.f.newLocal(Type.I64); }
  pushRegister(n: number): void { this.f.get(this.register(n)); }
  popRegister(n: number): void {
    this.written.add(n);
    this.f.set(this.register(n));
  }
  protected pushRegisterOperand(i: number, size: number): void {
    const register = this.registerOf(i);
    this.pushRegister(register.number);
    if (register.class === 'high8') this.f.i64(8n).op(Op.i64_shr_u);
    this.truncate(size);
  }
  protected popRegisterOperand(i: number, size: number): void {
    const register = this.registerOf(i);
    if (register.class !== 'high8') { this.popPart(register.number, size); return; }
    const value = this.keep();
    this.pushRegister(register.number);
    this.f.i64(~0xff00n).op(Op.i64_and).get(value).i64(8n).op(Op.i64_shl, Op.i64_or);
    this.f.release(value);
    this.popRegister(register.number);
  }
  private registerOf(i: number) {
    const operand = this.insn.operands[i]!;
    if (operand.kind !== 'register') throw new Error('not a register operand');
    return operand.register;
  }

  pushOperandBase(i: number): number {
    this.f.get(this.cpu);
    return registerOffset(this.registerOf(i));
  }

  get constant(): bigint { return this.insn.immediate; }
  pushImmediate(): void { this.f.i64(this.insn.immediate); }
  pushNext(): void { this.f.i64(this.insn.next); }
  pushTarget(): void { this.f.i64(this.insn.target); }
  pushImmediate2(): void { this.f.i32(this.insn.immediate2); }
  pushOffset(): void {
    const f = this.f, m = this.insn.memory!;
    let terms = 0;
    if (m.base >= 0) { this.pushRegister(m.base); terms++; }
    if (m.index >= 0) {
      this.pushRegister(m.index);
      if (m.scale > 1) f.i64(BigInt(Math.log2(m.scale))).op(Op.i64_shl);
      if (terms++) f.op(Op.i64_add);
    }
    if (m.displacement !== 0n || !terms) {
      f.i64(m.displacement);
      if (terms) f.op(Op.i64_add);
    }
    this.maskOffset();
  }
  protected maskOffset(): void { this.truncate(this.insn.memory!.addressSize); }
  protected addSegmentBase(): void {
    const segment = this.insn.memory!.segment;
    if (segment >= L.Seg.FS) this.f.get(this.cpu).memory(Op.i64_load, L.SEG + segment * L.SEG_SIZE + L.SEG_BASE).op(Op.i64_add);
  }
  protected get knownSegment(): number { return this.insn.memory!.segment; }
  protected pushSegmentNumber(): void { this.f.i32(this.insn.memory!.segment); }
  protected pushFastTable(): void { this.f.get(this.fastTable); }
  protected pushFastContext(): void { this.f.get(this.fastContext); }
  protected pushWatch(field: number, add: number): void {
    const name = `${field} ${add}`;
    let watched = this.watched.get(name);
    if (!watched) this.watched.set(name, watched = { field, add, local: this.f.newLocal(Type.I64) });
    this.f.get(watched.local);
  }

  setFlagsKind(kind: Cc, size: number): void {
    this.flagsUsed = true;
    this.knownFlags = { kind, size };
    this.f.i32(kind * 4 + Math.log2(size)).set(this.flagsKind);
  }
  popFlagsResult(): void { this.flagsUsed = true; this.f.set(this.flagsResult); }
  popFlagsSource(): void { this.flagsUsed = true; this.f.set(this.flagsSource); }
  pushFlagsResult(): void { this.flagsUsed = true; this.f.get(this.flagsResult); }
  pushFlagsSource(): void { this.flagsUsed = true; this.f.get(this.flagsSource); }
  pushFlagsKind(): void {
    this.flagsUsed = true;
    this.unknownFlagsUsed = true;
    this.f.get(this.flagsKind);
  }
}
