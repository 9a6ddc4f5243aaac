import { Mnemonic } from 'iced-x86';
import { enterMmx } from '../../cpu/x87State.js';
import { convert, toInteger } from '../../float/convert.js';
import { Rounding } from '../../float/environment.js';
import { binary32, binary64, type Float, type Format, fromInteger, Kind } from '../../float/number.js';
import { round } from '../../float/round.js';
import { operandSize, readOperand, writeOperand } from '../operands.js';
import { handleVector, hasRegister } from '../vector/registry.js';
import { readVector, VectorValue, writeVector } from '../vector/values.js';
import { defineSse, finishSse, readLane, sseEnvironment, type SseOperands, writeLane } from './unit.js';

/** Conversions of SSE and SSE2 (SDM Vol. 1, 11.4.4 and figure 11-8). */

function fromInt({ env }: SseOperands, format: Format, value: bigint): Float {
  const exact = fromInteger(value);
  return exact.kind === Kind.Zero ? exact : round(env, format, exact.sign, exact.significand, 0);
}

/** Packed 32-bit integers to floating point; with an MMX source the x87 goes over to MMX, even if #XM follows (measured). */
for (const [mnemonic, format, count] of [
  [Mnemonic.Cvtpi2ps, binary32, 2], [Mnemonic.Cvtpi2pd, binary64, 2], [Mnemonic.Cvtdq2ps, binary32, 4], [Mnemonic.Cvtdq2pd, binary64, 2],
] as const) {
  const source = new VectorValue(), to = new VectorValue();
  handleVector(mnemonic, (core, cpu, insn) => {
    const env = sseEnvironment(cpu), operands: SseOperands = { env, to, from: source, cpu, insn, core };
    readVector(core, cpu, insn, 1, source);
    readVector(core, cpu, insn, 0, to);
    for (let n = 0; n < count; n++) writeLane(env, format, to, n, fromInt(operands, format, BigInt(source.i32[n]!)));
    if (hasRegister(insn, 'mmx')) enterMmx(cpu);
    finishSse(cpu, env);
    writeVector(core, cpu, insn, 0, to);
  });
}

/** Floating point to packed 32-bit integers, rounded by RC or cut; what is left of the destination becomes zero. */
for (const [mnemonic, format, count, rounding] of [
  [Mnemonic.Cvtps2pi, binary32, 2, undefined], [Mnemonic.Cvttps2pi, binary32, 2, Rounding.Zero],
  [Mnemonic.Cvtpd2pi, binary64, 2, undefined], [Mnemonic.Cvttpd2pi, binary64, 2, Rounding.Zero],
  [Mnemonic.Cvtps2dq, binary32, 4, undefined], [Mnemonic.Cvttps2dq, binary32, 4, Rounding.Zero],
  [Mnemonic.Cvtpd2dq, binary64, 2, undefined], [Mnemonic.Cvttpd2dq, binary64, 2, Rounding.Zero],
] as const) {
  const source = new VectorValue(), to = new VectorValue();
  handleVector(mnemonic, (core, cpu, insn) => {
    const env = sseEnvironment(cpu);
    readVector(core, cpu, insn, 1, source);
    to.bytes.fill(0);
    for (let n = 0; n < count; n++) to.i32[n] = Number(toInteger(env, readLane(env, format, source, n), 32, rounding ?? env.rounding));
    if (hasRegister(insn, 'mmx')) enterMmx(cpu);
    finishSse(cpu, env);
    writeVector(core, cpu, insn, 0, to);
  });
}

/** Between the formats. */
for (const [mnemonic, source, target, count] of [
  [Mnemonic.Cvtss2sd, binary32, binary64, 1], [Mnemonic.Cvtsd2ss, binary64, binary32, 1],
  [Mnemonic.Cvtps2pd, binary32, binary64, 2], [Mnemonic.Cvtpd2ps, binary64, binary32, 2],
] as const) {
  defineSse(mnemonic, ({ env, to, from }) => {
    const results = Array.from({ length: count }, (_, n) => convert(env, target, readLane(env, source, from, n)));
    results.forEach((result, n) => writeLane(env, target, to, n, result));
    if (mnemonic === Mnemonic.Cvtpd2ps) to.u64[1] = 0n;
  });
}

/** A general register or memory to the lowest element. */
for (const [mnemonic, format] of [[Mnemonic.Cvtsi2ss, binary32], [Mnemonic.Cvtsi2sd, binary64]] as const) {
  const to = new VectorValue();
  handleVector(mnemonic, (core, cpu, insn) => {
    const env = sseEnvironment(cpu), value = BigInt.asIntN(8 * operandSize(insn, 1), readOperand(core, cpu, insn, 1));
    readVector(core, cpu, insn, 0, to);
    writeLane(env, format, to, 0, fromInt({ env, to, from: to, cpu, insn, core }, format, value));
    finishSse(cpu, env);
    writeVector(core, cpu, insn, 0, to);
  });
}

/** The lowest element to a general register. */
for (const [mnemonic, format, rounding] of [
  [Mnemonic.Cvtss2si, binary32, undefined], [Mnemonic.Cvttss2si, binary32, Rounding.Zero],
  [Mnemonic.Cvtsd2si, binary64, undefined], [Mnemonic.Cvttsd2si, binary64, Rounding.Zero],
] as const) {
  const source = new VectorValue();
  handleVector(mnemonic, (core, cpu, insn) => {
    const env = sseEnvironment(cpu), bits = 8 * operandSize(insn, 0);
    readVector(core, cpu, insn, 1, source);
    const value = toInteger(env, readLane(env, format, source, 0), bits, rounding ?? env.rounding);
    finishSse(cpu, env);
    writeOperand(core, cpu, insn, 0, BigInt.asUintN(bits, value));
  });
}
