import { beforeEach, describe, expect, it } from 'vitest';
import { defaultFeatures, diffTables, listRanges, renderDiff, renderTable, renderWalk, sizeText, walk } from '../../src/paging/index.js';
import { G, NX, P, RW, Tables, US } from './tables.js';

const features = defaultFeatures;
let tables: Tables;
let kernel: number;
let shadow: number;
beforeEach(() => {
  tables = new Tables();
  kernel = tables.page();
  shadow = tables.page();
  for (let i = 0n; i < 4n; i++) tables.map(kernel, 0x40_0000n + i * 0x1000n, 0x10_0000n + i * 0x1000n, P | US);
  tables.set(shadow, 0, tables.get(kernel, 0));
  tables.set(kernel, 0, tables.get(kernel, 0) | NX);
  tables.map(kernel, 0xffff_8880_0000_0000n, 0n, P | RW | NX, 2, P | RW);
  tables.map(kernel, 0xffff_ffff_8000_0000n, 0x20_0000n, P | G, 1, P | RW);
  tables.map(shadow, 0xffff_ffff_8000_0000n, 0x20_0000n, P | G, 1, P | RW);
  tables.map(kernel, 0xffff_ffff_ffff_f000n, 0x21_0000n, P | RW | NX, 1, P | RW);
});

describe('a table as text', () => {
  it('has the title, the top level with the poison, sections, and ranges in the columns of ptdump', () => {
    const lines = renderTable(tables.reader, kernel, { features, title: 'kernel half' }).split('\n');
    expect(lines[0]).toBe('kernel half');
    expect(lines[1]).toBe('4 ranges in 11 table pages');
    expect(lines[3]).toBe('PML4E   0  0x0000000000000000  0x8000000000003007  P R/W U/S XD   <- poison: user code may not run on this half');
    expect(lines.slice(7, -1)).toEqual([
      '---[ User space ]---',
      '0x0000000000400000-0x0000000000404000        16K USR ro                      NX pte   NX by PML4E (poison)',
      '---[ Direct map of physical memory ]---',
      '0xffff888000000000-0xffff888000200000         2M     RW          PSE         NX pmd',
      '---[ Kernel image ]---',
      '0xffffffff80000000-0xffffffff80001000         4K     ro                  GLB x  pte',
      '---[ vsyscall and above ]---',
      '0xfffffffffffff000-0x0000000000000000         4K     RW                      NX pte',
    ]);
  });

  it('tells the rights that only upper levels take away, and the poison over a page that is not executable itself', () => {
    tables.map(kernel, 0x41_0000n, 0x11_0000n, P | US | RW | NX);
    tables.map(kernel, 1n << 39n, 0x12_0000n, P | US | RW, 1, P | US);
    const text = renderTable(tables.reader, kernel, { features });
    expect(text).toMatch(/0x0000000000410000-\S+ +4K USR RW .* NX pte {3}NX by PML4E too \(poison\)\n/);
    expect(text).toMatch(/0x0000008000000000-\S+ +4K USR ro .* x {2}pte {3}ro by PML4E, PDPTE and PDE\n/);
  });

  it('says so when it maps nothing or is outside RAM', () => {
    expect(renderTable(tables.reader, tables.page(), { features })).toContain('The table maps nothing.');
    expect(renderTable(tables.reader, 0x4000_0000, { features })).toContain('root at physical 0x40000000 is outside RAM');
  });

  it('names sizes by the largest unit that divides them', () => {
    expect([4096, 0x3000, 0x20_0000, 0x21_0000, 2 ** 30, 3 * 2 ** 40].map(sizeText)).toEqual(['4K', '12K', '2M', '2112K', '1G', '3T']);
  });
});

describe('a comparison as text', () => {
  it('marks each range and says what differs', () => {
    expect(renderDiff(tables.reader, kernel, shadow, { features }).split('\n').filter((line) => /^[=KS≠]/.test(line))).toEqual([
      expect.stringMatching(/^≠ 0x0000000000400000-.* differs in execute; shadow: USR ro x pte; poison in the kernel half$/),
      expect.stringMatching(/^K 0xffff888000000000-/), expect.stringMatching(/^= 0xffffffff80000000-/), expect.stringMatching(/^K 0xfffffffffffff000-/)]);
  });
});

describe('a walk as text', () => {
  it('shows every level, the result and the rights of both modes', () => {
    const text = renderWalk(walk(tables.reader, kernel, 0x40_1234n, features), features);
    expect(text).toContain('PML4E   0  at 0x000001000  0x8000000000003007  P R/W U/S XD');
    expect(text).toContain('maps to physical 0x101234 in a page of 4K');
    expect(text).toContain('user mode: read: yes; write: no (user mode may not write it: the PTE says read-only); execute: no (user mode may not execute it: the PML4E says no execute)');
    expect(text).toContain('the kernel: read: no (the kernel may not touch it: it is a user page, SMAP is on and RFLAGS.AC is clear)');
    expect(renderWalk(walk(tables.reader, kernel, 0x50_0000n, features), features)).toMatch(/not present: PTE 256 at physical 0x[0-9a-f]+ is not present\n$/);
  });
});

describe('a large table', () => {
  it('of 3,000 pages is merged and compared whole', () => {
    const big = new Tables(16 << 20);
    const roots = [big.page(), big.page()];
    for (const root of roots) {
      const pdpt = big.page();
      big.set(root, 0, BigInt(pdpt) | P | RW | US);
      for (let i = 0; i < 1500; i++) {
        if (i % 512 === 0) big.set(pdpt, i / 512, BigInt(big.page()) | P | RW | US);
        const table = big.page();
        big.set(Number(big.get(pdpt, i >> 9) & ~0xfffn), i % 512, BigInt(table) | P | RW | US);
        for (let j = 0; j < 512; j++) big.set(table, j, BigInt(j * 4096) | P | US | (i % 3 ? RW : 0n));
      }
    }
    expect(listRanges(big.reader, roots[0]!, features).ranges.length).toBe(1000);
    expect(diffTables(big.reader, roots[0]!, roots[1]!, features).ranges.every((range) => range.where === 'both')).toBe(true);
  });
});
