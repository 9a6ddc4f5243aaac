import { Vector } from '../core.js';
import { alignmentOf } from '../cpu/alignment.js';
import { CodeMode, Seg, SEG, SEG_BASE, SEG_LIMIT, SEG_RIGHTS, SEG_SIZE, WATCH_READ, WATCH_WRITE } from '../cpu/layout.js';
import { Rights } from '../cpu/modes.js';
import { FAST_INDEX_MASK } from '../memory/fastTable.js';
import { FAST_ADDEND, FAST_TAG_READ, FAST_TAG_WRITE } from '../memory/layout.js';
import { MemoryKind, memoryKind } from '../memory/kind.js';
import { loadOp, type SeenPage, storeOp, ValueEmitter } from './valueEmitter.js';
import { Op, Type } from './wasm.js';

/** A place an instruction reads and writes: a register operand by its index, or resolved memory by its host address. */
export type Place = { register: number; size: number } | { host: number; size: number };

/** Rights of data segments whose limit alone is to be checked. */
const PLAIN_CHECKED = Rights.Present | Rights.Code | Rights.DownConforming | Rights.ReadWrite, PLAIN_EXPECTED = Rights.Present | Rights.ReadWrite;

/** Operands and memory accesses: segment, alignment, data watchpoints, then the page by the ways of `resolve`. */
export abstract class MemoryEmitter extends ValueEmitter {
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
    else this.segmentToLinear(size, access);
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

  /**
   * Pops an offset (i64) outside 64-bit code; pushes the linear address. Present data segments that can be written and do not expand down are checked here,
   * others by TypeScript (SDM Vol. 3A, 5.3 and 5.5).
   * @param stack an implicit access to the stack, rather than to the memory operand
   */
  protected segmentToLinear(size: number, access: MemoryKind, stack = false): void {
    const f = this.f, offset = f.local(Type.I64), linear = f.local(Type.I64), known = stack ? Seg.SS : this.knownSegment;
    const fields = f.local(Type.I32), base = known === undefined ? fields : this.cpu, at = SEG + (known ?? 0) * SEG_SIZE;
    f.set(offset);
    if (known === undefined) {
      f.get(this.cpu);
      this.pushSegmentNumber();
      f.i32(SEG_SIZE).op(Op.i32_mul, Op.i32_add).set(fields);
    }
    f.get(base).memory(Op.i32_load, at + SEG_RIGHTS).i32(PLAIN_CHECKED).op(Op.i32_and).i32(PLAIN_EXPECTED).op(Op.i32_eq);
    f.get(offset);
    if (size > 1) f.i64(BigInt(size - 1)).op(Op.i64_add);
    f.get(base).memory(Op.i64_load32_u, at + SEG_LIMIT).op(Op.i64_le_u, Op.i32_and).likely(true).if(Type.I64);
    f.get(offset).get(base).memory(Op.i64_load, at + SEG_BASE).op(Op.i64_add);
    this.truncate(4);
    f.else().get(this.cpu);
    if (known === undefined) this.pushSegmentNumber();
    else f.i32(known);
    f.get(offset).op(Op.i32_wrap_i64).i32(memoryKind(size, access)).call(this.imports.segment);
    // A fault gives -1; as f64 the linear address is exact.
    f.op(Op.i64_trunc_f64_s).tee(linear).i64(0n).op(Op.i64_lt_s).unlikely().if();
    this.exitFault();
    f.end().get(linear).end();
    f.release(offset, linear, fields);
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
    this.lookUp(linear, host, size, access, seen);
    if (seen) f.end();
    f.set(host);
    f.release(linear);
    return host;
  }

  /**
   * Pushes the host address for the local `linear` by the fast table, or from `resolve`; `host` is a local that it may use. Only a page that the fast table has
   * is remembered in `seen`: stores to others may have to ask each time.
   */
  private lookUp(linear: number, host: number, size: number, access: number, seen: SeenPage | undefined): void {
    const f = this.f, entry = f.local(Type.I32);
    f.get(linear).op(Op.i32_wrap_i64).i32(7).op(Op.i32_shr_u).i32(FAST_INDEX_MASK).op(Op.i32_and);
    this.pushFastTable();
    f.op(Op.i32_xor).tee(entry).memory(Op.i64_load, access & (MemoryKind.Write | MemoryKind.Modify) ? FAST_TAG_WRITE : FAST_TAG_READ);
    f.get(linear);
    if (size > 1) f.i64(BigInt(size - 1)).op(Op.i64_add);
    f.i64(-0x1000n).op(Op.i64_and);
    this.pushFastContext();
    f.op(Op.i64_or, Op.i64_eq).likely(true).if(Type.I32);
    if (seen) f.get(linear).i64(-0x1000n).op(Op.i64_and).set(seen.page);
    f.get(linear).op(Op.i32_wrap_i64).get(entry).memory(Op.i32_load, FAST_ADDEND);
    if (seen) f.tee(seen.addend);
    f.op(Op.i32_add);
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
      this.pushWatch(field, 1 - size);
      f.op(Op.i64_sub);
      this.pushWatch(field + 8, size - 1);
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
}
