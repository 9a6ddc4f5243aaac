import { describe, expect, it } from 'vitest';
import { ExpressionError } from '../../../src/dap/expression/ast.js';
import type { Scope } from '../../../src/dap/expression/evaluate.js';
import { evaluateText, parseCondition } from '../../../src/dap/expression/expression.js';
import { parseExpression } from '../../../src/dap/expression/parser.js';

const names: Record<string, bigint | string> = { rax: 0x10n, rsp: 0x1000n, cpl: 3n, cpu: 1n, 'cr3.half': 'shadow', table: 0x1010n, kernel: 0xffff8000n };
const memory = new Uint8Array(32).map((_, i) => i + 0x80);

/** A CPU with a few names and 32 bytes of memory at 0x1000. */
const scope: Scope = {
  lookup: name => names[name],
  readMemory: (address, size) => {
    const at = Number(address) - 0x1000;
    return at >= 0 && at + size <= memory.length ? memory.slice(at, at + size) : undefined;
  },
  suggest: name => (name === 'rxa' ? 'rax' : undefined),
};
const value = (text: string): bigint | string => evaluateText(text, scope);
const failure = (text: string): string => {
  try {
    evaluateText(text, scope);
  } catch (error) {
    expect(error).toBeInstanceOf(ExpressionError);
    return (error as Error).message;
  }
  throw new Error(`"${text}" did not fail`);
};

describe('numbers', () => {
  it.each([['42', 42n], ['0x2A', 42n], ['0b101010', 42n], ['1_000', 1000n], ['0xffffffffffffffff', 2n ** 64n - 1n]])('reads %s', (text, expected) => {
    expect(value(text)).toBe(expected);
  });
  it.each(['0xg', '12ab', '0x', '0b2'])('refuses %s', text => { expect(failure(text)).toContain('is not a number'); });
  it('refuses more than 64 bits', () => { expect(failure('0x10000000000000000')).toContain('64 bits'); });
});

describe('operators', () => {
  it.each([
    ['2 + 3 * 4', 14n], ['(2 + 3) * 4', 20n], ['1 << 4 | 1', 17n], ['7 & 3 == 3', 7n & 1n], ['10 - 3 - 2', 5n], ['7 / 2', 3n], ['7 % 4', 3n],
    ['1 << 64', 0n], ['1 << 63 >> 63', 1n], ['-1', 2n ** 64n - 1n], ['-1 > 0', 1n], ['~0 == -1', 1n], ['!5', 0n], ['!0', 1n], ['!!7', 1n], ['6 ^ 3', 5n],
    ['0xffffffffffffffff + 1', 0n], ['0 - 1 == 0xffffffffffffffff', 1n], ['1 < 2 == 1', 1n], ['1 || 0 && 0', 1n], ['2 <= 2', 1n], ['3 >= 4', 0n],
  ])('%s', (text, expected) => { expect(value(text)).toBe(expected); });

  it('evaluates the right side of && and || only when it decides', () => {
    expect(value('0 && u64(0)')).toBe(0n);
    expect(value('1 || 1 / 0')).toBe(1n);
    expect(failure('1 && 1 / 0')).toContain('division by zero');
  });
});

describe('names and words', () => {
  it('reads registers, with or without $', () => {
    expect(value('rax + 1')).toBe(17n);
    expect(value('$rax')).toBe(16n);
  });
  it('compares words in quotes or bare, even if a symbol has the name', () => {
    expect(value("cr3.half == 'shadow'")).toBe(1n);
    expect(value('cr3.half == shadow && cpl == 3')).toBe(1n);
    expect(value('cr3.half != kernel')).toBe(1n);
  });
  it('refuses to compute with a word or to take it for a condition', () => {
    expect(failure('cr3.half + 1')).toContain('a number is needed');
    expect(failure('cr3.half && 1')).toContain('is a word, not a condition');
    expect(failure('cr3.half == 3')).toContain('cannot be compared with a number');
  });
  it('names the unknown name, its place and a like one', () => {
    expect(failure('1 + rxa')).toBe('In "1 + rxa" at column 5: "rxa" is neither a register nor a symbol nor a word of the expression language. Did you mean rax?');
  });
});

describe('memory', () => {
  it.each([
    ['u8(rsp)', 0x80n], ['u16(rsp)', 0x8180n], ['u32(rsp)', 0x83828180n], ['u64(rsp + 8)', 0x8f8e8d8c8b8a8988n], ['*rsp', 0x8786858483828180n],
    ['*(u16*)rsp', 0x8180n], ['*(u8*)(rsp + 1) + 1', 0x82n], ['i8(rsp)', 0xffffffffffffff80n], ['u8(table)', 0x90n], ['&table', 0x1010n], ['&*rsp', 0x1000n],
  ])('%s', (text, expected) => { expect(value(text)).toBe(expected); });
  it('says which address does not translate', () => { expect(failure('u32(0x2000)')).toContain('0x2000 does not translate'); });
  it('refuses unknown types', () => {
    expect(failure('u128(rsp)')).toContain('cannot be called');
    expect(failure('*(long*)rsp')).toContain('"long" is unknown');
  });
});

describe('what is wrong is told with its place', () => {
  it.each([
    ['', 'nothing to evaluate'], ['1 +', 'where it ends'], ['(1', '")" is expected'], ['1 2', 'an operator or the end'], ['rax = 1', 'To compare write =='],
    ["'open", 'no closing'], ['rax @ 1', '"@" means nothing'], ['&5', 'has an address'], [')', 'a number, a register'],
  ])('%s', (text, expected) => { expect(failure(text)).toContain(expected); });
  it('does not overflow on deep nesting', () => { expect(failure(`${'!'.repeat(5000)}1`)).toContain('nested'); });
});

it('checks the names of a condition without reading memory', () => {
  expect(() => parseCondition('u64(0x5000) == 1', scope)).not.toThrow();
  expect(() => parseCondition('cr3.half == anything', scope)).not.toThrow();
  expect(() => parseCondition('0 && rxa', scope)).toThrow('Did you mean rax?');
  expect(parseExpression('1')).toEqual({ kind: 'integer', value: 1n, at: 0 });
});
