import { accessTypes, ExpressionError } from './ast.js';
import type { AccessType, BinaryOperator, Expression } from './ast.js';

/** An unsigned 64-bit integer, or a word such as the half of CR3. */
export type Value = bigint | string;

/** An integer of each moment, as signed 32-bit halves. */
export interface IntegerSource {
  low(): number;
  high(): number;
}

/** What an expression sees of the machine. Nothing in it changes the machine. */
export interface Scope {
  /** The value of a register, word or symbol; undefined if there is none of that name. */
  lookup(name: string): Value | undefined;
  /** The integer that a name stands for, to be read again and again; undefined for words and for what is found otherwise. */
  source?(name: string): IntegerSource | undefined;
  /** Bytes at a linear address in the CPU's current address space; undefined where it does not translate. */
  readMemory(address: bigint, size: number): Uint8Array | undefined;
  /** A known name like an unknown one, for the message. */
  suggest(name: string): string | undefined;
}

/**
 * Evaluates a parsed expression. Integers are unsigned 64-bit words: arithmetic wraps, comparisons are unsigned,
 * a comparison gives 1 or 0; `&&` and `||` evaluate the right side only when it decides.
 * @param text the source of the expression, for messages
 */
export function evaluate(expression: Expression, scope: Scope, text: string): Value {
  const fail = (at: number, problem: string): never => {
    throw new ExpressionError(text, at, problem);
  };

  const integer = (node: Expression): bigint => {
    const value = visit(node);
    return typeof value === 'bigint' ? value : fail(node.at, `'${value}' is a word, a number is needed here.`);
  };

  const truth = (node: Expression): boolean => {
    const value = visit(node);
    return typeof value === 'bigint'
      ? value !== 0n
      : fail(node.at, `'${value}' is a word, not a condition. Compare it: == '${value}'.`);
  };

  const memory = (type: AccessType, address: bigint, at: number): bigint => {
    const { size, signed } = accessTypes[type];
    const bytes = scope.readMemory(address, size);
    if (!bytes)
      return fail(
        at,
        `0x${address.toString(16)} does not translate in the current address space, so its ${size} byte${size > 1 ? 's' : ''} cannot be read. Walk the address to see where the translation ends.`,
      );
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return signed ? BigInt.asUintN(64, BigInt.asIntN(size * 8, value)) : value;
  };

  const equal = (left: Expression, right: Expression, at: number): boolean => {
    // `cr3.half == kernel` works as well as `cr3.half == 'kernel'`: a bare word beside a word is that word.
    const a = visit(left);
    const bare = typeof a === 'string' && right.kind === 'name' && typeof scope.lookup(right.name) !== 'string';
    const b = bare ? right.name : visit(right);
    if (typeof a !== typeof b) return fail(at, 'a word cannot be compared with a number.');
    return a === b;
  };

  const binary = (operator: BinaryOperator, left: Expression, right: Expression, at: number): bigint => {
    switch (operator) {
      case '&&':
        return truth(left) && truth(right) ? 1n : 0n;
      case '||':
        return truth(left) || truth(right) ? 1n : 0n;
      case '==':
        return equal(left, right, at) ? 1n : 0n;
      case '!=':
        return equal(left, right, at) ? 0n : 1n;
    }
    const a = integer(left);
    const b = integer(right);
    switch (operator) {
      case '<':
        return a < b ? 1n : 0n;
      case '<=':
        return a <= b ? 1n : 0n;
      case '>':
        return a > b ? 1n : 0n;
      case '>=':
        return a >= b ? 1n : 0n;
      case '|':
        return a | b;
      case '^':
        return a ^ b;
      case '&':
        return a & b;
      case '<<':
        return b > 63n ? 0n : BigInt.asUintN(64, a << b);
      case '>>':
        return b > 63n ? 0n : a >> b;
      case '+':
        return BigInt.asUintN(64, a + b);
      case '-':
        return BigInt.asUintN(64, a - b);
      case '*':
        return BigInt.asUintN(64, a * b);
      case '/':
        return b === 0n ? fail(at, 'division by zero.') : a / b;
      case '%':
        return b === 0n ? fail(at, 'division by zero.') : a % b;
    }
  };

  const visit = (node: Expression): Value => {
    switch (node.kind) {
      case 'integer':
        return node.value;
      case 'text':
        return node.value;
      case 'name': {
        const value = scope.lookup(node.name);
        if (value !== undefined) return value;
        const like = scope.suggest(node.name);
        return fail(
          node.at,
          `"${node.name}" is neither a register nor a symbol nor a word of the expression language.${like ? ` Did you mean ${like}?` : ' Type =help for what there is.'}`,
        );
      }
      case 'unary':
        switch (node.operator) {
          case '!':
            return truth(node.operand) ? 0n : 1n;
          case '~':
            return BigInt.asUintN(64, ~integer(node.operand));
          case '-':
            return BigInt.asUintN(64, -integer(node.operand));
          case '+':
            return integer(node.operand);
        }
        break;
      case 'binary':
        return binary(node.operator, node.left, node.right, node.at);
      case 'memory':
        return memory(node.type, integer(node.address), node.at);
    }
  };

  return visit(expression);
}

/** Whether a value makes a condition true. A word never does; conditions that give one are refused by `evaluate`. */
export function isTrue(value: Value): boolean {
  return typeof value === 'bigint' && value !== 0n;
}
