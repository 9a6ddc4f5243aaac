import { expect, it } from 'vitest';
import { invariantsDocument } from '../../src/cli/invariantsDocument.js';
import { predicates } from '../../src/kaiser/index.js';

it('docs/invariants.md is current', async () => {
  await expect(invariantsDocument()).toMatchFileSnapshot('../../docs/invariants.md');
});

it('there are P1 to P24, in their order', () => {
  expect(predicates.map(({ id }) => id)).toEqual(Array.from({ length: 24 }, (_, i) => `P${i + 1}`));
});
