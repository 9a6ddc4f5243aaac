import { Mnemonic } from 'iced-x86';
import { add, divide, multiply, squareRoot, subtract } from '../../float/arithmetic.js';
import { toIntegral } from '../../float/convert.js';
import { Environment, FloatException, Rounding } from '../../float/environment.js';
import { leading } from '../../float/arithmetic.js';
import { extended, finite, type Float, fromInteger, indefinite, infinity, Kind, type Precision, unpack, zero } from '../../float/number.js';
import { checkDenormal, invalid, specialResult } from '../../float/operands.js';
import { remainder } from '../../float/remainder.js';
import { round, roundToInteger } from '../../float/round.js';
import type { Insn } from '../../translate/insn.js';
import { formatOf } from './transfers.js';
import { C0, C1, C2, C3, defineX87, hasMemory, stOperand, type X87 } from './unit.js';

/** Basic arithmetic (SDM Vol. 1, 8.3.5). */

type Operation = (env: Environment, to: Precision, a: Float, b: Float) => Float;
const reversed = (operation: Operation): Operation => (env, to, a, b) => operation(env, to, b, a);

/** The operand in memory, an integer or a floating-point number. */
export function memoryOperand(unit: X87, insn: Insn, integer: boolean): Float {
  const size = insn.memory!.size, bits = unit.readMemory(size);
  return integer ? fromInteger(BigInt.asIntN(8 * size, bits)) : unpack(formatOf(size), bits);
}

for (const [plain, popping, integer, operation] of [
  [Mnemonic.Fadd, Mnemonic.Faddp, Mnemonic.Fiadd, add], [Mnemonic.Fmul, Mnemonic.Fmulp, Mnemonic.Fimul, multiply],
  [Mnemonic.Fsub, Mnemonic.Fsubp, Mnemonic.Fisub, subtract], [Mnemonic.Fsubr, Mnemonic.Fsubrp, Mnemonic.Fisubr, reversed(subtract)],
  [Mnemonic.Fdiv, Mnemonic.Fdivp, Mnemonic.Fidiv, divide], [Mnemonic.Fdivr, Mnemonic.Fdivrp, Mnemonic.Fidivr, reversed(divide)],
] as const) {
  defineX87([plain, popping, integer], (unit, insn) => {
    const memory = hasMemory(insn) ? memoryOperand(unit, insn, insn.mnemonic === integer) : undefined;
    const to = memory ? 0 : stOperand(insn, 0), from = memory ? 0 : stOperand(insn, 1);
    const result = unit.require(to, from) ? operation(unit.env, unit.precision, unit.read(to), memory ?? unit.read(from)) : indefinite();
    if (unit.stopped) return;
    unit.write(to, result);
    if (insn.mnemonic === popping) unit.pop();
  });
}

/** ST(0) = operation of ST(0). */
function unary(mnemonic: Mnemonic, operation: (env: Environment, a: Float, unit: X87) => Float): void {
  defineX87(mnemonic, unit => {
    const result = unit.require(0) ? operation(unit.env, unit.read(0), unit) : indefinite();
    if (!unit.stopped) unit.write(0, result);
  });
}
unary(Mnemonic.Fsqrt, (env, a, unit) => squareRoot(env, unit.precision, a));
unary(Mnemonic.Frndint, toIntegral);

/** FABS and FCHS change the sign bit of whatever is there. */
for (const [mnemonic, change] of [[Mnemonic.Fabs, (bits: bigint) => bits & ~(1n << 79n)], [Mnemonic.Fchs, (bits: bigint) => bits ^ 1n << 79n]] as const) {
  defineX87(mnemonic, unit => {
    if (unit.require(0)) unit.setBits(0, change(unit.bits(0)));
    else if (!unit.stopped) unit.write(0, indefinite());
  });
}

for (const [mnemonic, nearest] of [[Mnemonic.Fprem, false], [Mnemonic.Fprem1, true]] as const) {
  defineX87(mnemonic, unit => {
    unit.setConditions(C2, 0);
    if (!unit.require(0, 1)) {
      if (!unit.stopped) unit.write(0, indefinite());
      return;
    }
    const { result, complete, quotient } = remainder(unit.env, unit.read(0), unit.read(1), nearest);
    if (unit.stopped) return;
    unit.write(0, result);
    unit.env.roundedUp = false;
    if (result.kind === Kind.QuietNaN) return;
    if (!complete) unit.setConditions(C0 | C1 | C2 | C3, C2);
    else unit.setConditions(C0 | C1 | C2 | C3, (quotient & 4 ? C0 : 0) | (quotient & 2 ? C3 : 0) | (quotient & 1 ? C1 : 0));
  });
}

/** FSCALE: ST(0) times 2 to the power of the integer part of ST(1). */
function scale(env: Environment, a: Float, b: Float): Float {
  const special = specialResult(env, a, b);
  if (special) return special;
  if (b.kind === Kind.Infinity) {
    if (b.sign ? a.kind === Kind.Infinity : a.kind === Kind.Zero) return invalid(env);
    checkDenormal(env, a);
    return b.sign ? zero(a.sign) : infinity(a.sign);
  }
  checkDenormal(env, a, b);
  // With an exponent of zero nothing is rounded, so that a denormal is no underflow either (measured).
  if (a.kind !== Kind.Finite || b.kind === Kind.Zero) return a;
  // Beyond that every number overflows or vanishes.
  const limit = 0x10000;
  const magnitude = leading(b) > 16 ? limit : Number(roundToInteger(new Environment(), b, Rounding.Zero));
  const result = round(env, extended, a.sign, a.significand, a.exponent + (b.sign ? -magnitude : magnitude));
  if (result.kind !== Kind.Finite || !(env.exceptions & ~env.masks & (FloatException.Overflow | FloatException.Underflow))) return result;
  // Where not even the scaled result of an unmasked exception has room: infinity or zero (SDM Vol. 2A, FSCALE).
  const lead = leading(result);
  if (lead >= extended.minExponent && lead <= extended.maxExponent) return result;
  env.raise(FloatException.Inexact);
  env.roundedUp = lead > 0;
  return lead > 0 ? infinity(a.sign) : zero(a.sign);
}
defineX87(Mnemonic.Fscale, unit => {
  const result = unit.require(0, 1) ? scale(unit.env, unit.read(0), unit.read(1)) : indefinite();
  if (!unit.stopped) unit.write(0, result);
});

/** FXTRACT: the exponent as a number into ST(0), then the significand is pushed. */
function extract(env: Environment, a: Float): { exponent: Float; significand: Float } {
  const special = specialResult(env, a);
  if (special) return { exponent: special, significand: special };
  if (a.kind === Kind.Infinity) return { exponent: infinity(0), significand: a };
  if (a.kind === Kind.Zero) {
    env.raise(FloatException.DivideByZero);
    return { exponent: infinity(1), significand: a };
  }
  checkDenormal(env, a);
  return { exponent: fromInteger(BigInt(leading(a))), significand: finite(a.sign, a.significand, a.exponent - leading(a)) };
}
defineX87(Mnemonic.Fxtract, unit => {
  const there = unit.require(0) && unit.requireRoom();
  const { exponent, significand } = there ? extract(unit.env, unit.read(0)) : { exponent: indefinite(), significand: indefinite() };
  if (unit.stopped) return;
  unit.write(0, exponent);
  unit.push(significand);
});
