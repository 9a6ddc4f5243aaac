import { describe, expect, it } from 'vitest';
import { CodeBytes } from '../../../src/machine/memory/codeBytes.js';
import { CODE_LINE, CODE_LINES_BASE, PAGE_SIZE } from '../../../src/machine/memory/layout.js';
import { Random } from '../../oracle/random.js';

const PAGES = 3;

describe('the bytes of a page that have been decoded', () => {
  it('are those that have been marked, for every range, and the lines that they lie in', () => {
    const random = new Random(1), i32 = new Int32Array((CODE_LINES_BASE >> 2) + PAGES * 2), code = new CodeBytes(i32);
    const model = Array.from({ length: PAGES }, () => new Uint8Array(PAGE_SIZE));
    const range = (most: number) => {
      const from = random.below(PAGE_SIZE);
      return [from, Math.min(1 + random.below(most), PAGE_SIZE - from)] as const;
    };
    for (let n = 0; n < 4000; n++) {
      const page = random.below(PAGES), [from, length] = range(random.below(20) ? 40 : PAGE_SIZE);
      if (random.below(400) === 0) {
        code.clear(page);
        model[page]!.fill(0);
      } else if (random.below(30) === 0) {
        code.mark(page, from, length);
        model[page]!.fill(1, from, from + length);
      }
      const [at, size] = range(300);
      expect(code.meets(page, at, size)).toBe(model[page]!.subarray(at, at + size).includes(1));
      const line = random.below(PAGE_SIZE / CODE_LINE), word = i32[(CODE_LINES_BASE >> 2) + page * 2 + (line >> 5)]!;
      expect(word >>> (line & 31) & 1).toBe(model[page]!.subarray(line * CODE_LINE, (line + 1) * CODE_LINE).includes(1) ? 1 : 0);
    }
    expect(code.marked().length).toBeGreaterThan(0);
  });
});
