import { describe, expect, it } from 'vitest';
import { parseInvariantCondition } from '../../../src/dap/breakpoints/invariantCondition.js';
import { predicates } from '../../../src/kaiser/index.js';
import { boot } from '../invariantMachine.js';

const debuggee = await boot('', []);
const names = (text: string): string => predicates.map(({ id }) => id).filter(parseInvariantCondition(text, debuggee).wants).join(' ');
const all = predicates.map(({ id }) => id).join(' ');

describe('the condition of the filter on rules of KAISER', () => {
  it.each([
    ['', all],
    ['P5', 'P5'],
    ['p5, P10', 'P5 P10'],
    ['P1 P5', 'P1 P5'],
    ['P5 || P20', 'P5 P20'],
    ['predicate == P6', 'P6'],
    ['predicate <= 3', 'P1 P2 P3'],
    ['!P17 && !p24', all.replace('P17 ', '').replace(' P24', '')],
    ['predicate != P6', all.replace('P6 ', '')],
  ])('"%s" has just these checked: %s', (text, wanted) => {
    expect(names(text)).toBe(wanted);
  });

  it('asks about the CPU, its registers and the hazard when a rule is broken', () => {
    const accepts = (text: string, hazard?: string): boolean => parseInvariantCondition(text, debuggee).accepts({ predicate: 'P7', cpu: 1, ...(hazard ? { hazard } : {}) }, debuggee);
    expect([accepts('P7 && cpu == 1'), accepts('P7 && cpu == 0'), accepts('cpl == 0 && rip != 0x1234')]).toEqual([true, false, true]);
    expect([accepts('hazard == H13', 'H13'), accepts('hazard == H13', 'H12'), accepts('hazard == H13'), accepts('H13 || H11', 'H11')]).toEqual([true, false, false, true]);
    expect(names('cpu == 1 && P7')).toBe(all);
  });

  it.each([
    ['P25', 'In "P25": there is no predicate P25; there are P1 to P24.'],
    ['P5 || P0', 'there is no predicate P0; there are P1 to P24'],
    ['hazard == H33', 'there is no hazard H33; there are H1 to H32'],
    ['P5 &&', 'In "P5 &&" at column 6'],
    ['predicat == 5', 'is neither a register nor a symbol nor a word'],
    ['P5 && P6', 'is true for none of P1 to P24: nothing would be checked'],
  ])('"%s" is refused in words', (text, message) => {
    expect(() => parseInvariantCondition(text, debuggee)).toThrow(message);
  });
});
