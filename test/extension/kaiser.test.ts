import { describe, expect, it } from 'vitest';
import { kaiserRows } from '../../src/extension/views/kaiser.js';
import { rowsToText } from '../../src/extension/views/row.js';
import { english } from './l10n.js';

describe('the KAISER view', () => {
  it('shows state, flag, design, and the latest toggle first', async () => {
    const rows = kaiserRows({
      available: true, design: 'stop_machine', enabled: 1, flag: 1, history: [
        { position: '1200000', cpu: 0, from: 1, to: 0, how: 'guest' },
        { position: '1300000', cpu: 1, from: 0, to: 1, how: 'raw poke' },
      ],
    }, english);
    expect(await rowsToText(rows)).toBe([
      'State  on', 'Flag  on', 'Design  stop_machine', 'History  2 toggles',
      '  off to on  position 1,300,000 · CPU 1 · raw poke',
      '  on to off  position 1,200,000 · CPU 0 · guest', '',
    ].join('\n'));
  });

  it('says when the flag is not what the policy says', () => {
    const rows = kaiserRows({ available: true, design: 'naive', enabled: 1, flag: 0, history: [] }, english);
    expect(rows[1]!.spoken).toBe('Flag, off, which is not what the policy says');
  });

  it('gives the reason when the program has no KAISER that it knows', async () => {
    expect(await rowsToText(kaiserRows({ available: false, message: 'No kaiserscope_abi symbol.' }, english)))
      .toBe('Not available  No kaiserscope_abi symbol.\n');
  });
});
