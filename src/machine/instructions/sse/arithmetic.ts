import { Mnemonic } from 'iced-x86';
import { add, divide, multiply, squareRoot, subtract } from '../../float/arithmetic.js';
import { order, Relation } from '../../float/compare.js';
import { Environment, FloatException } from '../../float/environment.js';
import { type Float, isNaN, type Precision } from '../../float/number.js';
import { checkDenormal } from '../../float/operands.js';
import { defineSse, lane, type Lanes, PD, PS, readLane, SD, setLane, SS, writeLane } from './unit.js';

/** Arithmetic of SSE, SSE2 and SSE3 (SDM Vol. 1, 11.4.1.2), by the library: where `fast.ts` does not know the result, or its exceptions. */

type Operation = (env: Environment, to: Precision, a: Float, b: Float) => Float;

/** Mnemonics of one operation: PS, PD, SS, SD. */
type Family = readonly [Mnemonic, Mnemonic, Mnemonic, Mnemonic];
const LANES: readonly Lanes[] = [PS, PD, SS, SD];
function family(mnemonics: Family, define: (mnemonic: Mnemonic, lanes: Lanes) => void): void { mnemonics.forEach((mnemonic, n) => define(mnemonic, LANES[n]!)); }

const binary: readonly (readonly [Family, Operation])[] = [
  [[Mnemonic.Addps, Mnemonic.Addpd, Mnemonic.Addss, Mnemonic.Addsd], add],
  [[Mnemonic.Subps, Mnemonic.Subpd, Mnemonic.Subss, Mnemonic.Subsd], subtract],
  [[Mnemonic.Mulps, Mnemonic.Mulpd, Mnemonic.Mulss, Mnemonic.Mulsd], multiply],
  [[Mnemonic.Divps, Mnemonic.Divpd, Mnemonic.Divss, Mnemonic.Divsd], divide],
];
for (const [mnemonics, operation] of binary) {
  family(mnemonics, (mnemonic, { format, count }) => {
    defineSse(mnemonic, ({ env, to, from }) => {
      for (let n = 0; n < count; n++) writeLane(env, format, to, n, operation(env, format, readLane(env, format, to, n), readLane(env, format, from, n)));
    });
  });
}

family([Mnemonic.Sqrtps, Mnemonic.Sqrtpd, Mnemonic.Sqrtss, Mnemonic.Sqrtsd], (mnemonic, { format, count }) => {
  defineSse(mnemonic, ({ env, to, from }) => {
    for (let n = 0; n < count; n++) writeLane(env, format, to, n, squareRoot(env, format, readLane(env, format, from, n)));
  });
});

/** MIN and MAX give the second operand, as it is, if one of them is a NaN or both are zeros (SDM Vol. 2B, MINPS). */
const extremes: readonly (readonly [Family, Relation])[] = [
  [[Mnemonic.Minps, Mnemonic.Minpd, Mnemonic.Minss, Mnemonic.Minsd], Relation.Less],
  [[Mnemonic.Maxps, Mnemonic.Maxpd, Mnemonic.Maxss, Mnemonic.Maxsd], Relation.Greater],
];
for (const [mnemonics, wanted] of extremes) {
  family(mnemonics, (mnemonic, { format, count }) => {
    defineSse(mnemonic, ({ env, to, from }) => {
      for (let n = 0; n < count; n++) {
        const a = readLane(env, format, to, n), b = readLane(env, format, from, n), nan = isNaN(a) || isNaN(b);
        if (nan) env.raise(FloatException.Invalid);
        else checkDenormal(env, a, b);
        if (!nan && order(a, b) === wanted) writeLane(env, format, to, n, a);
        else if (isNaN(b)) setLane(format, to, n, lane(format, from, n));
        else writeLane(env, format, to, n, b);
      }
    });
  });
}

/** ADDSUBPS and ADDSUBPD (SSE3): differences in the even elements, sums in the odd ones. */
for (const [mnemonic, { format, count }] of [[Mnemonic.Addsubps, PS], [Mnemonic.Addsubpd, PD]] as const) {
  defineSse(mnemonic, ({ env, to, from }) => {
    for (let n = 0; n < count; n++) {
      const operation = n & 1 ? add : subtract;
      writeLane(env, format, to, n, operation(env, format, readLane(env, format, to, n), readLane(env, format, from, n)));
    }
  });
}

/** HADD and HSUB (SSE3): sums or differences of neighbours, those of the destination in the lower half. */
const horizontal: readonly (readonly [Mnemonic, Lanes, Operation])[] = [
  [Mnemonic.Haddps, PS, add], [Mnemonic.Haddpd, PD, add], [Mnemonic.Hsubps, PS, subtract], [Mnemonic.Hsubpd, PD, subtract],
];
for (const [mnemonic, { format, count }, operation] of horizontal) {
  defineSse(mnemonic, ({ env, to, from }) => {
    const half = count / 2;
    const results = Array.from({ length: count }, (_, n) => {
      const source = n < half ? to : from, first = n % half * 2;
      return operation(env, format, readLane(env, format, source, first), readLane(env, format, source, first + 1));
    });
    results.forEach((result, n) => writeLane(env, format, to, n, result));
  });
}
