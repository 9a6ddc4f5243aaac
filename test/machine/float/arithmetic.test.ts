import { describe, expect, it } from 'vitest';
import { add, divide, integerRoot, multiply, squareRoot, subtract } from '../../../src/machine/float/arithmetic.js';
import { compare, Relation } from '../../../src/machine/float/compare.js';
import { convert, toInteger, toIntegral } from '../../../src/machine/float/convert.js';
import { ALL_EXCEPTIONS, Environment, FloatException as X, Rounding } from '../../../src/machine/float/environment.js';
import { binary32, binary64, extended, type Float, type Format, indefinite, Kind, pack, type Precision, unpack } from '../../../src/machine/float/number.js';
import { remainder } from '../../../src/machine/float/remainder.js';
import { ln2, pi } from '../../../src/machine/float/series.js';
import { Random } from '../../oracle/random.js';
import { datum } from '../../oracle/float/values.js';

const view = new DataView(new ArrayBuffer(8));
function fromDouble(x: number): Float {
  view.setFloat64(0, x);
  return unpack(binary64, view.getBigUint64(0));
}
function toDouble(a: Float): number {
  view.setBigUint64(0, pack(binary64, a));
  return view.getFloat64(0);
}
function toSingle(a: Float): number {
  view.setUint32(0, Number(pack(binary32, a)));
  return view.getFloat32(0);
}
/** Doubles of all kinds, NaNs apart. */
function doubles(seed: number, count: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => toDouble(unpack(binary64, datum(random, binary64)))).filter(x => !Number.isNaN(x));
}
type Operation = (env: Environment, to: Precision, a: Float, b: Float) => Float;

describe('arithmetic that rounds to nearest', () => {
  const inputs = doubles(1, 400);
  it.each<[string, Operation, (a: number, b: number) => number]>([
    ['add', add, (a, b) => a + b], ['subtract', subtract, (a, b) => a - b], ['multiply', multiply, (a, b) => a * b], ['divide', divide, (a, b) => a / b],
  ])('%s gives what JavaScript gives for doubles, and for singles', (_, operation, native) => {
    for (let n = 0; n + 1 < inputs.length; n++) {
      const a = inputs[n]!, b = inputs[n + 1]!;
      expect(toDouble(operation(new Environment(), binary64, fromDouble(a), fromDouble(b))), `${a}, ${b}`).toBe(native(a, b));
      const x = Math.fround(a), y = Math.fround(b);
      // Rounding twice is harmless for these: a double has more than twice the bits of a single.
      expect(toSingle(operation(new Environment(), binary32, fromDouble(x), fromDouble(y))), `${x}, ${y}`).toBe(Math.fround(native(x, y)));
    }
  });

  it('takes square roots like JavaScript', () => {
    for (const x of inputs) expect(toDouble(squareRoot(new Environment(), binary64, fromDouble(x)))).toBe(Math.sqrt(x));
  });

  it('converts to single precision like Math.fround, and rounds to integers to even', () => {
    for (const x of inputs) expect(toSingle(convert(new Environment(), binary32, fromDouble(x)))).toBe(Math.fround(x));
    expect([0.5, 1.5, 2.5, -2.5, 3.49].map(x => toDouble(toIntegral(new Environment(), fromDouble(x))))).toEqual([0, 2, 2, -2, 3]);
  });

  it('compares like JavaScript', () => {
    for (let n = 0; n + 1 < inputs.length; n++) {
      const a = inputs[n]!, b = inputs[n + 1]!, relation = compare(new Environment(), fromDouble(a), fromDouble(b), true);
      expect(relation).toBe(a < b ? Relation.Less : a > b ? Relation.Greater : Relation.Equal);
    }
  });
});

describe('directed rounding', () => {
  it('encloses the exact result by neighbours, and tells exact results apart', () => {
    const random = new Random(2), all = [Rounding.Down, Rounding.Up, Rounding.Zero, Rounding.Nearest];
    for (let n = 0; n < 300; n++) {
      const a = unpack(extended, datum(random, extended) | 1n << 63n), b = unpack(extended, datum(random, extended) | 1n << 63n);
      if (a.kind !== Kind.Finite || b.kind !== Kind.Finite) continue;
      const results = all.map(rounding => {
        const env = new Environment(rounding);
        return { bits: pack(extended, multiply(env, extended, a, b)), inexact: (env.exceptions & X.Inexact) !== 0 };
      });
      const [down, up, zero, nearest] = results as [typeof results[0], typeof results[0], typeof results[0], typeof results[0]];
      expect(results.every(r => r.inexact === down.inexact)).toBe(true);
      const sign = nearest.bits >> 79n, low = sign ? up : down, high = sign ? down : up;
      expect(zero.bits).toBe(low.bits);
      expect([low.bits, high.bits]).toContain(nearest.bits);
      // Neighbours in the order of magnitudes: without the integer bit their bits count up by one.
      const ordinal = (bits: bigint) => bits >> 64n << 63n | bits & (1n << 63n) - 1n;
      expect(ordinal(high.bits) - ordinal(low.bits)).toBe(low.inexact ? 1n : 0n);
    }
  });
});

describe('exceptions', () => {
  const one = fromDouble(1), smallest = unpack(binary64, 1n), largest = fromDouble(Number.MAX_VALUE);
  function raised(operation: (env: Environment) => void, masks = ALL_EXCEPTIONS): number {
    const env = new Environment(Rounding.Nearest, masks);
    operation(env);
    return env.reported;
  }
  it('come for what the manual names', () => {
    expect(raised(env => divide(env, binary64, one, fromDouble(0)))).toBe(X.DivideByZero);
    expect(raised(env => divide(env, binary64, fromDouble(0), fromDouble(0)))).toBe(X.Invalid);
    expect(raised(env => squareRoot(env, binary64, fromDouble(-1)))).toBe(X.Invalid);
    expect(raised(env => multiply(env, binary64, largest, largest))).toBe(X.Overflow | X.Inexact);
    expect(raised(env => multiply(env, binary64, smallest, fromDouble(0.5)))).toBe(X.Denormal | X.Underflow | X.Inexact);
    expect(raised(env => add(env, binary64, smallest, smallest))).toBe(X.Denormal);
    expect(raised(env => add(env, binary64, one, fromDouble(2 ** -60)))).toBe(X.Inexact);
    expect(raised(env => add(env, binary64, one, one))).toBe(0);
  });
  it('of the operands keep those of the result away while they are unmasked', () => {
    expect(raised(env => add(env, binary64, smallest, one))).toBe(X.Denormal | X.Inexact);
    expect(raised(env => add(env, binary64, smallest, one), ALL_EXCEPTIONS & ~X.Denormal)).toBe(X.Denormal);
  });
  it('an exact tiny result is an underflow only while that is unmasked', () => {
    const half = (env: Environment) => multiply(env, binary64, fromDouble(2 ** -1022), fromDouble(0.5));
    expect(raised(half)).toBe(0);
    expect(raised(half, ALL_EXCEPTIONS & ~X.Underflow)).toBe(X.Underflow);
  });
  it('a result that is tiny only before it is rounded is no underflow', () => {
    // (1 - 2^-53) * 2^-1022 has one bit too many for a denormal; with an unbounded exponent it would still be below 2^-1022.
    const below = { kind: Kind.Finite, sign: 0, exponent: -1022 - 53, significand: (1n << 53n) - 1n, denormal: false } as Float;
    expect(raised(env => convert(env, binary64, below))).toBe(X.Underflow | X.Inexact);
    // (1 - 2^-54) * 2^-1022 would be 2^-1022.
    const within = { ...below, exponent: -1022 - 54, significand: (1n << 54n) - 1n };
    expect(raised(env => convert(env, binary64, within))).toBe(X.Inexact);
  });
});

describe('NaNs', () => {
  const qnan = (payload: bigint, sign = 0n) => unpack(extended, sign << 79n | 0x7fffn << 64n | 3n << 62n | payload);
  it('the first operand wins for SSE, the larger significand for the x87', () => {
    const small = qnan(1n), large = qnan(2n);
    expect(add(new Environment(), binary64, small, large).significand).toBe(small.significand);
    const x87 = new Environment(Rounding.Nearest, ALL_EXCEPTIONS, 'x87');
    expect(add(x87, extended, small, large).significand).toBe(large.significand);
    expect(add(x87, extended, qnan(1n, 1n), qnan(1n)).sign).toBe(0);
  });
  it('unsupported encodings are invalid operands', () => {
    const env = new Environment(Rounding.Nearest, ALL_EXCEPTIONS, 'x87'), unnormal = unpack(extended, 0x3fffn << 64n | 1n);
    expect(unnormal.kind).toBe(Kind.Unsupported);
    expect(add(env, extended, unnormal, qnan(1n))).toEqual(indefinite());
    expect(env.exceptions).toBe(X.Invalid);
  });
});

describe('conversions to integers', () => {
  it('give the integer indefinite where there is no room', () => {
    for (const [x, bits, expected] of [[2147483647, 32, 2147483647n], [2147483648, 32, -2147483648n], [-2147483648.5, 32, -2147483648n], [-32769, 16, -32768n], [NaN, 64, -(1n << 63n)]] as const) {
      const env = new Environment();
      expect(toInteger(env, fromDouble(x), bits)).toBe(expected);
      const invalid = Number.isNaN(x) || BigInt(Math.round(x)) !== expected && x !== -2147483648.5;
      expect((env.exceptions & X.Invalid) !== 0).toBe(invalid);
    }
  });
});

describe('remainders', () => {
  it('are those of JavaScript where the quotient is cut, and at most half the divisor where it is rounded', () => {
    const random = new Random(5);
    for (let n = 0; n < 200; n++) {
      const a = (random.u32() - 2 ** 31) * 2 ** random.between(-20, 20), b = (random.u32() + 1) * 2 ** random.between(-20, 20);
      let rest = fromDouble(a), step = remainder(new Environment(), rest, fromDouble(b), false);
      for (let rounds = 0; !step.complete && rounds < 9; rounds++) step = remainder(new Environment(), rest = step.result, fromDouble(b), false);
      expect(toDouble(step.result)).toBe(a % b);
      const nearest = remainder(new Environment(), fromDouble(a), fromDouble(b), true);
      if (nearest.complete) expect(Math.abs(toDouble(nearest.result))).toBeLessThanOrEqual(b / 2);
    }
  });
});

describe('constants and roots', () => {
  it('pi and ln 2 agree with their doubles, and with known digits', () => {
    expect(Number(pi(52)) / 2 ** 52).toBeCloseTo(Math.PI, 15);
    expect(pi(128).toString(16)).toBe('3243f6a8885a308d313198a2e03707344');
    expect(ln2(128).toString(16)).toBe('b17217f7d1cf79abc9e3b39803f2f6af');
  });
  it('the integer root is the largest whose square fits', () => {
    const random = new Random(6);
    for (let n = 0; n < 200; n++) {
      const x = (random.u64() << BigInt(random.below(70))) + 1n, root = integerRoot(x);
      expect(root * root <= x && (root + 1n) * (root + 1n) > x).toBe(true);
    }
  });
});

describe('formats', () => {
  it.each<[string, Format]>([['binary32', binary32], ['binary64', binary64], ['double extended', extended]])('%s: what is read is written again', (_, format) => {
    const random = new Random(7);
    for (let n = 0; n < 500; n++) {
      const bits = datum(random, format), a = unpack(format, bits);
      // A pseudo-denormal is written as the normal number that it is.
      if (a.kind === Kind.Unsupported || a.denormal && format.explicit && bits >> 63n & 1n) continue;
      expect(pack(format, a)).toBe(bits);
    }
  });
});
