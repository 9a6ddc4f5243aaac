import * as L from '../cpu/layout.js';
import type { Insn, Register } from './insn.js';

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

/** Writes records into the machine's memory, all of whose fields lie at multiples of their sizes. */
export class RecordWriter {
  private readonly u8: Uint8Array;
  private readonly u16: Uint16Array;
  private readonly i32: Int32Array;
  private readonly u64: BigUint64Array;

  constructor(buffer: ArrayBuffer) {
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u64 = new BigUint64Array(buffer);
  }

  /** Writes the record of `insn` at byte address `at`, a multiple of RECORD_SIZE. */
  write(at: number, insn: Insn, template: number, handler: number): void {
    const { u16, i32, u64 } = this, { memory, operands } = insn, word = at >> 1, double = at >> 2, quad = at >> 3;
    i32[double + (R_TEMPLATE >> 2)] = template;
    i32[double + (R_LENGTH >> 2)] = insn.length;
    u64[quad + (R_NEXT >> 3)] = insn.next;
    let branches = false;
    for (let n = 0; n < 4; n++) {
      const operand = operands[n];
      if (operand?.kind === 'branch') branches = true;
      u16[word + (R_OPERAND >> 1) + n] = operand?.kind === 'register' ? operandOffset(operand.register) : L.ZERO;
    }
    u64[quad + (R_IMMEDIATE >> 3)] = branches ? insn.target : insn.immediate;
    u64[quad + (R_DISPLACEMENT >> 3)] = memory ? memory.displacement : 0n;
    u16[word + (R_BASE >> 1)] = memory && memory.base >= 0 ? L.GPR + memory.base * 8 : L.ZERO;
    u16[word + (R_INDEX >> 1)] = memory && memory.index >= 0 ? L.GPR + memory.index * 8 : L.ZERO;
    u16[word + (R_SEGMENT_BASE >> 1)] = memory && memory.segment >= L.Seg.FS ? L.SEG + memory.segment * L.SEG_SIZE + L.SEG_BASE : L.ZERO;
    this.u8[at + R_SCALE] = memory ? 31 - Math.clz32(memory.scale) : 0;
    this.u8[at + R_SEGMENT] = memory ? memory.segment : L.Seg.DS;
    u64[quad + (R_ADDRESS_MASK >> 3)] = memory ? addressMask(memory.addressSize) : ALL_ONES;
    i32[double + (R_HANDLER >> 2)] = handler;
    i32[double + (R_IMMEDIATE2 >> 2)] = insn.immediate2;
  }
}

const ALL_ONES = 0xffffffffffffffffn;

/** `registerOffset`, or L.ZERO for registers that templates do not read by their records. */
function operandOffset(register: Register): number {
  switch (register.class) {
    case 'general': case 'high8': case 'xmm': case 'mmx': return registerOffset(register);
    default: return L.ZERO;
  }
}

/** All ones for an address of that many bytes. */
export function addressMask(addressSize: number): bigint { return addressSize === 8 ? ALL_ONES : (1n << BigInt(addressSize * 8)) - 1n; }
