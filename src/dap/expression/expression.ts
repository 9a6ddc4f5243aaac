import { ExpressionError } from './ast.js';
import type { Expression } from './ast.js';
import { evaluate } from './evaluate.js';
import type { Scope, Value } from './evaluate.js';
import { parseExpression } from './parser.js';

/** Parses and evaluates in one go. Throws ExpressionError. */
export function evaluateText(text: string, scope: Scope): Value {
  return evaluate(parseExpression(text), scope, text);
}

/**
 * Parses a condition and checks that every name in it exists, so that a slip is told when the breakpoint is set and
 * not when it is reached. Memory is not read. Throws ExpressionError.
 */
export function parseCondition(text: string, scope: Scope): Expression {
  const expression = parseExpression(text);
  checkNames(expression, scope, text);
  return expression;
}

function checkNames(node: Expression, scope: Scope, text: string): void {
  switch (node.kind) {
    case 'name':
      if (scope.lookup(node.name) === undefined) {
        const like = scope.suggest(node.name);
        throw new ExpressionError(
          text,
          node.at,
          `"${node.name}" is neither a register nor a symbol nor a word of the expression language.${like ? ` Did you mean ${like}?` : ''}`,
        );
      }
      break;
    case 'unary':
      checkNames(node.operand, scope, text);
      break;
    case 'memory':
      checkNames(node.address, scope, text);
      break;
    case 'binary':
      checkNames(node.left, scope, text);
      // A bare word may stand beside == and !=, as in cr3.half == kernel.
      if (!((node.operator === '==' || node.operator === '!=') && node.right.kind === 'name' && isWord(node.left, scope)))
        checkNames(node.right, scope, text);
      break;
  }
}

function isWord(node: Expression, scope: Scope): boolean {
  return node.kind === 'text' || (node.kind === 'name' && typeof scope.lookup(node.name) === 'string');
}
