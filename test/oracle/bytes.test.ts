import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type BytesReport, compareBytes, compareBytesBatch } from './bytes.js';
import { readBytes } from './bytesSample.js';
import { Emulated } from './emulated.js';
import { nativeIsIntel, nativePossible } from './native.js';

const root = path.resolve(fileURLToPath(import.meta.url), '../../..');
const UD = 6, GP = 13, COMPLETE = 3;

describe('random bytes', () => {
  it('are the same instructions, or none, as on a processor, interpreted and translated', () => {
    const report: BytesReport = { cases: 0, vectors: {}, comparisons: { all: 0, exception: 0, undefined: 0 }, failures: [] }, emulated = new Emulated();
    for (const { cases, outcomes } of readBytes(root)) compareBytesBatch(emulated, cases, outcomes, report);
    expect(report.failures.map(f => f.text)).toEqual([]);
    expect(report.cases).toBeGreaterThan(1400);
    // Neither are all refused nor all accepted.
    for (const vector of [UD, GP, COMPLETE]) expect(report.vectors[vector]! / report.cases).toBeGreaterThan(0.04);
    expect(report.comparisons.all).toBeGreaterThan(700);
  });

  it.skipIf(!nativePossible() || !nativeIsIntel()).each([64, 32, 16] as const)('are in %i-bit code the same instructions as on this processor', bits => {
    const report = compareBytes({ root, count: 1000, seed: 20261123, bits, keep: 5 });
    expect(report.failures.map(f => f.text)).toEqual([]);
    expect(report.cases).toBeGreaterThanOrEqual(1000);
  });
});
