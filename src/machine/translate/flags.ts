import { Cc, Emitter } from './emitter.js';
import { FunctionBody, Op, Type } from './wasm.js';

/**
 * Arithmetic flags, evaluated lazily: an instruction leaves its kind and operands (CC_OP, CC_DST, CC_SRC), and who
 * needs a flag computes it. The same encoding is read by `cpu/flags.ts`.
 *
 *   Add: dst = result, src = second operand       Logic: dst = result, CF = OF = AF = 0
 *   Sub: dst = result, src = second operand       Inc, Dec: dst = result, src = CF before
 *   Shl, Shr, Sar: dst = result, src = the value shifted by one less than the count
 *   Flags: src holds the flags themselves, as bits of RFLAGS
 */

/** Records the flags of an operation: `result` and `source` are locals with values cut to `size` bytes. */
export function setFlags(e: Emitter, kind: Cc, size: number, result: number, source?: number): void {
  e.f.get(result);
  e.popFlagsResult();
  if (source !== undefined) {
    e.f.get(source);
    e.popFlagsSource();
  }
  e.setFlagsKind(kind, size);
}

/** Pops an i64 with the flags as bits of RFLAGS and records them as they are. */
export function setFlagBits(e: Emitter): void {
  e.popFlagsSource();
  e.setFlagsKind(Cc.Flags, 1);
}

/** Pushes the arithmetic flags as an i32 of RFLAGS bits. */
export function pushFlagBits(e: Emitter): void {
  if (e.knownFlags?.kind === Cc.Flags) { e.pushFlagsSource(); e.f.op(Op.i32_wrap_i64); return; }
  e.pushFlagsKind();
  e.pushFlagsResult();
  e.pushFlagsSource();
  e.f.call(e.imports.flags);
}

/** Pushes CF as i64 0 or 1. */
export function pushCarry(e: Emitter): void {
  const f = e.f, known = e.knownFlags;
  switch (known?.kind) {
    case Cc.Add: e.pushFlagsResult(); e.pushFlagsSource(); f.op(Op.i64_lt_u, Op.i64_extend_i32_u); return;
    case Cc.Sub: pushMinuend(e, known.size); e.pushFlagsSource(); f.op(Op.i64_lt_u, Op.i64_extend_i32_u); return;
    case Cc.Logic: f.i64(0n); return;
    case Cc.Inc: case Cc.Dec: e.pushFlagsSource(); return;
    case Cc.Flags: case Cc.Shr: case Cc.Sar: e.pushFlagsSource(); f.i64(1n).op(Op.i64_and); return;
    default:
      // Often they stand there as they are: behind a return from a handler.
      e.pushFlagsKind();
      f.i32(4 * (Cc.Flags + 1)).op(Op.i32_lt_u).if(Type.I64);
      e.pushFlagsSource();
      f.else();
      pushFlagBits(e);
      f.op(Op.i64_extend_i32_u).end().i64(1n).op(Op.i64_and);
  }
}

/** The first operand of a subtraction, from result and second operand. */
function pushMinuend(e: Emitter, size: number): void {
  e.pushFlagsResult();
  e.pushFlagsSource();
  e.f.op(Op.i64_add);
  e.truncate(size);
}

/** Condition codes in the order of the encoding (SDM Vol. 1, appendix B): O NO B AE E NE BE A S NS P NP L GE LE G. */
export const enum Condition { O = 0, B = 2, E = 4, BE = 6, S = 8, P = 10, L = 12, LE = 14 }

/** Pushes an i32 that is non-zero where the condition holds. */
export function pushCondition(e: Emitter, condition: number): void {
  const f = e.f, known = e.knownFlags, positive = condition & ~1;
  const simple = known !== undefined && known.kind !== Cc.Flags && direct(e, known, positive);
  if (!simple) {
    const bits = f.local(Type.I32);
    pushFlagBits(e);
    f.set(bits);
    fromBits(f, bits, positive);
    f.release(bits);
  }
  if (condition & 1) f.op(Op.i32_eqz);
}

/** A condition straight from the operands of a known operation; false if it has no short form. */
function direct(e: Emitter, known: { kind: Cc; size: number }, condition: number): boolean {
  const f = e.f, { kind, size } = known;
  const compare = (op: Op, signed: boolean) => {
    pushMinuend(e, size);
    if (signed) e.signExtend(size);
    e.pushFlagsSource();
    if (signed) e.signExtend(size);
    f.op(op);
  };
  const sign = () => { e.pushFlagsResult(); e.signExtend(size); f.i64(0n).op(Op.i64_lt_s); };
  const zero = () => { e.pushFlagsResult(); f.op(Op.i64_eqz); };
  switch (condition) {
    case Condition.E: zero(); return true;
    case Condition.S: sign(); return true;
    case Condition.B:
      if (kind !== Cc.Add && kind !== Cc.Sub && kind !== Cc.Logic) return false;
      pushCarry(e);
      f.op(Op.i32_wrap_i64);
      return true;
    case Condition.BE:
      if (kind === Cc.Sub) compare(Op.i64_le_u, false);
      else if (kind === Cc.Logic) zero();
      else return false;
      return true;
    case Condition.L:
      if (kind === Cc.Sub) compare(Op.i64_lt_s, true);
      else if (kind === Cc.Logic) sign();
      else return false;
      return true;
    case Condition.LE:
      if (kind === Cc.Sub) compare(Op.i64_le_s, true);
      else if (kind === Cc.Logic) { e.pushFlagsResult(); e.signExtend(size); f.i64(0n).op(Op.i64_le_s); }
      else return false;
      return true;
    default: return false;
  }
}

function fromBits(f: FunctionBody, bits: number, condition: number): void {
  const mask = (m: number) => f.get(bits).i32(m).op(Op.i32_and);
  const less = () => f.get(bits).i32(4).op(Op.i32_shr_u).get(bits).op(Op.i32_xor).i32(0x80).op(Op.i32_and);
  switch (condition) {
    case Condition.O: mask(0x800); break;
    case Condition.B: mask(0x001); break;
    case Condition.E: mask(0x040); break;
    case Condition.BE: mask(0x041); break;
    case Condition.S: mask(0x080); break;
    case Condition.P: mask(0x004); break;
    case Condition.L: less(); break;
    default: less(); mask(0x040); f.op(Op.i32_or);
  }
}

/** The body of the imported function `flags`: (ccOp i32, dst i64, src i64) -> i32 flags. */
export function flagsFunction(f: FunctionBody): void { pushFlagsOf(f, { op: 0, dst: 1, src: 2 }); }

/** Pushes the arithmetic flags, as an i32 of RFLAGS bits, that CC_OP, CC_DST and CC_SRC stand for, which are in locals. */
export function pushFlagsOf(f: FunctionBody, { op, dst, src }: { op: number; dst: number; src: number }): void {
  const bits = f.local(Type.I64), a = f.local(Type.I64), out = f.local(Type.I32);
  const cf = 1, af = 0x10;
  const done = f.block();
  f.get(op).i32(2).op(Op.i32_shr_u, Op.i32_eqz).if();
  f.get(src).op(Op.i32_wrap_i64).i32(0x8d5).op(Op.i32_and).set(out).br(done).end();
  // bits = operand size in bits - 1, the position of the sign.
  f.i64(8n).get(op).i32(3).op(Op.i32_and, Op.i64_extend_i32_u, Op.i64_shl).i64(1n).op(Op.i64_sub).set(bits);
  const top = () => f.get(bits).op(Op.i64_shr_u).i64(1n).op(Op.i64_and, Op.i32_wrap_i64);
  const add = (emit: () => void) => { emit(); f.get(out).op(Op.i32_or).set(out); };
  const cut = () => f.i64(-1n).i64(63n).get(bits).op(Op.i64_sub, Op.i64_shr_u, Op.i64_and);
  // ZF, SF, PF are the same for all.
  f.get(dst).op(Op.i64_eqz).i32(6).op(Op.i32_shl).set(out);
  add(() => { f.get(dst); top(); f.i32(7).op(Op.i32_shl); });
  add(() => f.get(dst).i64(0xffn).op(Op.i64_and, Op.i64_popcnt, Op.i32_wrap_i64).i32(1).op(Op.i32_and).i32(1).op(Op.i32_xor).i32(2).op(Op.i32_shl));
  const kinds = [Cc.Sar, Cc.Shr, Cc.Shl, Cc.Dec, Cc.Inc, Cc.Logic, Cc.Sub, Cc.Add].map(() => f.block());
  const label = (kind: Cc) => kinds[kinds.length - kind]!;
  f.get(op).i32(2).op(Op.i32_shr_u).brTable([done, label(1), label(2), label(3), label(4), label(5), label(6), label(7), label(8)], done);
  const carryFromSource = () => f.get(src).op(Op.i32_wrap_i64).i32(cf).op(Op.i32_and);
  const auxiliary = () => f.get(a).get(src).op(Op.i64_xor).get(dst).op(Op.i64_xor, Op.i32_wrap_i64).i32(af).op(Op.i32_and);
  f.end(); // Add
  f.get(dst).get(src).op(Op.i64_sub); cut(); f.set(a);
  add(() => f.get(dst).get(src).op(Op.i64_lt_u));
  add(auxiliary);
  add(() => { f.get(a).get(dst).op(Op.i64_xor).get(src).get(dst).op(Op.i64_xor, Op.i64_and); top(); f.i32(11).op(Op.i32_shl); });
  f.br(done).end(); // Sub
  f.get(dst).get(src).op(Op.i64_add); cut(); f.set(a);
  add(() => f.get(a).get(src).op(Op.i64_lt_u));
  add(auxiliary);
  add(() => { f.get(a).get(src).op(Op.i64_xor).get(a).get(dst).op(Op.i64_xor, Op.i64_and); top(); f.i32(11).op(Op.i32_shl); });
  f.br(done).end(); // Logic
  f.br(done).end(); // Inc: overflow to 100...0, carry out of bit 3 to xxx0000
  add(carryFromSource);
  add(() => f.get(dst).i64(15n).op(Op.i64_and, Op.i64_eqz).i32(4).op(Op.i32_shl));
  add(() => { f.get(dst).i64(1n).get(bits).op(Op.i64_shl, Op.i64_eq).i32(11).op(Op.i32_shl); });
  f.br(done).end(); // Dec: overflow to 011...1, borrow from bit 4 gives xxx1111
  add(carryFromSource);
  add(() => f.get(dst).i64(15n).op(Op.i64_and).i64(15n).op(Op.i64_eq).i32(4).op(Op.i32_shl));
  add(() => { f.get(dst).i64(1n).get(bits).op(Op.i64_shl).i64(1n).op(Op.i64_sub, Op.i64_eq).i32(11).op(Op.i32_shl); });
  f.br(done).end(); // Shl
  add(() => { f.get(src); top(); });
  add(() => { f.get(src).get(dst).op(Op.i64_xor); top(); f.i32(11).op(Op.i32_shl); });
  f.br(done).end(); // Shr
  add(carryFromSource);
  add(() => { f.get(src).get(dst).op(Op.i64_xor); top(); f.i32(11).op(Op.i32_shl); });
  f.br(done).end(); // Sar: the sign never changes
  add(carryFromSource);
  f.end();
  f.get(out);
  f.release(bits, a, out);
}
