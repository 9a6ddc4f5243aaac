import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { loadSymbols, parseElf, sourceFrames, type Symbols } from '../../src/symbols/index.js';
import { bytesOf, fixtures, run, temporaryFolder } from './build.js';

describe('debug information in the forms that clang uses', () => {
  const folder = temporaryFolder();
  let symbols: Symbols;
  beforeAll(() => {
    const image = join(folder.path, 'forms');
    run('gcc', '-nostdlib', '-static', '-no-pie', '-Wa,-gdwarf-5', '-Wl,--build-id=none', '-o', image, join(fixtures, 'forms.S'));
    symbols = loadSymbols(parseElf(bytesOf(image)));
  });
  afterAll(() => folder.remove());

  it('has line tables with MD5 sums', () => {
    const first = symbols.table.addressOf('first')!;
    expect(symbols.problems).toEqual([]);
    expect(symbols.lines.locationAt(first)).toEqual({ file: '/src/tree/one.c', line: 10, column: 3 });
    expect(symbols.lines.locationAt(first + 1n)).toEqual({ file: '/src/tree/sub/two.h', line: 5, column: 1 });
    expect(symbols.lines.breakpointsAt('two.h', 1)).toMatchObject({ line: 5, addresses: [first + 1n] });
  });

  it('has functions by index: names, addresses, ranges, inlined calls', () => {
    const { functions } = symbols;
    expect(symbols.problems).toEqual([]);
    const at = (name: string): bigint => symbols.table.addressOf(name)!;
    expect(functions.functions.map((one) => [one.name, one.external, one.ranges.length])).toEqual([['first', true, 1], ['second', false, 2]]);
    expect(functions.rangeAt(at('first'))).toEqual({ start: at('first'), end: at('first_end') });
    expect(functions.functionAt(at('second_cold'))?.name).toBe('second');
    expect(functions.functionAt(at('second_end'))).toBeUndefined();
    expect(sourceFrames(symbols, at('first') + 1n)).toEqual([
      { function: 'inlined_one', location: { file: '/src/tree/sub/two.h', line: 5, column: 1 }, inlined: true },
      { function: 'first', location: { file: '/src/tree/one.c', line: 10, column: 0 }, inlined: false }]);
  });

  it('survives any single damaged byte of .debug_info and .debug_abbrev', () => {
    const bytes = bytesOf(join(folder.path, 'forms'));
    for (const name of ['.debug_info', '.debug_abbrev', '.debug_rnglists']) {
      const section = parseElf(bytes).sections.find((one) => one.name === name)!;
      for (let i = 0; i < section.size; i++) {
        for (const flip of [1, 0x80, 0xff]) {
          const copy = bytes.slice();
          copy[section.offset + i] = copy[section.offset + i]! ^ flip;
          const damaged = loadSymbols(parseElf(copy));
          damaged.functions.inlinedAt(damaged.image.entry);
        }
      }
    }
  });
});
