import path from 'node:path';
import { expect, it } from 'vitest';
import { buildSystem } from './build.js';
import { compareSystem } from './compare.js';

it('random system programs do the same as on QEMU: page tables, control registers, descriptors, accesses of both modes (a sample)', { timeout: 120_000 }, async () => {
  const file = buildSystem(path.resolve(import.meta.dirname, '..'));
  for (const seed of [1711, 1801]) {
    const { lines, difference } = await compareSystem(file, seed, 1000);
    expect(difference?.text).toBeUndefined();
    expect(lines).toBeGreaterThan(300);
  }
});
