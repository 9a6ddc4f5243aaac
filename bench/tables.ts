import { diffTables, featuresOf, readerOf } from '../src/paging/index.js';
import { loadSymbols, parseElf } from '../src/symbols/index.js';
import type { Benchmark } from './benchmark.js';
import { median } from './benchmark.js';
import { kernelImage } from './guests.js';
import { processorSeconds } from './ours.js';

/** Two top-level tables of 1,500 page tables each, every entry in use, whose rights change every third table. */
function twoHalves(): { view: DataView; roots: number[] } {
  const view = new DataView(new ArrayBuffer(16 << 20));
  let free = 0x1000;
  const page = (): number => (free += 0x1000) - 0x1000;
  const set = (table: number, index: number, entry: bigint) => view.setBigUint64(table + 8 * index, entry, true);
  const roots = [page(), page()];
  for (const root of roots) {
    const pdpt = page();
    set(root, 0, BigInt(pdpt) | 7n);
    const directories = [0, 1, 2].map(i => {
      const directory = page();
      set(pdpt, i, BigInt(directory) | 7n);
      return directory;
    });
    for (let i = 0; i < 1500; i++) {
      const table = page();
      set(directories[i >> 9]!, i & 511, BigInt(table) | 7n);
      for (let j = 0; j < 512; j++) set(table, j, BigInt(j * 4096) | 5n | (i % 3 ? 2n : 0n));
    }
  }
  return { view, roots };
}

/** Median of milliseconds of processor time. */
function milliseconds(runs: number, work: () => void): number {
  return median(Array.from({ length: runs }, () => {
    const start = processorSeconds();
    work();
    return (processorSeconds() - start) * 1e3;
  }));
}

export const tables: Benchmark[] = [
  {
    id: 'tables', work: 'both halves of a table of 3,000 pages walked, merged and compared', unit: 'ms', better: 'less', target: 'below 5 ms', met: ours => ours < 5,
    measure: () => {
      const { view, roots } = twoHalves(), reader = readerOf(view), features = featuresOf({ cr0: 0x80010001n, cr4: 0xa0n, efer: 0xd00n });
      return { ours: milliseconds(30, () => diffTables(reader, roots[0]!, roots[1]!, features)) };
    },
  },
  {
    id: 'symbols', work: 'symbols and lines of the built-in kernel read', unit: 'ms', better: 'less',
    measure: () => ({ ours: milliseconds(10, () => loadSymbols(parseElf(kernelImage(), 'kaiser.elf')).lines.breakpointsAt('guest/entry/syscall.S', 1)) }),
  },
];
