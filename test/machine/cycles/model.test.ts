import { describe, expect, it } from 'vitest';
import { CYCLES } from '../../../src/machine/cycles/model.js';

describe('the cycle model', () => {
  it('gives every event a positive whole number of cycles and the source of it', () => {
    for (const { event, cycles, source } of Object.values(CYCLES)) {
      expect(Number.isInteger(cycles) && cycles > 0, event).toBe(true);
      expect(source.length, event).toBeGreaterThan(10);
    }
  });
});
