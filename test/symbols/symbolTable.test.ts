import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSymbols, parseElf, sourceFrames, type Symbols } from '../../src/symbols/index.js';
import { buildKernel, bytesOf, run, temporaryFolder } from './build.js';

const folder = temporaryFolder();
let symbols: Symbols;
let path: string;
beforeAll(() => {
  path = buildKernel(folder.path, 'kernel', '-O2', '-gdwarf-5');
  symbols = loadSymbols(parseElf(bytesOf(path)));
});
afterAll(() => folder.remove());

describe('symbols of a kernel', () => {
  it('are those that nm lists, with their sizes', () => {
    const listed = run('nm', '-S', path).trim().split('\n').map((line) => line.split(/\s+/));
    for (const parts of listed) {
      const name = parts[parts.length - 1]!;
      const kind = parts[parts.length - 2]!;
      const address = BigInt(`0x${parts[0]}`);
      expect(symbols.table.allByName(name).some((symbol) => symbol.address === address)).toBe(true);
      if (parts.length !== 4) continue;
      const symbol = symbols.table.allByName(name).find((one) => one.address === address)!;
      expect(symbol.size).toBe(parseInt(parts[1]!, 16));
      expect(symbol.global).toBe(kind === kind.toUpperCase());
    }
  });

  it('name every byte of every sized function and object', () => {
    for (const symbol of symbols.table.all()) {
      for (let offset = 0; offset < symbol.size; offset += symbol.size > 64 ? 8 : 1) {
        const hit = symbols.table.symbolAt(symbol.address + BigInt(offset))!;
        expect(hit.symbol.address + BigInt(hit.offset)).toBe(symbol.address + BigInt(offset));
        if (hit.offset !== 0) expect(hit.symbol.name).toBe(symbol.name);
      }
    }
  });

  it('name a label exactly, and behind it the function that holds it', () => {
    const write = symbols.table.addressOf('entry_syscall64_cr3')!;
    const entry = symbols.table.addressOf('entry_syscall64')!;
    expect(symbols.table.format(write)).toBe('entry_syscall64_cr3');
    expect(symbols.table.format(write + 3n)).toBe(`entry_syscall64+0x${(write + 3n - entry).toString(16)}`);
    expect(symbols.table.functionAt(write)).toMatchObject({ symbol: { name: 'entry_syscall64' }, offset: Number(write - entry) });
  });

  it('reach behind a label without size to the end of its section, and no further', () => {
    const start = symbols.table.addressOf('_start')!;
    expect(symbols.table.format(start + 8n)).toBe('_start+0x8');
    expect(symbols.table.format(start + 0x100000n)).toBeUndefined();
    expect(symbols.table.format(0n)).toBeUndefined();
  });

  it('keep the two static functions of one name apart', () => {
    expect(symbols.table.allByName('helper')).toHaveLength(2);
    for (const helper of symbols.table.allByName('helper')) expect(symbols.table.symbolAt(helper.address + 1n)).toMatchObject({ symbol: { name: 'helper', address: helper.address } });
  });

  it('complete a prefix in order and correct a slip', () => {
    expect(symbols.table.complete('entry_')).toEqual(['entry_syscall64', 'entry_syscall64_cr3']);
    expect(symbols.table.complete('entry_', 1)).toEqual(['entry_syscall64']);
    expect(symbols.table.complete('zz')).toEqual([]);
    expect(symbols.table.similar('kernel_mian')[0]).toBe('kernel_main');
    expect(symbols.table.similar('qqqqqqqqqqq')).toEqual([]);
  });
});

describe.each([['DWARF 5', '-gdwarf-5'], ['DWARF 4', '-gdwarf-4']])('functions of %s', (_name, flag) => {
  it('have the extent that the symbol table gives them, and their inlined calls', () => {
    const built = loadSymbols(parseElf(bytesOf(buildKernel(folder.path, `functions${flag}`, '-O2', flag))));
    const { functions } = built;
    expect(built.problems).toEqual([]);
    for (const name of ['kernel_main', 'early_exit', 'other', 'helper']) {
      for (const symbol of built.table.allByName(name)) {
        expect(functions.functionAt(symbol.address)?.name).toBe(name);
        expect(functions.rangeAt(symbol.address + 1n)).toEqual({ start: symbol.address, end: symbol.address + BigInt(symbol.size) });
      }
    }
    const helper = built.table.allByName('helper').find((symbol) => functions.functionAt(symbol.address)!.inlined.length > 0)!;
    const inlined = functions.functionAt(helper.address)!.inlined;
    expect(inlined.map((call) => call.name)).toContain('twist');
    expect(inlined[0]!.callFile).toMatch(/main\.c$/);
    expect(functions.inlinedAt(BigInt.asUintN(64, BigInt(inlined[0]!.ranges[0]!.start)))[0]!.name).toBe('twist');
    expect(functions.functionAt(0n)).toBeUndefined();
    const inside = BigInt.asUintN(64, BigInt(inlined[0]!.ranges[0]!.start));
    const frames = sourceFrames(built, inside);
    expect(frames.map((frame) => [frame.function, frame.inlined])).toEqual([['twist', true], ['helper', false]]);
    expect(frames[0]!.location).toEqual(built.lines.locationAt(inside));
    expect(frames[1]!.location).toMatchObject({ line: inlined[0]!.callLine });
    expect(sourceFrames(built, built.table.addressOf('kernel_main')!)).toMatchObject([{ function: 'kernel_main', inlined: false }]);
    expect(sourceFrames(built, 0n)).toEqual([]);
  });
});
