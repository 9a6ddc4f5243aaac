import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describe as inWords, differences } from './compare.js';
import { Emulated } from './emulated.js';
import { allForms } from './forms.js';
import { batchImage, nativeIsIntel, nativePossible } from './native.js';
import { compareWithProcessor, expectedOutcome } from './run.js';
import { readVectors } from './vectors.js';

const root = path.resolve(fileURLToPath(import.meta.url), '../../..');

describe('instructions', () => {
  it('come in the forms that 64-bit, 32-bit and 16-bit code have', () => {
    expect(allForms().length).toBeGreaterThan(900);
    expect(allForms(32).length).toBeGreaterThan(750);
    expect(allForms(16).length).toBeGreaterThan(750);
  });

  it('do what a processor did, interpreted and translated', () => {
    const emulated = new Emulated(), failures: string[] = [];
    let cases = 0;
    for (const batch of readVectors(root)) {
      emulated.loadCode(batchImage(batch.map(b => b.c)));
      const steps = batch.map(({ c, expected }) => {
        const outcome = emulated.interpret(c), want = expectedOutcome(c, expected, outcome);
        const found = differences(want.expected, outcome, 0xcd5 & ~want.undefinedFlags);
        if (found.length) failures.push(`interpreter: ${inWords(c)}\n  ${found.join('\n  ')}`);
        return { steps: emulated.steps, outcome };
      });
      emulated.compile(batch.map(b => b.c));
      batch.forEach(({ c }, n) => {
        cases++;
        const found = differences(steps[n]!.outcome, emulated.run(c, steps[n]!.steps));
        if (found.length) failures.push(`region: ${inWords(c)}\n  ${found.join('\n  ')}`);
      });
    }
    expect(failures).toEqual([]);
    expect(cases).toBeGreaterThan(3300);
  });

  it.skipIf(!nativePossible() || !nativeIsIntel()).each([[64, 3000], [32, 1000], [16, 1000]] as const)('do in %i-bit code what this processor does', (bits, count) => {
    const report = compareWithProcessor({ root, count, seed: 20261123, sequences: 0.3, keep: 5, bits });
    expect(report.failures.map(f => f.text)).toEqual([]);
    expect(report.cases).toBe(count);
    // Neither all nothing but faults nor none.
    expect(report.faults / count).toBeGreaterThan(0.05);
    expect(report.faults / count).toBeLessThan(0.4);
  });
});
