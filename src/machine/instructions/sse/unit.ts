import type { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, type Handler, Vector } from '../../core.js';
import * as L from '../../cpu/layout.js';
import type { CpuState } from '../../cpu/state.js';
import { ALL_EXCEPTIONS, Environment, Rounding } from '../../float/environment.js';
import { binary32, binary64, type Float, type Format, pack } from '../../float/number.js';
import { operand } from '../../float/operands.js';
import type { Insn } from '../../translate/insn.js';
import { handleVector } from '../vector/registry.js';
import { readVector, VectorValue, writeVector } from '../vector/values.js';

/** Bits of MXCSR (SDM Vol. 1, 10.2.3). */
export const MXCSR_DAZ = 1 << 6, MXCSR_MASKS = 7, MXCSR_RC = 13, MXCSR_FTZ = 1 << 15;
const OSXMMEXCPT = 1 << 10;

/** How the CPU's MXCSR wants SSE to compute. */
export function sseEnvironment(cpu: CpuState): Environment {
  const mxcsr = cpu.int(L.MXCSR);
  return new Environment(mxcsr >> MXCSR_RC & 3 as Rounding, mxcsr >> MXCSR_MASKS & ALL_EXCEPTIONS, 'sse', (mxcsr & MXCSR_DAZ) !== 0, (mxcsr & MXCSR_FTZ) !== 0);
}

/**
 * Records exceptions in MXCSR, before any result is written. An unmasked one raises #XM, without CR4.OSXMMEXCPT #UD (SDM Vol.
 * 1, 11.5.2); exceptions of the results then count only if there are none of the operands.
 */
export function finishSse(cpu: CpuState, env: Environment): void {
  const raised = env.reported;
  if (!raised) return;
  cpu.setInt(L.MXCSR, cpu.int(L.MXCSR) | raised);
  if (raised & ~env.masks) throw new GuestFault(cpu.int(L.CR4) & OSXMMEXCPT ? Vector.XM : Vector.UD);
}

/** An instruction under execution: `to` is the destination as it was, `from` the source. */
export interface SseOperands { env: Environment; to: VectorValue; from: VectorValue; cpu: CpuState; insn: Insn; core: Core; }

const to = new VectorValue(), from = new VectorValue();

/** A handler that reads vector operands 0 and 1, lets `meaning` change `to`, and writes it back to operand 0. */
export function sseHandler(meaning: (operands: SseOperands) => void): Handler {
  return (core, cpu, insn) => {
    const env = sseEnvironment(cpu);
    readVector(core, cpu, insn, 1, from);
    readVector(core, cpu, insn, 0, to);
    meaning({ env, to, from, cpu, insn, core });
    finishSse(cpu, env);
    writeVector(core, cpu, insn, 0, to);
  };
}
export function defineSse(mnemonic: Mnemonic, meaning: (operands: SseOperands) => void): void { handleVector(mnemonic, sseHandler(meaning)); }

/** Elements of one format, and how many of them an instruction has. */
export interface Lanes { format: Format; count: number; }
/** By the ends of the mnemonics: PS, PD, SS, SD. */
export const PS: Lanes = { format: binary32, count: 4 }, PD: Lanes = { format: binary64, count: 2 }, SS: Lanes = { format: binary32, count: 1 }, SD: Lanes = { format: binary64, count: 1 };

/** The bits of element n. */
export function lane(format: Format, value: VectorValue, n: number): bigint { return format === binary32 ? BigInt(value.u32[n]!) : value.u64[n]!; }
export function setLane(format: Format, value: VectorValue, n: number, bits: bigint): void {
  if (format === binary32) value.u32[n] = Number(bits);
  else value.u64[n] = bits;
}
/** Element n as an operand. */
export function readLane(env: Environment, format: Format, value: VectorValue, n: number): Float { return operand(env, format, lane(format, value, n)); }
/** Writes a result, unless an unmasked exception keeps all of them back. */
export function writeLane(env: Environment, format: Format, value: VectorValue, n: number, result: Float): void {
  if (!(env.reported & ~env.masks)) setLane(format, value, n, pack(format, result));
}
