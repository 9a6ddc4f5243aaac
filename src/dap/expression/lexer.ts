import { ExpressionError } from './ast.js';

export type Token =
  | { kind: 'integer'; value: bigint; at: number; end: number }
  | { kind: 'text'; value: string; at: number; end: number }
  | { kind: 'name'; name: string; at: number; end: number }
  | { kind: 'symbol'; symbol: string; at: number; end: number }
  | { kind: 'end'; at: number; end: number };

/** Longest first, so that `<<` is not read as two `<`. */
const symbols = [
  '||',
  '&&',
  '==',
  '!=',
  '<=',
  '>=',
  '<<',
  '>>',
  '|',
  '^',
  '&',
  '<',
  '>',
  '+',
  '-',
  '*',
  '/',
  '%',
  '!',
  '~',
  '(',
  ')',
];

/** A name may hold dots, for words such as `cr3.half` and compiler symbols such as `fault.part.0`. `$` before a register is allowed. */
const namePattern = /\$?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*/y;
const numberPattern = /(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*)/y;

/** Cuts an expression into tokens; the last one is `end`. Throws ExpressionError. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  for (;;) {
    while (at < text.length && /\s/.test(text[at]!)) at++;
    if (at >= text.length) break;
    const character = text[at]!;
    if (character === "'" || character === '"') {
      const close = text.indexOf(character, at + 1);
      if (close < 0) throw new ExpressionError(text, at, `the text that starts here has no closing ${character}.`);
      tokens.push({ kind: 'text', value: text.slice(at + 1, close), at, end: close + 1 });
      at = close + 1;
      continue;
    }
    const number = match(numberPattern);
    if (number !== undefined) {
      const end = at + number.length;
      if (/[A-Za-z0-9_]/.test(text[end] ?? '')) {
        throw new ExpressionError(
          text,
          at,
          `"${/^\w+/.exec(text.slice(at))![0]}" is not a number. Write decimal (42), hexadecimal (0x2a) or binary (0b101010).`,
        );
      }
      const digits = number.replaceAll('_', '');
      let value: bigint;
      try {
        value = BigInt(digits);
      } catch {
        throw new ExpressionError(
          text,
          at,
          `"${number}" is not a number. Write decimal (42), hexadecimal (0x2a) or binary (0b101010).`,
        );
      }
      if (value >= 1n << 64n) throw new ExpressionError(text, at, `${number} does not fit into 64 bits.`);
      tokens.push({ kind: 'integer', value, at, end });
      at = end;
      continue;
    }
    const name = match(namePattern);
    if (name !== undefined) {
      tokens.push({ kind: 'name', name: name.startsWith('$') ? name.slice(1) : name, at, end: at + name.length });
      at += name.length;
      continue;
    }
    const symbol = symbols.find(candidate => text.startsWith(candidate, at));
    if (symbol === undefined) {
      const hint = character === '=' ? ' To compare write ==; nothing can be assigned in an expression.' : '';
      throw new ExpressionError(text, at, `"${character}" means nothing here.${hint}`);
    }
    tokens.push({ kind: 'symbol', symbol, at, end: at + symbol.length });
    at += symbol.length;
  }
  tokens.push({ kind: 'end', at: text.length, end: text.length });
  return tokens;
}
