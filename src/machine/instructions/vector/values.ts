import { type Core, GuestFault, Vector } from '../../core.js';
import * as L from '../../cpu/layout.js';
import type { CpuState } from '../../cpu/state.js';
import type { Insn } from '../../translate/insn.js';
import { registerOffset } from '../../translate/record.js';
import { effectiveAddress, privilegeOf } from '../operands.js';

/** 16 bytes, seen as elements of every size. Handlers keep a few of them and use them again. */
export class VectorValue {
  readonly bytes = new Uint8Array(16);
  readonly u16 = new Uint16Array(this.bytes.buffer);
  readonly i32 = new Int32Array(this.bytes.buffer);
  readonly u32 = new Uint32Array(this.bytes.buffer);
  readonly u64 = new BigUint64Array(this.bytes.buffer);
  readonly f32 = new Float32Array(this.bytes.buffer);
  readonly f64 = new Float64Array(this.bytes.buffer);
}

/**
 * Reads the XMM or MMX register or memory operand i into `to`; what it does not fill (MMX, narrow memory) becomes zero.
 * @param aligned memory of 16 bytes must be aligned, else #GP(0)
 */
export function readVector(core: Core, cpu: CpuState, insn: Insn, i: number, to: VectorValue, aligned = true): void {
  const operand = insn.operands[i]!;
  if (operand.kind === 'register') {
    const at = registerOffset(operand.register) >> 2, wide = operand.register.class === 'xmm';
    for (let n = 0; n < 4; n++) to.i32[n] = n < 2 || wide ? cpu.i32[at + n]! : 0;
    return;
  }
  if (operand.kind !== 'memory') throw new Error(`operand ${i} is no vector`);
  if (aligned) checkAlignment(cpu, insn, operand.size);
  const address = effectiveAddress(cpu, insn, operand.size);
  const bytes = core.access.readBytes(cpu, address, operand.size, privilegeOf(insn.memory!.segment));
  to.bytes.fill(0);
  to.bytes.set(bytes);
}

/**
 * Writes the low bytes of `from` to operand i: all 16 of an XMM register, 8 of an MMX register (whose bits 79:64 become ones), or
 * the size of the memory operand.
 */
export function writeVector(core: Core, cpu: CpuState, insn: Insn, i: number, from: VectorValue, aligned = true): void {
  const operand = insn.operands[i]!;
  if (operand.kind === 'register') {
    const at = registerOffset(operand.register), wide = operand.register.class === 'xmm';
    for (let n = 0; n < (wide ? 4 : 2); n++) cpu.setInt(at + 4 * n, from.i32[n]!);
    if (!wide) cpu.setInt(at + 8, cpu.int(at + 8) | 0xffff);
    return;
  }
  if (operand.kind !== 'memory') throw new Error(`operand ${i} is no vector`);
  if (aligned) checkAlignment(cpu, insn, operand.size);
  const address = effectiveAddress(cpu, insn, operand.size, true);
  core.access.writeBytes(cpu, address, from.bytes.slice(0, operand.size), privilegeOf(insn.memory!.segment));
}

/** Alignment comes ahead of the segment's limit (measured). */
function checkAlignment(cpu: CpuState, insn: Insn, size: number): void {
  if (size === 16 && effectiveAddress(cpu, insn) & 15n) throw new GuestFault(Vector.GP, 0);
}

/** Offset of XMM register n in the CPU's state. */
export function xmmField(n: number): number { return L.XMM + 16 * n; }
