import { describe, expect, it } from 'vitest';
import type { EntryPoint } from '../../src/extension/protocol.js';
import { entryPointRows } from '../../src/extension/views/entryPoints.js';
import { rowsToText } from '../../src/extension/views/row.js';
import { english } from './l10n.js';

const point = (path: string, kind: EntryPoint['kind'], symbol: string, hits?: number): EntryPoint =>
  ({ id: symbol, path, kind, symbol, address: '0xffffffff81000000', hits });

describe('the Entry points view', () => {
  it('groups the points of a path, checks those with a breakpoint, and leaves a lone point ungrouped', async () => {
    const rows = entryPointRows({
      points: [
        point('syscall64', 'entry', 'entry_syscall64', 1234), point('syscall64', 'cr3', 'entry_syscall64_cr3', 1),
        point('nmi', 'entry', 'entry_nmi'),
      ],
    }, symbol => symbol === 'entry_syscall64', english);
    expect(await rowsToText(rows)).toBe([
      'syscall64  1 breakpoint', '  [x] entry_syscall64  entry · 1,234 passes', '  [ ] entry_syscall64_cr3  CR3 switch · 1 pass',
      '[ ] entry_nmi  entry', '',
    ].join('\n'));
  });
});
