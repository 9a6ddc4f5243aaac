import { expect, it } from 'vitest';
import { parseHitCondition } from '../../../src/dap/breakpoints/hitCondition.js';
import { parseLogMessage } from '../../../src/dap/breakpoints/logMessage.js';

it.each([
  ['3', [3]], ['== 3', [3]], ['>=3', [3, 4, 5, 6]], ['>3', [4, 5, 6]], ['<3', [1, 2]], ['<= 3', [1, 2, 3]], ['%2', [2, 4, 6]],
])('the hit count %s stops at the right times', (text, expected) => {
  const stops = parseHitCondition(text);
  expect([1, 2, 3, 4, 5, 6].filter(hits => stops(hits))).toEqual(expected);
});

it.each(['x', '', '3 times', '%0', '-1', '1.5'])('the hit count "%s" is refused with the forms', text => {
  expect(() => parseHitCondition(text)).toThrow(/hit count/);
});

it('cuts a log message into text and expressions', () => {
  expect(parseLogMessage('rax is {rax}, {{literally}} {cpu+1}')).toEqual([
    'rax is ', { text: 'rax', expression: { kind: 'name', name: 'rax', at: 0 } }, ', {literally} ', { text: 'cpu+1', expression: expect.objectContaining({ kind: 'binary' }) as unknown },
  ]);
});

it('refuses an open brace and a wrong expression', () => {
  expect(() => parseLogMessage('a {b')).toThrow('has a { without }');
  expect(() => parseLogMessage('a {b +}')).toThrow('where it ends');
});
