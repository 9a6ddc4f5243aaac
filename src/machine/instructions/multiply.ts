import { Mnemonic } from 'iced-x86';
import type { Emitter } from '../translate/emitter.js';
import { setFlagBits } from '../translate/flags.js';
import { Op, Type } from '../translate/wasm.js';
import { pushResultFlags } from './arithmetic.js';
import { define } from './define.js';

/** Pushes the upper 64 bits of the unsigned product of two locals. */
export function pushHighProduct(e: Emitter, a: number, b: number): void {
  const f = e.f, low = f.local(Type.I64), middle = f.local(Type.I64);
  const lowHalf = (x: number) => f.get(x).i64(0xffffffffn).op(Op.i64_and);
  const highHalf = (x: number) => f.get(x).i64(32n).op(Op.i64_shr_u);
  lowHalf(a); lowHalf(b); f.op(Op.i64_mul).i64(32n).op(Op.i64_shr_u).set(low);
  highHalf(a); lowHalf(b); f.op(Op.i64_mul).get(low).op(Op.i64_add).set(middle);
  lowHalf(a); highHalf(b); f.op(Op.i64_mul); lowHalf(middle); f.op(Op.i64_add).i64(32n).op(Op.i64_shr_u);
  highHalf(middle); f.op(Op.i64_add);
  highHalf(a); highHalf(b); f.op(Op.i64_mul, Op.i64_add);
  f.release(low, middle);
}

/** Turns the unsigned high product on the stack into the signed one. */
function toSigned(e: Emitter, a: number, b: number): void {
  const f = e.f;
  f.get(a).i64(63n).op(Op.i64_shr_s).get(b).op(Op.i64_and, Op.i64_sub);
  f.get(b).i64(63n).op(Op.i64_shr_s).get(a).op(Op.i64_and, Op.i64_sub);
}

/** CF = OF = the i32 on the stack is not zero; the other flags are undefined and follow the low half here. */
function setProductFlags(e: Emitter, size: number, low: number): void {
  const f = e.f;
  f.op(Op.i32_eqz, Op.i32_eqz, Op.i64_extend_i32_u).i64(0x801n).op(Op.i64_mul);
  pushResultFlags(e, size, low);
  f.op(Op.i64_or);
  setFlagBits(e);
}

/** MUL and one-operand IMUL: the accumulator times the operand into RDX:RAX (AX for bytes). */
function wide(signed: boolean) {
  return (e: Emitter) => {
    const f = e.f, size = e.size(0);
    e.push(0);
    if (signed) e.signExtend(size);
    const b = e.keep();
    e.pushPart(0, size);
    if (signed) e.signExtend(size);
    const a = e.keep();
    f.get(a).get(b).op(Op.i64_mul);
    const product = e.keep(), high = f.local(Type.I64), low = f.local(Type.I64);
    f.get(product);
    e.truncate(size);
    f.set(low);
    if (size === 8) {
      pushHighProduct(e, a, b);
      if (signed) toSigned(e, a, b);
    } else f.get(product).i64(BigInt(size * 8)).op(signed ? Op.i64_shr_s : Op.i64_shr_u);
    f.set(high);
    if (size === 1) {
      f.get(product);
      e.truncate(2);
      e.popPart(0, 2);
    } else {
      f.get(low);
      e.popPart(0, size);
      f.get(high);
      e.truncate(size);
      e.popPart(2, size);
    }
    f.get(high);
    if (signed) { f.get(low); e.signExtend(size); f.i64(63n).op(Op.i64_shr_s); } else f.i64(0n);
    f.op(Op.i64_ne);
    setProductFlags(e, size, low);
    f.release(a, b, product, high, low);
  };
}
define(Mnemonic.Mul, wide(false));

define(Mnemonic.Imul, e => {
  if (e.insn.operands.length === 1) { wide(true)(e); return; }
  const f = e.f, size = e.size(0), first = e.insn.operands.length === 3 ? 1 : 0;
  e.pushSized(first + 1, size);
  e.signExtend(size);
  const b = e.keep();
  e.push(first);
  e.signExtend(size);
  const a = e.keep();
  f.get(a).get(b).op(Op.i64_mul);
  const product = e.keep(), low = f.local(Type.I64);
  f.get(product);
  e.truncate(size);
  f.tee(low);
  e.store({ register: 0, size });
  if (size === 8) {
    pushHighProduct(e, a, b);
    toSigned(e, a, b);
    f.get(product).i64(63n).op(Op.i64_shr_s);
  } else {
    f.get(product).get(low);
    e.signExtend(size);
  }
  f.op(Op.i64_ne);
  setProductFlags(e, size, low);
  f.release(a, b, product, low);
});

const DIVIDE_ERROR = 0;

/**
 * DIV and IDIV (SDM Vol. 2A). Dividends that do not fit 64 bits are rare (compilers emit them only through 128-bit
 * types): those go to the handler in TypeScript.
 */
function divide(signed: boolean) {
  return (e: Emitter) => {
    const f = e.f, size = e.size(0);
    e.push(0);
    if (signed) e.signExtend(size);
    const divisor = e.keep();
    f.get(divisor).op(Op.i64_eqz).if();
    e.raise(DIVIDE_ERROR);
    f.end();
    // The dividend, as far as 64 bits hold it.
    if (size === 1) { e.pushPart(0, 2); if (signed) e.signExtend(2); }
    else if (size === 8) e.pushRegister(0);
    else {
      e.pushPart(2, size);
      f.i64(BigInt(size * 8)).op(Op.i64_shl);
      e.pushPart(0, size);
      f.op(Op.i64_or);
      if (signed && size === 2) e.signExtend(4);
    }
    const dividend = e.keep();
    if (size === 8) {
      e.pushRegister(2);
      if (signed) f.get(dividend).i64(63n).op(Op.i64_shr_s); else f.i64(0n);
      f.op(Op.i64_ne).if();
      e.handOver();
      f.end();
    }
    if (signed) {
      // The one quotient that overflows 64 bits would trap in WebAssembly.
      f.get(dividend).i64(-(1n << 63n)).op(Op.i64_eq).get(divisor).i64(-1n).op(Op.i64_eq, Op.i32_and).if();
      e.raise(DIVIDE_ERROR);
      f.end();
    }
    f.get(dividend).get(divisor).op(signed ? Op.i64_div_s : Op.i64_div_u);
    const quotient = e.keep();
    if (size < 8) {
      f.get(quotient);
      if (signed) e.signExtend(size); else e.truncate(size);
      f.get(quotient).op(Op.i64_ne).if();
      e.raise(DIVIDE_ERROR);
      f.end();
    }
    f.get(dividend).get(divisor).op(signed ? Op.i64_rem_s : Op.i64_rem_u);
    e.truncate(size);
    const remainder = e.keep();
    f.get(quotient);
    e.truncate(size);
    if (size === 1) {
      f.get(remainder).i64(8n).op(Op.i64_shl, Op.i64_or);
      e.popPart(0, 2);
    } else {
      e.popPart(0, size);
      f.get(remainder);
      e.popPart(2, size);
    }
    f.release(divisor, dividend, quotient, remainder);
  };
}
define(Mnemonic.Div, divide(false));
define(Mnemonic.Idiv, divide(true));
