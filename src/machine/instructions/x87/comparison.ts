import { Mnemonic } from 'iced-x86';
import { writeArithmeticFlags } from '../../cpu/flags.js';
import { Flag } from '../../cpu/layout.js';
import { compare, Relation } from '../../float/compare.js';
import { fromInteger, Kind } from '../../float/number.js';
import { memoryOperand } from './arithmetic.js';
import { C0, C1, C2, C3, defineX87, hasMemory, lastStOperand, type X87 } from './unit.js';

/** Comparison and classification (SDM Vol. 1, 8.3.6). */

function conditions(relation: Relation): number {
  switch (relation) {
    case Relation.Less: return C0;
    case Relation.Equal: return C3;
    case Relation.Greater: return 0;
    case Relation.Unordered: return C0 | C2 | C3;
  }
}
const ALL = C0 | C1 | C2 | C3;

/**
 * Compares ST(0) with another operand. The condition codes change even where an exception of the operands is unmasked, as on
 * processors (measured; SDM Vol. 2A, FCOM, says that they then stay).
 */
function finish(unit: X87, relation: Relation, pops: number): void {
  unit.setConditions(ALL, conditions(relation));
  if (!unit.stopped) unit.pop(pops);
}

for (const [mnemonic, pops, quietly] of [
  [Mnemonic.Fcom, 0, false], [Mnemonic.Fcomp, 1, false], [Mnemonic.Fcompp, 2, false],
  [Mnemonic.Fucom, 0, true], [Mnemonic.Fucomp, 1, true], [Mnemonic.Fucompp, 2, true], [Mnemonic.Ficom, 0, false], [Mnemonic.Ficomp, 1, false],
] as const) {
  defineX87(mnemonic, (unit, insn) => {
    const memory = hasMemory(insn) ? memoryOperand(unit, insn, mnemonic === Mnemonic.Ficom || mnemonic === Mnemonic.Ficomp) : undefined;
    const i = memory ? 0 : lastStOperand(insn, 1);
    finish(unit, unit.require(0, i) ? compare(unit.env, unit.read(0), memory ?? unit.read(i), quietly) : Relation.Unordered, pops);
  });
}
defineX87(Mnemonic.Ftst, unit => {
  finish(unit, unit.require(0) ? compare(unit.env, unit.read(0), fromInteger(0n), false) : Relation.Unordered, 0);
});

/** ZF, PF and CF for a comparison, as FCOMI, COMISS and their kin set them; the others are cleared. */
export function relationFlags(relation: Relation): number {
  switch (relation) {
    case Relation.Less: return Flag.CF;
    case Relation.Equal: return Flag.ZF;
    case Relation.Greater: return 0;
    case Relation.Unordered: return Flag.ZF | Flag.PF | Flag.CF;
  }
}
for (const [mnemonic, pops, quietly] of [
  [Mnemonic.Fcomi, 0, false], [Mnemonic.Fcomip, 1, false], [Mnemonic.Fucomi, 0, true], [Mnemonic.Fucomip, 1, true],
] as const) {
  defineX87(mnemonic, (unit, insn) => {
    // C1 changes with a stack fault only (measured).
    unit.keepConditions();
    const i = lastStOperand(insn, 1);
    const relation = unit.require(0, i) ? compare(unit.env, unit.read(0), unit.read(i), quietly) : Relation.Unordered;
    writeArithmeticFlags(unit.cpu, relationFlags(relation));
    if (!unit.stopped) unit.pop(pops);
  });
}

/** FXAM: class and sign of ST(0), empty or not. */
defineX87(Mnemonic.Fxam, unit => {
  const a = unit.read(0), sign = unit.bits(0) >> 79n ? C1 : 0;
  unit.setConditions(ALL, sign | (unit.empty(0) ? C3 | C0 : a.denormal ? C3 | C2 : classOf(a.kind)));
});
function classOf(kind: Kind): number {
  switch (kind) {
    case Kind.Unsupported: return 0;
    case Kind.QuietNaN: case Kind.SignalingNaN: return C0;
    case Kind.Finite: return C2;
    case Kind.Infinity: return C2 | C0;
    case Kind.Zero: return C3;
  }
}
