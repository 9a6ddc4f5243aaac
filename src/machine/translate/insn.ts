/**
 * A decoded instruction as plain data: what the translator and the instruction handlers need of iced's decoder
 * (reading iced's fields crosses into its WebAssembly each time, so it is done once, in `decode.ts`).
 */
export interface Insn {
  /** Linear address of the instruction (RIP in 64-bit code, CS.base + IP otherwise). */
  linear: bigint;
  /** Instruction pointer of the instruction and of the one that follows it. */
  ip: bigint;
  next: bigint;
  length: number;
  bytes: readonly number[];
  /** iced's `Code` and `Mnemonic`. */
  code: number;
  mnemonic: number;
  operands: Operand[];
  memory?: MemoryOperand;
  /** Immediate operand, sign- or zero-extended to 64 bits as the instruction wants it. */
  immediate: bigint;
  /** Second immediate of ENTER. */
  immediate2: number;
  /** Absolute target of a near branch; offset of a far one. */
  target: bigint;
  /** Selector of a direct far branch. */
  farSelector: number;
  lock: boolean;
  rep: 'none' | 'rep' | 'repne';
  /** Operand size in bytes of stack and far instructions: 2, 4 or 8. */
  operandSize: number;
  /** `CodeMode` bits the instruction was decoded in. */
  mode: number;
}

export type Operand =
  | { kind: 'register'; register: Register }
  | { kind: 'memory'; size: number }
  | { kind: 'immediate' }
  | { kind: 'branch' }
  | { kind: 'far' };

/** A register operand by class, number and size in bytes. */
export interface Register {
  class: 'general' | 'high8' | 'segment' | 'control' | 'debug' | 'xmm' | 'mmx' | 'x87' | 'other';
  /** Number in the encoding; for `high8` the number of the register whose bits 15:8 are meant. */
  number: number;
  size: number;
}

export interface MemoryOperand {
  /** Numbers of the general registers, or -1. RIP-relative operands have neither: `displacement` is then absolute. */
  base: number;
  index: number;
  scale: 1 | 2 | 4 | 8;
  displacement: bigint;
  /** Segment register that applies (`Seg`), default or override. */
  segment: number;
  /** Address size in bytes: 2, 4 or 8. */
  addressSize: number;
  /** Operand size in bytes; 0 where the instruction gives none (LEA, INVLPG). */
  size: number;
}
