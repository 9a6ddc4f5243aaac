import { accessTypes, binaryOperators, ExpressionError } from './ast.js';
import type { AccessType, BinaryOperator, Expression, UnaryOperator } from './ast.js';
import { tokenize } from './lexer.js';
import type { Token } from './lexer.js';

const unaryOperators: readonly string[] = ['!', '~', '-', '+'];
/** Deep nesting would overflow the stack of the recursive parser. */
const maxDepth = 200;

/**
 * Parses an expression: integers, names, memory (`u64(address)`, `*(u64*)address`, `*address` for u64), C operators
 * in C's order of precedence, parentheses. Throws ExpressionError with the place and what was expected.
 */
export function parseExpression(text: string): Expression {
  return new Parser(text).whole();
}

class Parser {
  private readonly tokens: Token[];
  private next = 0;
  private depth = 0;

  constructor(private readonly text: string) {
    this.tokens = tokenize(text);
  }

  whole(): Expression {
    if (this.tokens.length === 1) throw new ExpressionError(this.text, 0, 'there is nothing to evaluate.');
    const expression = this.binary(0);
    if (this.token.kind !== 'end') throw this.unexpected('an operator or the end');
    return expression;
  }

  private get token(): Token {
    return this.tokens[this.next]!;
  }

  private isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.tokens[this.next + ahead];
    return token?.kind === 'symbol' && token.symbol === symbol;
  }

  private expect(symbol: string): void {
    if (!this.isSymbol(symbol)) throw this.unexpected(`"${symbol}"`);
    this.next++;
  }

  private unexpected(wanted: string): ExpressionError {
    const token = this.token;
    const found = token.kind === 'end' ? 'it ends' : `"${this.text.slice(token.at, token.end)}" stands`;
    return new ExpressionError(this.text, token.at, `${wanted} is expected where ${found}.`);
  }

  private binary(level: number): Expression {
    const operators: readonly string[] | undefined = binaryOperators[level];
    if (!operators) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const token = this.token;
      if (token.kind !== 'symbol' || !operators.includes(token.symbol)) return left;
      this.next++;
      left = { kind: 'binary', operator: token.symbol as BinaryOperator, left, right: this.binary(level + 1), at: token.at };
    }
  }

  private unary(): Expression {
    if (++this.depth > maxDepth) throw new ExpressionError(this.text, this.token.at, `it is nested more than ${maxDepth} deep.`);
    try {
      const token = this.token;
      if (token.kind === 'symbol') {
        if (unaryOperators.includes(token.symbol)) {
          this.next++;
          return { kind: 'unary', operator: token.symbol as UnaryOperator, operand: this.unary(), at: token.at };
        }
        if (token.symbol === '*') {
          this.next++;
          const type = this.pointerCast() ?? 'u64';
          return { kind: 'memory', type, address: this.unary(), at: token.at };
        }
        if (token.symbol === '&') {
          // A symbol's value is its address already; `&symbol` is what C programmers write for it.
          this.next++;
          const operand = this.unary();
          if (operand.kind === 'memory') return operand.address;
          if (operand.kind === 'name') return operand;
          throw new ExpressionError(this.text, token.at, 'only a symbol or a memory operand has an address.');
        }
      }
      return this.primary();
    } finally {
      this.depth--;
    }
  }

  /** `(u64*)` if that stands next. */
  private pointerCast(): AccessType | undefined {
    const type = this.tokens[this.next + 1];
    if (!this.isSymbol('(') || type?.kind !== 'name' || !this.isSymbol('*', 2) || !this.isSymbol(')', 3)) return undefined;
    if (!(type.name in accessTypes)) {
      throw new ExpressionError(
        this.text,
        type.at,
        `the type "${type.name}" is unknown; there are ${Object.keys(accessTypes).join(', ')}.`,
      );
    }
    this.next += 4;
    return type.name as AccessType;
  }

  private primary(): Expression {
    const token = this.token;
    switch (token.kind) {
      case 'integer':
        this.next++;
        return { kind: 'integer', value: token.value, at: token.at };
      case 'text':
        this.next++;
        return { kind: 'text', value: token.value, at: token.at };
      case 'name': {
        this.next++;
        if (!this.isSymbol('(')) return { kind: 'name', name: token.name, at: token.at };
        if (!(token.name in accessTypes)) {
          throw new ExpressionError(
            this.text,
            token.at,
            `"${token.name}" cannot be called. Memory is read by ${Object.keys(accessTypes)
              .map(name => `${name}()`)
              .join(', ')}.`,
          );
        }
        this.next++;
        const address = this.binary(0);
        this.expect(')');
        return { kind: 'memory', type: token.name as AccessType, address, at: token.at };
      }
      case 'symbol':
        if (token.symbol === '(') {
          this.next++;
          const inner = this.binary(0);
          this.expect(')');
          return inner;
        }
        break;
      case 'end':
        break;
    }
    throw this.unexpected('a number, a register, a symbol or "("');
  }
}
