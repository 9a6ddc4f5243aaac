import { expect, it } from 'vitest';
import { pagingModeOf } from '../../src/paging/index.js';

it.each([
  [0x11n, 0x20n, 0x100n, 'off'], [0x80000011n, 0x10n, 0n, '32-bit'], [0x80000011n, 0x20n, 0x800n, 'PAE'], [0x80000011n, 0x20n, 0x500n, '4-level'],
])('CR0 %i, CR4 %i and EFER %i mean paging %s', (cr0, cr4, efer, mode) => expect(pagingModeOf({ cr0, cr4, efer })).toBe(mode));
