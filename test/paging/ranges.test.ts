import { describe, expect, it } from 'vitest';
import { defaultFeatures, diffTables, isCanonical, linearAddress, listRanges, listTable, type PageRange, readerOf, readWord, rootOf, walk, type WalkResult } from '../../src/paging/index.js';
import { boundaries, D, G, NX, P, PCD, PWT, random, randomTables, RW, Tables, US } from './tables.js';

const features = { ...defaultFeatures, physicalBits: 40 };

/** Addresses at and around places where the mapping can change, and some between: 1,500 of them, drawn evenly. */
function probes(tables: Tables, ...roots: number[]): bigint[] {
  const found = new Set<bigint>();
  const next = random(99);
  for (const root of roots) {
    for (const at of boundaries(tables, root)) {
      for (const address of [at - 1n, at, at + 0xfffn, at + BigInt(next(0x4000_0000))]) if (isCanonical(address)) found.add(BigInt.asUintN(64, address));
    }
  }
  const sorted = [...found];
  return Array.from({ length: 1500 }, () => sorted[next(sorted.length)]!);
}

/** The range that holds an address, by binary search. */
function holding<T extends { start: bigint; end: bigint }>(ranges: readonly T[], address: bigint): T | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  const found = ranges[low - 1];
  return found && address < found.end ? found : undefined;
}

describe('walks', () => {
  it('follow a hand-built table, level by level', () => {
    const tables = new Tables();
    const root = tables.page();
    tables.map(root, 0xffff_ffff_8010_2000n, 0x7000n, P | RW | G | D);
    const walked = walk(tables.reader, root, 0xffff_ffff_8010_2abcn, features);
    expect(walked.steps.map((step) => [step.level, step.kind, step.index, step.present])).toEqual([
      [4, 'PML4E', 511, true], [3, 'PDPTE', 510, true], [2, 'PDE', 0, true], [1, 'PTE', 258, true]]);
    expect(walked.steps[0]).toMatchObject({ table: root, entryAddress: root + 511 * 8, bits: 'P R/W U/S' });
    expect(walked.steps[3]!.entry).toBe(0x7143n);
    expect(walked.result).toEqual({ kind: 'mapped', physical: 0x7abc, pageSize: 4096, level: 1,
      rights: { user: false, write: true, execute: true, global: true }, limits: { user: [1], write: [], execute: [] } });
  });

  it('say at which level and why they end', () => {
    const tables = new Tables();
    const root = tables.page();
    tables.map(root, 0x1000n, 0x5000n, P);
    tables.set(root, 7, 0x40_0000_0000n | P);
    const result = (address: bigint): WalkResult => walk(tables.reader, root, address, features).result;
    expect(result(0x2000n)).toMatchObject({ kind: 'not present', level: 1, text: expect.stringMatching(/^PTE 2 at physical 0x[0-9a-f]+ is not present$/) });
    expect(result(1n << 30n)).toMatchObject({ kind: 'not present', level: 3 });
    expect(result(7n << 39n)).toMatchObject({ kind: 'table outside RAM', level: 3 });
    expect(result(0x1234_0000_0000_0000n)).toMatchObject({ kind: 'not canonical' });
    expect(walk(tables.reader, 0x40_0000_0000, 0n, features).result).toMatchObject({ kind: 'table outside RAM', level: 4 });
  });

  it('take the root from bits 51 to 12 of CR3', () => {
    expect(rootOf(0x8000_0000_0123_4801n)).toBe(0x123_4000);
    expect(rootOf(0x000f_ffff_ffff_ffffn)).toBe(0x000f_ffff_ffff_f000);
  });
});

describe('the reader of RAM', () => {
  it('gives pages inside RAM and nothing outside', () => {
    const buffer = new ArrayBuffer(0x4000);
    const reader = readerOf(new DataView(buffer, 0x1000, 0x2800));
    new DataView(buffer).setBigUint64(0x1008, 0x1122334455667788n, true);
    expect(reader.page(0)![2]).toBe(0x55667788);
    expect(readWord(reader, 8)).toBe(0x1122334455667788n);
    expect(reader.page(0x1000)).toBeDefined();
    expect(reader.page(0x2000)).toBeUndefined(); // only half of that page is RAM
    expect(reader.page(-4096)).toBeUndefined();
    expect(readWord(reader, 0x5000)).toBeUndefined();
    expect(() => readerOf(new DataView(buffer, 2))).toThrow(/not a multiple of 4/);
  });
});

describe('ranges', () => {
  it('merge neighbours of equal rights over table boundaries and page sizes apart', () => {
    const tables = new Tables();
    const root = tables.page();
    for (let i = 0n; i < 1024n; i++) tables.map(root, 0x40_0000n - 0x20_0000n + i * 0x1000n, 0x10_0000n + i * 0x1000n, P | US);
    tables.map(root, 0x60_0000n, 0x20_0000n, P | US, 2);
    tables.map(root, 0x80_0000n, 0x40_0000n, P | US | RW | NX, 2);
    const { ranges } = listRanges(tables.reader, root, features);
    expect(ranges.map((range) => [range.start, range.end, range.level, range.rights.write, range.rights.execute])).toEqual([
      [0x20_0000n, 0x60_0000n, 1, false, true], [0x60_0000n, 0x80_0000n, 2, false, true], [0x80_0000n, 0xa0_0000n, 2, true, false]]);
  });

  it('keep the two halves of the address space apart and end at 2^64', () => {
    const tables = new Tables();
    const root = tables.page();
    tables.map(root, 0x7fff_ffff_f000n, 0x5000n, P);
    tables.map(root, 0xffff_8000_0000_0000n, 0x6000n, P);
    tables.map(root, 0xffff_ffff_ffff_f000n, 0x7000n, P);
    const { ranges } = listRanges(tables.reader, root, features);
    expect(ranges.map((range) => [range.start, range.end])).toEqual([
      [0x7fff_ffff_f000n, 0x8000_0000_0000n], [0xffff_8000_0000_0000n, 0xffff_8000_0000_1000n], [0xffff_ffff_ffff_f000n, 1n << 64n]]);
  });

  it('show the poison of a kernel half, and not NX of a leaf as poison', () => {
    const tables = new Tables();
    const root = tables.page();
    tables.map(root, 0x1000n, 0x5000n, P | US);
    tables.map(root, 0x2000n, 0x6000n, P | US | NX);
    tables.map(root, 1n << 39n, 0x7000n, P | US | NX);
    tables.set(root, 0, tables.get(root, 0) | NX);
    const { ranges } = listRanges(tables.reader, root, features);
    expect(ranges.map((range) => [range.start, range.poisoned, range.rights.execute, range.limits.execute])).toEqual([
      [0x1000n, true, false, [4]], [0x2000n, true, false, [4, 1]], [1n << 39n, false, false, [1]]]);
    const folded = listRanges(tables.reader, root, features, { provenance: false }).ranges;
    expect(folded.map((range) => [range.start, range.size])).toEqual([[0x1000n, 0x2000], [1n << 39n, 0x1000]]);
  });

  it('end with a note on tables that refer to themselves', () => {
    const tables = new Tables();
    const root = tables.page();
    for (let i = 0; i < 512; i++) tables.set(root, i, BigInt(root) | P | RW | US);
    const { truncated, tables: visited } = listRanges(tables.reader, root, features, { tableLimit: 1000 });
    expect(truncated).toBe(true);
    expect(visited).toBeLessThan(1100);
    expect(diffTables(tables.reader, root, root, features, { tableLimit: 1000 }).truncated).toBe(true);
  });

  it.each(Array.from({ length: 25 }, (_, i) => [i + 1]))('cover exactly what walk says (tables of seed %i)', (seed) => {
    const tables = new Tables();
    const { root } = randomTables(tables, seed);
    const { ranges } = listRanges(tables.reader, root, features);
    for (let i = 1; i < ranges.length; i++) {
      if (ranges[i]!.start < ranges[i - 1]!.end) expect.fail('ranges overlap');
      // Merged as far as can be.
      const attributes = (range: PageRange): string => JSON.stringify({ ...range, start: 0, end: 0, size: 0 });
      if (i < 300 && ranges[i]!.start === ranges[i - 1]!.end) expect(attributes(ranges[i]!)).not.toBe(attributes(ranges[i - 1]!));
    }
    let inside = 0;
    for (const address of probes(tables, root)) {
      const { result } = walk(tables.reader, root, address, features);
      const range = holding(ranges, address);
      if (result.kind === 'mapped') {
        inside++;
        expect(range).toMatchObject({ level: result.level, rights: result.rights, limits: result.limits, broken: undefined });
      } else if (result.kind === 'not present') expect(range).toBeUndefined();
      else expect(range).toMatchObject({ broken: result.kind, level: result.level });
    }
    expect(inside).toBeGreaterThan(20);
  });
});

describe('comparing two tables', () => {
  it('tells what only one half maps, what differs and what the poison does', () => {
    const tables = new Tables();
    const kernel = tables.page();
    const shadow = tables.page();
    tables.map(kernel, 0x1000n, 0x5000n, P | US | RW);
    tables.set(shadow, 0, tables.get(kernel, 0));
    tables.set(kernel, 0, tables.get(kernel, 0) | NX);
    tables.map(kernel, 0xffff_8880_0000_0000n, 0n, P | RW | NX, 2, P | RW);
    tables.map(kernel, 0xffff_ffff_8000_0000n, 0x8000n, P | G, 1, P | RW);
    tables.map(shadow, 0xffff_ffff_8000_0000n, 0x8000n, P | G, 1, P | RW);
    tables.map(kernel, 0xffff_ffff_8000_1000n, 0x9000n, P | RW, 1, P | RW);
    tables.map(shadow, 0xffff_ffff_8000_1000n, 0xa000n, P | PCD | PWT, 1, P | RW);
    tables.map(shadow, 0xffff_ffff_8000_2000n, 0xb000n, P, 1, P | RW);
    const { ranges } = diffTables(tables.reader, kernel, shadow, features);
    expect(ranges.map((range) => [range.start, range.where, range.differences, range.poisoned, range.shared])).toEqual([
      [0x1000n, 'differs', ['execute'], true, true],
      [0xffff_8880_0000_0000n, 'kernel only', [], false, false],
      [0xffff_ffff_8000_0000n, 'both', [], false, false],
      [0xffff_ffff_8000_1000n, 'differs', ['write', 'memory type', 'physical address'], false, false],
      [0xffff_ffff_8000_2000n, 'shadow only', [], false, false],
    ]);
  });

  it('compares a large page with the small pages that map the same memory', () => {
    const tables = new Tables();
    const kernel = tables.page();
    const shadow = tables.page();
    tables.map(kernel, 0x20_0000n, 0x20_0000n, P, 2);
    for (let i = 0n; i < 256n; i++) tables.map(shadow, 0x20_0000n + i * 0x1000n, 0x20_0000n + i * 0x1000n, P);
    expect(diffTables(tables.reader, kernel, shadow, features).ranges.map((range) => [range.start, range.size, range.where, range.differences])).toEqual([
      [0x20_0000n, 0x10_0000, 'differs', ['page size']], [0x30_0000n, 0x10_0000, 'kernel only', []]]);
  });

  it.each(Array.from({ length: 25 }, (_, i) => [i + 1]))('says for every address what two walks say (tables of seed %i)', (seed) => {
    const tables = new Tables();
    const { root, also } = randomTables(tables, seed);
    const { ranges } = diffTables(tables.reader, root, also, features);
    for (let i = 1; i < ranges.length; i++) if (ranges[i]!.start < ranges[i - 1]!.end) expect.fail('ranges overlap');
    for (const address of probes(tables, root, also)) {
      const kernel = walk(tables.reader, root, address, features).result;
      const shadow = walk(tables.reader, also, address, features).result;
      const range = holding(ranges, address);
      if (kernel.kind === 'not present' && shadow.kind === 'not present') {
        expect(range).toBeUndefined();
        continue;
      }
      expect(range).toBeDefined();
      const show = (result: WalkResult) => (result.kind === 'not present' ? undefined : result.kind === 'mapped'
        ? { level: result.level, rights: result.rights, limits: result.limits, broken: undefined } : { level: result.level, broken: result.kind });
      for (const [side, result] of [[range!.kernel, kernel], [range!.shadow, shadow]] as const) {
        const wanted = show(result);
        if (wanted === undefined) expect(side).toBeUndefined();
        else expect(side).toMatchObject(wanted);
      }
      if (kernel.kind === 'mapped' && shadow.kind === 'mapped') {
        expect(range!.differences.includes('physical address')).toBe(kernel.physical !== shadow.physical);
        expect(range!.differences.includes('execute')).toBe(kernel.rights.execute !== shadow.rights.execute);
      }
    }
  });

  it('finds a table equal to itself', () => {
    const tables = new Tables();
    const { root } = randomTables(tables, 5);
    const { ranges } = diffTables(tables.reader, root, root, features);
    expect(new Set(ranges.map((range) => range.where))).toEqual(new Set(['both']));
    expect(ranges.every((range) => range.shared)).toBe(true);
  });
});

describe('the rows of one table', () => {
  it('are its present entries and runs of absent ones, all 512 in order', () => {
    for (let seed = 1; seed < 20; seed++) {
      const tables = new Tables();
      const { root } = randomTables(tables, seed);
      const rows = listTable(tables.reader, 4, root, features)!;
      let index = 0;
      for (const row of rows) {
        expect(row.first).toBe(index);
        for (let i = row.first; i <= row.last; i++) if (((tables.get(root, i) & P) !== 0n) !== (row.kind !== 'absent')) expect.fail(`entry ${i}`);
        expect(row.start).toBe(linearAddress(row.first * 2 ** 39));
        index = row.last + 1;
      }
      expect(index).toBe(512);
    }
  });

  it('fold runs of equal pages, with their addresses below the base', () => {
    const tables = new Tables();
    const root = tables.page();
    const base = 0xffff_8880_0020_0000n;
    for (let i = 0n; i < 10n; i++) tables.map(root, base + i * 0x1000n, 0x10_0000n + i * 0x1000n, P | RW | (i === 3n ? D : 0n));
    tables.map(root, base + 0xa000n, 0x20_0000n, P | RW);
    tables.map(root, base + 0xb000n, 0x20_1000n, P | RW);
    const table = tables.tableFor(root, base, 1);
    const rows = listTable(tables.reader, 1, table, features, { base })!;
    expect(rows.map((row) => [row.kind, row.first, row.last, row.start])).toEqual([
      ['page', 0, 9, base], ['page', 10, 10, base + 0xa000n], ['page', 11, 11, base + 0xb000n], ['absent', 12, 511, base + 0xc000n]]);
    expect(rows[0]).toMatchObject({ target: 0x10_0000, bits: 'P R/W', entryAddress: table });
    expect(listTable(tables.reader, 1, table, features, { base, foldFrom: Infinity })!.filter((row) => row.kind === 'page')).toHaveLength(12);
    expect(listTable(tables.reader, 4, 0x4000_0000, features)).toBeUndefined();
  });
});
