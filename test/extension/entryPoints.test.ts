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

  it('says how entry code decides about a write to CR3', async () => {
    const asking = (asks: EntryPoint['asks']): EntryPoint => ({ ...point(`path of ${asks}`, 'cr3', 'entry_cr3'), asks });
    const rows = entryPointRows({ points: (['flag', 'cpu word', 'user GS', 'switches', 'skips', 'by CR3', 'trap', 'unknown'] as const).map(asking) }, () => false, english);
    expect(rows.map(row => row.description)).toEqual(['CR3 switch · tests the flag', 'CR3 switch · tests the CPU’s word', 'CR3 switch · tests a word of user mode’s GS', 'CR3 switch · patched to switch', 'CR3 switch · patched to skip',
      'CR3 switch · goes by CR3', 'CR3 switch · INT3, being patched', 'CR3 switch']);
  });
});
