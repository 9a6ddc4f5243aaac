import type { Expression } from '../expression/ast.js';
import { parseExpression } from '../expression/parser.js';

/** A log message: text between expressions. */
export type LogPart = string | { text: string; expression: Expression };

/**
 * Parses the message of a logpoint: `{expression}` is replaced by its value, `{{` and `}}` stand for braces.
 * Throws an Error for an open brace or a wrong expression.
 */
export function parseLogMessage(message: string): LogPart[] {
  const parts: LogPart[] = [];
  let text = '';
  for (let i = 0; i < message.length; i++) {
    const character = message[i]!;
    if ((character === '{' || character === '}') && message[i + 1] === character) {
      text += character;
      i++;
    } else if (character === '{') {
      const close = message.indexOf('}', i);
      if (close < 0) throw new Error(`The log message "${message}" has a { without }. Write {{ for the character itself.`);
      if (text) parts.push(text);
      text = '';
      const source = message.slice(i + 1, close).trim();
      parts.push({ text: source, expression: parseExpression(source) });
      i = close;
    } else {
      text += character;
    }
  }
  if (text) parts.push(text);
  return parts;
}
