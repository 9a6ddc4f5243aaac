// What the debugger waits for: reading the built-in kernel's symbols, and comparing the two halves of a table of 3,000
// pages. Run: node bench/symbolsAndTables.mjs
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const source = `
import { readFileSync } from 'node:fs';
import { loadSymbols, parseElf } from './src/symbols/index.js';
import { diffTables, featuresOf, listRanges, readerOf } from './src/paging/index.js';

const best = (runs, work) => Math.min(...Array.from({ length: runs }, () => { const start = performance.now(); work(); return performance.now() - start; }));

const image = readFileSync('dist/guest/kaiser.elf');
console.log('symbols and lines of the built-in kernel: ' + best(10, () => loadSymbols(parseElf(image, 'kaiser.elf')).lines.breakpointsAt('guest/entry/syscall.S', 1)).toFixed(1) + ' ms');

const view = new DataView(new ArrayBuffer(16 << 20));
let free = 0x1000;
const page = () => (free += 0x1000) - 0x1000;
const set = (table, index, entry) => view.setBigUint64(table + 8 * index, entry, true);
const roots = [page(), page()];
for (const root of roots) {
  const pdpt = page();
  set(root, 0, BigInt(pdpt) | 7n);
  const directories = [0, 1, 2].map(i => { const pd = page(); set(pdpt, i, BigInt(pd) | 7n); return pd; });
  for (let i = 0; i < 1500; i++) {
    const table = page();
    set(directories[i >> 9], i & 511, BigInt(table) | 7n);
    for (let j = 0; j < 512; j++) set(table, j, BigInt(j * 4096) | 5n | (i % 3 ? 2n : 0n));
  }
}
const reader = readerOf(view), features = featuresOf({ cr0: 0x80010001n, cr4: 0xa0n, efer: 0xd00n });
console.log('one table of 1,500 pages, walked and merged: ' + best(20, () => listRanges(reader, roots[0], features)).toFixed(1) + ' ms');
console.log('two of them compared: ' + best(20, () => diffTables(reader, roots[0], roots[1], features)).toFixed(1) + ' ms');
`;

const root = fileURLToPath(new URL('..', import.meta.url));
const { outputFiles } = await build({ stdin: { contents: source, resolveDir: root, loader: 'ts' }, bundle: true, platform: 'node', format: 'esm', target: 'node20', write: false });
process.chdir(root);
await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);
