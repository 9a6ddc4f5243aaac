import { Mnemonic } from 'iced-x86';
import { Environment } from '../../float/environment.js';
import { powerMinusOne, yLog2, yLog2PlusOne } from '../../float/logarithm.js';
import { type Float, fromInteger, indefinite, isNaN } from '../../float/number.js';
import { angleOutOfRange, arcTangent2, cosine, sine, tangent } from '../../float/trigonometry.js';
import { C2, defineX87 } from './unit.js';

/** Trigonometry, logarithms and powers (SDM Vol. 1, 8.3.7-8.3.10). */

for (const [mnemonic, operation] of [[Mnemonic.Fsin, sine], [Mnemonic.Fcos, cosine]] as const) {
  defineX87(mnemonic, unit => {
    unit.setConditions(C2, 0);
    if (!unit.require(0)) {
      if (!unit.stopped) unit.write(0, indefinite());
      return;
    }
    const angle = unit.read(0);
    if (angleOutOfRange(angle)) { unit.setConditions(C2, C2); return; }
    const result = operation(unit.env, angle);
    if (!unit.stopped) unit.write(0, result);
  });
}

/** FSINCOS: sine into ST(0), then the cosine is pushed. FPTAN: tangent, then 1. A NaN comes in both places. */
for (const [mnemonic, first, second] of [
  [Mnemonic.Fsincos, sine, cosine], [Mnemonic.Fptan, tangent, (_env: Environment, _angle: Float) => fromInteger(1n)],
] as const) {
  defineX87(mnemonic, unit => {
    unit.setConditions(C2, 0);
    if (!unit.require(0) || !unit.requireRoom()) {
      if (unit.stopped) return;
      unit.write(0, indefinite());
      unit.push(indefinite());
      return;
    }
    const angle = unit.read(0);
    if (angleOutOfRange(angle)) { unit.setConditions(C2, C2); return; }
    const below = first(unit.env, angle), above = isNaN(below) ? below : second(unit.env, angle);
    if (unit.stopped) return;
    unit.write(0, below);
    unit.push(above);
  });
}

/** ST(1) = operation of ST(1) and ST(0), and a pop. */
for (const [mnemonic, operation] of [[Mnemonic.Fpatan, arcTangent2], [Mnemonic.Fyl2x, yLog2], [Mnemonic.Fyl2xp1, yLog2PlusOne]] as const) {
  defineX87(mnemonic, unit => {
    const result = unit.require(0, 1) ? operation(unit.env, unit.read(1), unit.read(0)) : indefinite();
    if (unit.stopped) return;
    unit.write(1, result);
    unit.pop();
  });
}

defineX87(Mnemonic.F2xm1, unit => {
  const result = unit.require(0) ? powerMinusOne(unit.env, unit.read(0)) : indefinite();
  if (!unit.stopped) unit.write(0, result);
});
