import { expect, it } from 'vitest';
import { compileCondition, constantSource } from '../../../src/dap/expression/condition.js';
import type { Scope } from '../../../src/dap/expression/evaluate.js';
import { evaluate, isTrue } from '../../../src/dap/expression/evaluate.js';
import { parseExpression } from '../../../src/dap/expression/parser.js';
import { Random } from '../../oracle/random.js';

const interesting = [0n, 1n, 2n, 3n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffff80001000n, 0xffffffffffffffffn];

/** Registers a, b, c whose values change, a symbol, a word with text, a word without. */
function changingScope(random: Random): Scope & { change(): void } {
  const values: Record<string, bigint> = { a: 0n, b: 0n, c: 0n, table: 0xffffffff80001000n };
  const texts: Record<string, string> = { half: 'shadow' };
  return {
    change: () => { for (const name of ['a', 'b', 'c']) values[name] = random.pick(interesting); },
    lookup: name => values[name] ?? texts[name],
    source: name => values[name] === undefined || name === 'c' ? undefined
      : { low: () => constantSource(values[name]!).low(), high: () => constantSource(values[name]!).high() },
    readMemory: address => address === 1n ? undefined : new Uint8Array(8).fill(Number(address & 0xffn)),
    suggest: () => undefined,
  };
}

function randomText(random: Random, depth: number): string {
  if (depth === 0 || random.chance(0.15)) return random.pick(['a', 'b', 'c', 'table', 'half', "'shadow'", 'unknown', ...interesting.map(n => `0x${n.toString(16)}`)]);
  if (random.chance(0.15)) return `${random.pick(['!', '~', '-', '+'])}(${randomText(random, depth - 1)})`;
  if (random.chance(0.05)) return `u8(${randomText(random, depth - 1)})`;
  const operator = random.pick(['==', '!=', '<', '<=', '>', '>=', '&&', '||', '&', '|', '^', '==', '&&', '+', '<<', '/']);
  return `(${randomText(random, depth - 1)}) ${operator} (${randomText(random, depth - 1)})`;
}

const outcome = (run: () => boolean): string => {
  try {
    return String(run());
  } catch (error) {
    return (error as Error).message;
  }
};

it('a compiled condition says what evaluation says, for any expression and whatever the registers become, errors included', () => {
  const random = new Random(5), seen = { true: 0, false: 0, errors: 0 };
  for (let n = 0; n < 20_000; n++) {
    const text = randomText(random, 1 + n % 4), scope = changingScope(random), expression = parseExpression(text);
    const compiled = compileCondition(expression, scope, text);
    for (let time = 0; time < 3; time++) {
      scope.change();
      const result = outcome(compiled);
      expect(result, text).toBe(outcome(() => isTrue(evaluate(expression, scope, text))));
      seen[result === 'true' || result === 'false' ? result : 'errors']++;
    }
  }
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(5000);
});
