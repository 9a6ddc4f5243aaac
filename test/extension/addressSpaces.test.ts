import { describe, expect, it } from 'vitest';
import type { AddressRange, LevelRow, Requests } from '../../src/extension/protocol.js';
import type { Source } from '../../src/extension/sessionModel.js';
import { addressSpaceRows } from '../../src/extension/views/addressSpaces.js';
import { rowsToText, type Row } from '../../src/extension/views/row.js';
import { english } from './l10n.js';

const pair = { id: '7', tasks: ['sh', 'storm'], kernelRoot: '0x12b0000', shadowRoot: '0x12b1000', cpus: [{ index: 0, half: 'shadow' as const }] };
const range = (start: string, where: AddressRange['where'], rest: Partial<AddressRange> = {}): AddressRange => ({
  start, end: '0x401000', size: '4 KiB', level: 1, rights: 'r-x', user: true, present: true, where, description: 'user text', ...rest,
});

/** A source that answers from a table and notes what it was asked. */
function source(replies: Partial<{ [Name in keyof Requests]: (args: object) => Requests[Name] }>): Source & { asked: [string, object][] } {
  const asked: [string, object][] = [];
  return {
    asked,
    async ask(name, args = {}) {
      asked.push([name, args]);
      const reply = replies[name];
      if (!reply) throw new Error(`unexpected ${name}`);
      return reply(args) as never;
    },
  };
}

describe('the Address spaces view as ranges', () => {
  it('shows both tables of a space as one list that says where each range is', async () => {
    const from = source({
      'kaiserscope/addressSpaces': () => ({ spaces: [pair] }),
      'kaiserscope/ranges': () => ({
        ranges: [
          range('0x0000000000400000', 'differs', { poison: 'PGD 0' }),
          range('0xffffffff81000000', 'kernel', { user: false, size: '2 MiB', description: 'kernel text' }),
          range('0xfffffe0000000000', 'both', { user: false, rights: 'r--', description: 'cpu_entry_area' }),
        ],
      }),
    });
    const rows = await addressSpaceRows(from, 'ranges', english);
    expect(await rowsToText(rows)).toBe([
      'sh, storm  CPU 0 in shadow · kernel 0x12b0000, shadow 0x12b1000',
      '  0x400000  user text · r-x user · poison PGD 0 · 4 KiB · differs',
      '  0xffffffff81000000  kernel text · r-x supervisor · 2 MiB · kernel only',
      '  0xfffffe0000000000  cpu_entry_area · r-- supervisor · 4 KiB · in both', '',
    ].join('\n'));
    expect(from.asked.at(-1)).toEqual(['kaiserscope/ranges', { root: '0x12b0000', other: '0x12b1000' }]);
    const badges = (await rows[0]!.children!()).map(row => row.badge?.letter);
    expect(badges).toEqual(['≠', 'K', undefined]);
  });

  it('asks for the ranges of a space only when it is opened', async () => {
    const from = source({ 'kaiserscope/addressSpaces': () => ({ spaces: [pair, { ...pair, id: '8', cpus: [] }] }) });
    await addressSpaceRows(from, 'ranges', english);
    expect(from.asked).toHaveLength(1);
  });

  it('reads aloud what rights mean', async () => {
    const from = source({
      'kaiserscope/addressSpaces': () => ({ spaces: [pair] }), 'kaiserscope/ranges': () => ({ ranges: [range('0x0000000000400000', 'both')] }),
    });
    const [row] = await (await addressSpaceRows(from, 'ranges', english))[0]!.children!();
    expect(row!.spoken).toBe('0x0000000000400000, 4 KiB, read only, executable, user, in both, user text');
  });

  it('folds what is longer than a side bar can show, without losing a row', async () => {
    const many = Array.from({ length: 200 }, (_, index) => range(`0x${(0x400000 + index * 0x1000).toString(16)}`, 'both'));
    const from = source({ 'kaiserscope/addressSpaces': () => ({ spaces: [pair] }), 'kaiserscope/ranges': () => ({ ranges: many }) });
    const count = async (rows: Row[]): Promise<number> => {
      let sum = 0;
      for (const row of rows) sum += row.id.endsWith('/more') ? await count(await row.children!()) : 1;
      return sum;
    };
    const rows = await (await addressSpaceRows(from, 'ranges', english))[0]!.children!();
    expect(rows).toHaveLength(65);
    expect(rows.at(-1)!.label).toBe('Show 136 more');
    expect(await count(rows)).toBe(200);
  });
});

describe('the Address spaces view as levels', () => {
  it('opens one table after the other, each under its own half', async () => {
    const top: LevelRow = {
      label: '[511]', description: 'table 0x3000', kind: 'table', start: '0xffffff8000000000', end: '0xffffffffffffffff',
      entry: '0x3063', childTable: '0x3000', childLevel: 3,
    };
    const from = source({
      'kaiserscope/addressSpaces': () => ({ spaces: [pair] }),
      'kaiserscope/levels': args => ({ rows: 'table' in args ? [] : [top] }),
    });
    const [space] = await addressSpaceRows(from, 'levels', english);
    const halves = await space!.children!();
    expect(halves.map(half => `${half.label} ${half.description}`)).toEqual(['Kernel table 0x12b0000', 'Shadow table 0x12b1000 · CPU 0']);
    const [entry] = await halves[1]!.children!();
    expect(entry).toMatchObject({ id: 'space/7/shadow/0xffffff8000000000', label: '[511]', value: '0x3063' });
    await entry!.children!();
    expect(from.asked.slice(-2)).toEqual([
      ['kaiserscope/levels', { root: '0x12b1000' }],
      ['kaiserscope/levels', { root: '0x12b1000', table: '0x3000', level: 3, base: '0xffffff8000000000' }],
    ]);
  });

  it('has one table where the kernel built no shadow', async () => {
    const from = source({ 'kaiserscope/addressSpaces': () => ({ spaces: [{ ...pair, shadowRoot: null }] }) });
    const [space] = await addressSpaceRows(from, 'levels', english);
    expect((await space!.children!()).map(half => half.label)).toEqual(['Kernel table']);
  });
});
