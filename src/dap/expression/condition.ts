import type { Expression } from './ast.js';
import { evaluate, isTrue } from './evaluate.js';
import type { IntegerSource, Scope } from './evaluate.js';

/** Asks whether a condition holds at this moment. Throws ExpressionError as `evaluate` does. */
export type Condition = () => boolean;

/**
 * Makes a condition ready to be asked a million times: names are looked up once, and comparisons of registers, symbols and
 * numbers, combined by && || ! and by & | ^ ~, work on 32-bit halves without allocating anything. All else is evaluated
 * as it stands. The result is that of `isTrue(evaluate(...))` in every case.
 * @param text the source of the expression, for messages
 */
export function compileCondition(expression: Expression, scope: Scope, text: string): Condition {
  return compileTruth(expression, scope, text) ?? (() => isTrue(evaluate(expression, scope, text)));
}

/** A condition that is part of another: a word is an error there. */
function part(node: Expression, scope: Scope, text: string): Condition {
  return (
    compileTruth(node, scope, text) ??
    (() => evaluate({ kind: 'unary', operator: '!', operand: node, at: node.at }, scope, text) === 0n)
  );
}

function compileTruth(node: Expression, scope: Scope, text: string): Condition | undefined {
  if (node.kind === 'unary' && node.operator === '!') {
    const operand = part(node.operand, scope, text);
    return () => !operand();
  }
  if (node.kind === 'binary' && (node.operator === '&&' || node.operator === '||')) {
    const left = part(node.left, scope, text);
    const right = part(node.right, scope, text);
    return node.operator === '&&' ? () => left() && right() : () => left() || right();
  }
  if (node.kind === 'binary') {
    const comparison = compileComparison(node, scope);
    if (comparison) return comparison;
  }
  const value = sourceOf(node, scope);
  return value && (() => (value.low() | value.high()) !== 0);
}

function compileComparison(node: Expression & { kind: 'binary' }, scope: Scope): Condition | undefined {
  const operators = ['==', '!=', '<', '<=', '>', '>='];
  if (!operators.includes(node.operator)) return undefined;
  const a = sourceOf(node.left, scope);
  const b = sourceOf(node.right, scope);
  if (!a || !b) return undefined;
  switch (node.operator) {
    case '==':
      return () => a.low() === b.low() && a.high() === b.high();
    case '!=':
      return () => a.low() !== b.low() || a.high() !== b.high();
    case '<':
      return () => isBelow(a, b);
    case '<=':
      return () => !isBelow(b, a);
    case '>':
      return () => isBelow(b, a);
    default:
      return () => !isBelow(a, b);
  }
}

/** a < b as unsigned 64-bit numbers. */
function isBelow(a: IntegerSource, b: IntegerSource): boolean {
  const high = a.high();
  const other = b.high();
  return high === other ? a.low() >>> 0 < b.low() >>> 0 : high >>> 0 < other >>> 0;
}

/** The value of an expression that consists of numbers, registers, symbols and & | ^ ~; undefined for any other. */
function sourceOf(node: Expression, scope: Scope): IntegerSource | undefined {
  switch (node.kind) {
    case 'integer':
      return constantSource(node.value);
    case 'name':
      return scope.source?.(node.name);
    case 'unary': {
      const operand = node.operator === '~' || node.operator === '+' ? sourceOf(node.operand, scope) : undefined;
      return operand && (node.operator === '+' ? operand : { low: () => ~operand.low(), high: () => ~operand.high() });
    }
    case 'binary': {
      if (!['&', '|', '^'].includes(node.operator)) return undefined;
      const a = sourceOf(node.left, scope);
      const b = sourceOf(node.right, scope);
      if (!a || !b) return undefined;
      if (node.operator === '&') return { low: () => a.low() & b.low(), high: () => a.high() & b.high() };
      if (node.operator === '|') return { low: () => a.low() | b.low(), high: () => a.high() | b.high() };
      return { low: () => a.low() ^ b.low(), high: () => a.high() ^ b.high() };
    }
    default:
      return undefined;
  }
}

/** A number that does not change, as a source. */
export function constantSource(value: bigint): IntegerSource {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return { low: () => low, high: () => high };
}
