import { Mnemonic } from 'iced-x86';
import { MemoryKind } from '../memory/kind.js';
import { Cc, Emitter } from '../translate/emitter.js';
import { pushCarry, setFlagBits, setFlags } from '../translate/flags.js';
import { Op, Type } from '../translate/wasm.js';
import { define } from './define.js';

/** What reads and writes its first operand in one go. */
const MODIFY = MemoryKind.Write | MemoryKind.Modify;

/** ADD, SUB, CMP (SDM Vol. 2A/2B): the result and its second operand are all the flags need. */
function addOrSubtract(op: Op, kind: Cc, write: boolean) {
  return (e: Emitter) => {
    const size = e.size(0), f = e.f;
    e.pushSized(1, size);
    const b = e.keep(), place = e.place(0, write ? MODIFY : MemoryKind.Read);
    e.load(place);
    f.get(b).op(op);
    e.truncate(size);
    const result = e.keep();
    if (write) { f.get(result); e.store(place); }
    setFlags(e, kind, size, result, b);
    e.done(place);
    f.release(b, result);
  };
}
define(Mnemonic.Add, addOrSubtract(Op.i64_add, Cc.Add, true));
define(Mnemonic.Sub, addOrSubtract(Op.i64_sub, Cc.Sub, true));
define(Mnemonic.Cmp, addOrSubtract(Op.i64_sub, Cc.Sub, false));

/** The flags of `a + b + carry` or `a - b - carry` with the result given: all six from the carries out of each bit. */
function flagsWithCarry(e: Emitter, size: number, a: number, b: number, result: number, subtract: boolean): void {
  const f = e.f, top = BigInt(size * 8 - 1), carries = f.local(Type.I64);
  // Carry (or borrow) out of every bit: majority of the operand bits and the inverted (or plain) result.
  const invert = (local: number, yes: boolean) => { f.get(local); if (yes) f.i64(-1n).op(Op.i64_xor); };
  invert(a, subtract); f.get(b).op(Op.i64_and);
  invert(a, subtract); f.get(b).op(Op.i64_or);
  invert(result, !subtract); f.op(Op.i64_and, Op.i64_or).set(carries);
  f.get(carries).i64(top).op(Op.i64_shr_u).i64(1n).op(Op.i64_and);
  f.get(carries).i64(3n).op(Op.i64_shr_u).i64(1n).op(Op.i64_and).i64(4n).op(Op.i64_shl, Op.i64_or);
  f.get(carries).i64(top).op(Op.i64_shr_u).get(carries).i64(top - 1n).op(Op.i64_shr_u, Op.i64_xor).i64(1n).op(Op.i64_and).i64(11n).op(Op.i64_shl, Op.i64_or);
  pushResultFlags(e, size, result);
  f.op(Op.i64_or);
  setFlagBits(e);
  f.release(carries);
}

/** Pushes ZF, SF and PF of a result. */
export function pushResultFlags(e: Emitter, size: number, result: number): void {
  const f = e.f;
  f.get(result).op(Op.i64_eqz, Op.i64_extend_i32_u).i64(6n).op(Op.i64_shl);
  f.get(result).i64(BigInt(size * 8 - 1)).op(Op.i64_shr_u).i64(1n).op(Op.i64_and).i64(7n).op(Op.i64_shl, Op.i64_or);
  f.get(result).i64(0xffn).op(Op.i64_and, Op.i64_popcnt).i64(1n).op(Op.i64_and).i64(1n).op(Op.i64_xor).i64(2n).op(Op.i64_shl, Op.i64_or);
}

function withCarry(subtract: boolean) {
  return (e: Emitter) => {
    const size = e.size(0), f = e.f, op = subtract ? Op.i64_sub : Op.i64_add;
    e.pushSized(1, size);
    const b = e.keep(), place = e.place(0, MODIFY);
    e.load(place);
    const a = e.keep();
    f.get(a).get(b).op(op);
    pushCarry(e);
    f.op(op);
    e.truncate(size);
    const result = e.keep();
    f.get(result);
    e.store(place);
    flagsWithCarry(e, size, a, b, result, subtract);
    e.done(place);
    f.release(a, b, result);
  };
}
define(Mnemonic.Adc, withCarry(false));
define(Mnemonic.Sbb, withCarry(true));

function step(op: Op, kind: Cc) {
  return (e: Emitter) => {
    const size = e.size(0), f = e.f, place = e.place(0, MODIFY);
    pushCarry(e);
    const carry = e.keep();
    e.load(place);
    f.i64(1n).op(op);
    e.truncate(size);
    const result = e.keep();
    f.get(result);
    e.store(place);
    setFlags(e, kind, size, result, carry);
    e.done(place);
    f.release(carry, result);
  };
}
define(Mnemonic.Inc, step(Op.i64_add, Cc.Inc));
define(Mnemonic.Dec, step(Op.i64_sub, Cc.Dec));

define(Mnemonic.Neg, e => {
  const size = e.size(0), f = e.f, place = e.place(0, MODIFY);
  e.load(place);
  const b = e.keep();
  f.i64(0n).get(b).op(Op.i64_sub);
  e.truncate(size);
  const result = e.keep();
  f.get(result);
  e.store(place);
  setFlags(e, Cc.Sub, size, result, b);
  e.done(place);
  f.release(b, result);
});

define(Mnemonic.Xadd, e => {
  const size = e.size(0), f = e.f, place = e.place(0, MODIFY);
  e.load(place);
  const a = e.keep();
  e.push(1);
  const b = e.keep();
  f.get(a).get(b).op(Op.i64_add);
  e.truncate(size);
  const result = e.keep();
  f.get(a);
  e.store({ register: 1, size });
  f.get(result);
  e.store(place);
  setFlags(e, Cc.Add, size, result, b);
  e.done(place);
  f.release(a, b, result);
});
