import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { nativeIsIntel, nativePossible } from '../native.js';
import { FloatEmulated } from './emulated.js';
import { floatForms } from './generate.js';
import { compareCase, compareFloat, type FloatReport } from './run.js';
import { readFloatVectors } from './vectors.js';

const root = path.resolve(fileURLToPath(import.meta.url), '../../../..');

describe('floating-point instructions', () => {
  it('come in the forms of the x87 and of SSE to SSE3', () => {
    const forms = floatForms();
    expect(forms.filter(f => f.unit === 'x87').length).toBeGreaterThan(450);
    expect(forms.filter(f => f.unit === 'sse').length).toBeGreaterThan(200);
  });

  it('do what a processor did, interpreted and translated', () => {
    const emulated = new FloatEmulated(), report: FloatReport = { cases: 0, transcendental: 0, lastBit: 0, failures: [] };
    for (const { form, start, expected } of readFloatVectors(root)) compareCase(emulated, form, start, expected, report);
    expect(report.failures.map(f => f.text)).toEqual([]);
    expect(report.cases).toBeGreaterThan(600);
    expect(report.lastBit / report.transcendental).toBeLessThan(0.2);
  });

  it.skipIf(!nativePossible() || !nativeIsIntel())('do what this processor does', () => {
    const report = compareFloat({ root, count: 6000, seed: 20261123, keep: 5 });
    expect(report.failures.map(f => f.text)).toEqual([]);
    expect(report.cases).toBe(6000);
  });
});
