import * as L from '../cpu/layout.js';
import type { Insn } from './insn.js';

/**
 * A decoded instruction as the interpreter's templates read it: RECORD_SIZE bytes in the machine's memory.
 * Register operands are byte offsets into the CPU state, so that a template need not know which register it gets.
 */
export const RECORD_SIZE = 64;
/** Index of the template in the interpreter's table. i32. */
export const R_TEMPLATE = 0;
/** Length of the instruction in bytes. i32. */
export const R_LENGTH = 4;
/** Instruction pointer of the next instruction. i64. */
export const R_NEXT = 8;
/** Immediate, or the target of a near branch. i64. */
export const R_IMMEDIATE = 16;
export const R_DISPLACEMENT = 24;
/** Offsets of register operands 0-3 in the CPU state. u16 each. */
export const R_OPERAND = 32;
/** Offsets of base and index register, and of the segment's base; `L.ZERO` where there is none. u16 each. */
export const R_BASE = 40;
export const R_INDEX = 42;
export const R_SEGMENT_BASE = 44;
/** log2 of the scale. u8. */
export const R_SCALE = 46;
/** Segment register number. u8. */
export const R_SEGMENT = 47;
/** Mask for the effective address. i64. */
export const R_ADDRESS_MASK = 48;
/** Number of the instruction in the translator's list, for handlers written in TypeScript. i32. */
export const R_HANDLER = 56;
/** Second immediate (ENTER). i32. */
export const R_IMMEDIATE2 = 60;

/** Byte offset of a register operand in the CPU state. MMX registers are the mantissas of x87's R0-R7 (SDM Vol. 1, 9.2.1). */
export function registerOffset(register: { class: string; number: number }): number {
  if (register.class === 'xmm') return L.XMM + register.number * 16;
  if (register.class === 'mmx') return L.X87 + register.number * 16;
  return L.GPR + register.number * 8 + (register.class === 'high8' ? 1 : 0);
}

/** Writes the record of `insn` at byte address `at` of the machine's memory. */
export function writeRecord(view: DataView, at: number, insn: Insn, template: number, handler: number): void {
  view.setInt32(at + R_TEMPLATE, template, true);
  view.setInt32(at + R_LENGTH, insn.length, true);
  view.setBigUint64(at + R_NEXT, insn.next, true);
  view.setBigUint64(at + R_IMMEDIATE, insn.operands.some(o => o.kind === 'branch') ? insn.target : insn.immediate, true);
  for (let n = 0; n < 4; n++) {
    const operand = insn.operands[n];
    const known = operand?.kind === 'register' && /^(general|high8|xmm|mmx)$/.test(operand.register.class);
    view.setUint16(at + R_OPERAND + 2 * n, known ? registerOffset(operand.register) : L.ZERO, true);
  }
  const memory = insn.memory;
  view.setBigUint64(at + R_DISPLACEMENT, memory ? memory.displacement : 0n, true);
  view.setUint16(at + R_BASE, memory && memory.base >= 0 ? L.GPR + memory.base * 8 : L.ZERO, true);
  view.setUint16(at + R_INDEX, memory && memory.index >= 0 ? L.GPR + memory.index * 8 : L.ZERO, true);
  view.setUint16(at + R_SEGMENT_BASE, memory && memory.segment >= L.Seg.FS ? L.SEG + memory.segment * L.SEG_SIZE + L.SEG_BASE : L.ZERO, true);
  view.setUint8(at + R_SCALE, memory ? 31 - Math.clz32(memory.scale) : 0);
  view.setUint8(at + R_SEGMENT, memory ? memory.segment : L.Seg.DS);
  view.setBigUint64(at + R_ADDRESS_MASK, addressMask(memory ? memory.addressSize : 8), true);
  view.setInt32(at + R_HANDLER, handler, true);
  view.setInt32(at + R_IMMEDIATE2, insn.immediate2, true);
}

/** All ones for an address of that many bytes. */
export function addressMask(addressSize: number): bigint { return addressSize === 8 ? 0xffffffffffffffffn : (1n << BigInt(addressSize * 8)) - 1n; }
