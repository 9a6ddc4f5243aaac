import { Mnemonic } from 'iced-x86';
import { writeArithmeticFlags } from '../../cpu/flags.js';
import { compare, Relation } from '../../float/compare.js';
import { handleVector } from '../vector/registry.js';
import { readVector, VectorValue } from '../vector/values.js';
import { relationFlags } from '../x87/comparison.js';
import { defineSse, finishSse, PD, PS, readLane, SD, setLane, SS, sseEnvironment } from './unit.js';

/** Comparisons of SSE and SSE2 (SDM Vol. 1, 11.4.1.3). */

/** What each predicate asks for (SDM Vol. 2A, table 3-1), the four upper ones being the opposites of the lower. */
const HOLDS: readonly ((relation: Relation) => boolean)[] = [
  r => r === Relation.Equal, r => r === Relation.Less, r => r === Relation.Less || r === Relation.Equal, r => r === Relation.Unordered,
];
/** LT, LE and their opposites raise #I for QNaNs. */
const isQuiet = (predicate: number) => (predicate & 3) === 0 || (predicate & 3) === 3;

for (const [mnemonic, { format, count }] of [[Mnemonic.Cmpps, PS], [Mnemonic.Cmppd, PD], [Mnemonic.Cmpss, SS], [Mnemonic.Cmpsd, SD]] as const) {
  defineSse(mnemonic, ({ env, to, from, insn }) => {
    const predicate = Number(insn.immediate) & 7, holds = HOLDS[predicate & 3]!;
    for (let n = 0; n < count; n++) {
      const relation = compare(env, readLane(env, format, to, n), readLane(env, format, from, n), isQuiet(predicate));
      setLane(format, to, n, holds(relation) !== predicate > 3 ? (1n << BigInt(format.bits + format.exponentBits)) - 1n : 0n);
    }
  });
}

const a = new VectorValue(), b = new VectorValue();
/** COMIS raises #I for QNaNs, UCOMIS does not; both set ZF, PF and CF. */
for (const [mnemonic, { format }, quietly] of [
  [Mnemonic.Comiss, SS, false], [Mnemonic.Comisd, SD, false], [Mnemonic.Ucomiss, SS, true], [Mnemonic.Ucomisd, SD, true],
] as const) {
  handleVector(mnemonic, (core, cpu, insn) => {
    const env = sseEnvironment(cpu);
    readVector(core, cpu, insn, 1, b);
    readVector(core, cpu, insn, 0, a);
    const relation = compare(env, readLane(env, format, a, 0), readLane(env, format, b, 0), quietly);
    finishSse(cpu, env);
    writeArithmeticFlags(cpu, relationFlags(relation));
  });
}
