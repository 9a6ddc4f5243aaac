/** Integer types of a memory access: `u8` to `u64` unsigned, `i8` to `i64` signed (sign-extended to 64 bits). */
export const accessTypes = {
  u8: { size: 1, signed: false },
  u16: { size: 2, signed: false },
  u32: { size: 4, signed: false },
  u64: { size: 8, signed: false },
  i8: { size: 1, signed: true },
  i16: { size: 2, signed: true },
  i32: { size: 4, signed: true },
  i64: { size: 8, signed: true },
} as const;
export type AccessType = keyof typeof accessTypes;

export const binaryOperators = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
] as const;
export type BinaryOperator = (typeof binaryOperators)[number][number];
export type UnaryOperator = '!' | '~' | '-' | '+';

/** A parsed expression. `at` is the offset of the node in the text, for messages. */
export type Expression =
  | { kind: 'integer'; value: bigint; at: number }
  | { kind: 'text'; value: string; at: number }
  /** A register, a symbol or a word such as `cr3.half`; which of them is decided when it is evaluated. */
  | { kind: 'name'; name: string; at: number }
  | { kind: 'unary'; operator: UnaryOperator; operand: Expression; at: number }
  | { kind: 'binary'; operator: BinaryOperator; left: Expression; right: Expression; at: number }
  | { kind: 'memory'; type: AccessType; address: Expression; at: number };

/** Something wrong in an expression. The message names the text, the place and what to do. */
export class ExpressionError extends Error {
  constructor(
    readonly text: string,
    readonly at: number,
    problem: string,
  ) {
    super(`In "${text}"${at > 0 ? ` at column ${at + 1}` : ''}: ${problem}`);
    this.name = 'ExpressionError';
  }
}
