import { Mnemonic } from 'iced-x86';
import { readFlags } from '../../cpu/flags.js';
import { Flag } from '../../cpu/layout.js';
import { FloatException, Rounding } from '../../float/environment.js';
import { convert, toInteger } from '../../float/convert.js';
import { binary32, binary64, extended, type Float, type Format, fromInteger, indefinite, pack, unpack } from '../../float/number.js';
import { pi } from '../../float/series.js';
import { decimalOf, decimalIndefinite, readDecimal } from './decimal.js';
import { C1, defineX87, hasMemory, lastStOperand, stOperand, type X87 } from './unit.js';

/** Loads, stores and exchanges (SDM Vol. 1, 8.3.3, 8.3.4). */

/** The format of a floating-point operand in memory. */
export function formatOf(size: number): Format { return size === 4 ? binary32 : size === 8 ? binary64 : extended; }

/** Pushes a value. `value` is asked only if there is room. */
function load(unit: X87, value: () => Float): void {
  const loaded = unit.requireRoom() ? value() : indefinite();
  if (!unit.stopped) unit.push(loaded);
}

defineX87(Mnemonic.Fld, (unit, insn) => {
  if (!hasMemory(insn)) {
    const i = stOperand(insn, 0);
    if (!unit.require(i) || !unit.requireRoom()) {
      if (!unit.stopped) unit.push(indefinite());
    } else unit.pushBits(unit.bits(i));
    return;
  }
  const size = insn.memory!.size, bits = unit.readMemory(size);
  if (size !== 10) {
    const source = unpack(formatOf(size), bits), room = unit.empty(7);
    load(unit, () => convert(unit.env, extended, source, false));
    // A denormal is loaded even where it is an unmasked exception (measured).
    if (room && source.denormal) unit.env.raise(FloatException.Denormal);
  }
  // 80 bits are taken as they are, whatever they mean.
  else if (unit.requireRoom()) unit.pushBits(bits);
  else if (!unit.stopped) unit.push(indefinite());
});

defineX87(Mnemonic.Fild, (unit, insn) => {
  const size = insn.memory!.size, value = BigInt.asIntN(8 * size, unit.readMemory(size));
  load(unit, () => fromInteger(value));
});

/** The constants as exact fractions; they are rounded by RC (SDM Vol. 2A, FLD1). Logarithms to 128 bits. */
const CONSTANTS: readonly (readonly [Mnemonic, bigint, number])[] = [
  [Mnemonic.Fldpi, pi(128), -128],
  [Mnemonic.Fldl2e, 0x171547652b82fe1777d0ffda0d23a7d11n, -128],
  [Mnemonic.Fldl2t, 0x35269e12f346e2bf924afdbfd36bf6d33n, -128],
  [Mnemonic.Fldlg2, 0x4d104d427de7fbcc47c4acd605be48bcn, -128],
  [Mnemonic.Fldln2, 0xb17217f7d1cf79abc9e3b39803f2f6afn, -128],
];
for (const [mnemonic, value, exponent] of CONSTANTS) {
  defineX87(mnemonic, unit => {
    load(unit, () => {
      // No #P, and C1 tells of overflow only.
      const significand = roundConstant(value, unit.env.rounding);
      return { ...fromInteger(significand.value), exponent: exponent + significand.shift };
    });
  });
}
/** A constant to 64 bits; no one lies halfway. */
function roundConstant(value: bigint, rounding: Rounding): { value: bigint; shift: number } {
  const shift = value.toString(2).length - 64, kept = value >> BigInt(shift);
  const up = rounding === Rounding.Up || rounding === Rounding.Nearest && (value >> BigInt(shift - 1) & 1n) === 1n;
  return { value: up ? kept + 1n : kept, shift };
}
defineX87(Mnemonic.Fld1, unit => load(unit, () => fromInteger(1n)));
defineX87(Mnemonic.Fldz, unit => load(unit, () => fromInteger(0n)));

/** FST, FSTP: to a register as it is, to memory rounded to the format there; a denormal is no exception. */
for (const mnemonic of [Mnemonic.Fst, Mnemonic.Fstp, Mnemonic.Fstpnce]) {
  defineX87(mnemonic, (unit, insn) => {
    const pops = mnemonic === Mnemonic.Fst ? 0 : 1;
    if (!hasMemory(insn)) {
      const i = stOperand(insn, 0);
      // FSTPNCE, an undocumented alias, differs from FSTP in not minding an empty register.
      if (mnemonic === Mnemonic.Fstpnce && unit.empty(0)) {
        unit.pop();
        return;
      }
      if (unit.require(0)) unit.setBits(i, unit.bits(0));
      else if (!unit.stopped) unit.write(i, indefinite());
      if (!unit.stopped) unit.pop(pops);
      return;
    }
    const size = insn.memory!.size, format = formatOf(size);
    let bits: bigint;
    if (!unit.require(0)) bits = pack(format, indefinite());
    else if (size === 10) bits = unit.bits(0);
    else {
      const value = convert(unit.env, format, unit.read(0), false);
      if (unit.storeStopped) return;
      bits = pack(format, value);
    }
    if (unit.stopped) return;
    unit.writeMemory(size, bits);
    unit.pop(pops);
  });
}

for (const [mnemonic, pops, rounding] of [[Mnemonic.Fist, 0, undefined], [Mnemonic.Fistp, 1, undefined], [Mnemonic.Fisttp, 1, Rounding.Zero]] as const) {
  defineX87(mnemonic, (unit, insn) => {
    const size = insn.memory!.size;
    const value = unit.require(0) ? toInteger(unit.env, unit.read(0), 8 * size, rounding) : -(1n << BigInt(8 * size - 1));
    if (unit.stopped) return;
    unit.writeMemory(size, value);
    unit.pop(pops);
  });
}

defineX87(Mnemonic.Fbld, unit => {
  const bits = unit.readMemory(10);
  load(unit, () => readDecimal(bits));
});
defineX87(Mnemonic.Fbstp, unit => {
  const bits = unit.require(0) ? decimalOf(unit.env, unit.read(0)) : decimalIndefinite;
  if (unit.stopped) return;
  unit.writeMemory(10, bits);
  unit.pop();
});

/** FXCH: an empty register counts as the indefinite NaN. */
defineX87(Mnemonic.Fxch, (unit, insn) => {
  const i = lastStOperand(insn, 1);
  unit.require(0, i);
  if (unit.stopped) return;
  const value = (n: number) => unit.empty(n) ? pack(extended, indefinite()) : unit.bits(n);
  const first = value(0), second = value(i);
  unit.setBits(0, second);
  unit.setBits(i, first);
});

const CONDITIONS: readonly (readonly [Mnemonic, number, boolean])[] = [
  [Mnemonic.Fcmovb, Flag.CF, true], [Mnemonic.Fcmove, Flag.ZF, true], [Mnemonic.Fcmovbe, Flag.CF | Flag.ZF, true], [Mnemonic.Fcmovu, Flag.PF, true],
  [Mnemonic.Fcmovnb, Flag.CF, false], [Mnemonic.Fcmovne, Flag.ZF, false], [Mnemonic.Fcmovnbe, Flag.CF | Flag.ZF, false], [Mnemonic.Fcmovnu, Flag.PF, false],
];
for (const [mnemonic, flags, set] of CONDITIONS) {
  defineX87(mnemonic, (unit, insn) => {
    // C1 changes with a stack fault only (measured).
    unit.keepConditions();
    const i = lastStOperand(insn, 1), there = unit.require(0, i);
    if (unit.stopped) return;
    if (!there) unit.write(0, indefinite());
    else if ((readFlags(unit.cpu) & flags) !== 0 === set) unit.setBits(0, unit.bits(i));
  });
}

defineX87([Mnemonic.Fincstp, Mnemonic.Fdecstp], (unit, insn) => {
  unit.rotate(insn.mnemonic === Mnemonic.Fincstp ? 1 : -1);
  unit.setConditions(C1, 0);
});
defineX87(Mnemonic.Ffree, (unit, insn) => unit.free(stOperand(insn, 0)));
/** FFREEP, undocumented: FFREE, and a pop. */
defineX87(Mnemonic.Ffreep, (unit, insn) => {
  unit.free(stOperand(insn, 0));
  unit.pop();
});
defineX87(Mnemonic.Fnop, unit => unit.keepConditions());
