// Cost of Mmu.resolve: a hit in the architectural TLB, and a page walk. Run: node bench/mmu.mjs
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const source = `
import { GuestMemory } from './src/machine/memory/guestMemory.js';
import { Bus } from './src/machine/memory/bus.js';
import { Mmu } from './src/machine/memory/mmu.js';
import { CpuState } from './src/machine/cpu/state.js';
import * as L from './src/machine/cpu/layout.js';

const memory = new GuestMemory(64 << 20);
const cpu = new CpuState(memory.wasm, 0);
const mmu = new Mmu(memory, new Bus(memory), [cpu]);
const ROOT = 0x10000, PDPT = 0x11000, PD = 0x12000, PT = 0x20000, PAGES = 4096;
memory.writeU64(ROOT, BigInt(PDPT) | 7n);
memory.writeU64(PDPT, BigInt(PD) | 7n);
for (let i = 0; i < PAGES / 512; i++) memory.writeU64(PD + i * 8, BigInt(PT + i * 0x1000) | 7n);
for (let i = 0; i < PAGES; i++) memory.writeU64(PT + i * 8, BigInt(0x1000000 + i * 0x1000) | 0x67n);
cpu.set(L.CR0, 0x80010001n);
cpu.set(L.CR4, 0xa0n | 1n << 17n);
cpu.set(L.EFER, 0xd00n);
mmu.loadCr3(cpu, BigInt(ROOT));

function touch(pages, rounds, kind) {
  let sum = 0;
  for (let r = 0; r < rounds; r++) for (let i = 0; i < pages; i++) sum += mmu.resolve(cpu.base, i << 12, 0, kind);
  return sum;
}
function walks(pages, rounds, kind) {
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    mmu.loadCr3Halves(cpu, ROOT, 0);
    for (let i = 0; i < pages; i++) sum += mmu.resolve(cpu.base, i << 12, 0, kind);
  }
  return sum;
}
function faults(n) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += mmu.resolve(cpu.base, 0x4000000 + (i << 12 & 0xfff000), 0, 0x008);
  return sum;
}
function switches(n) {
  for (let i = 0; i < n; i++) mmu.loadCr3Halves(cpu, i & 1 ? ROOT | 1 : ROOT | 2, 0x80000000 | 0);
}
function time(name, count, run) {
  run(); run();
  let best = Infinity;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, (performance.now() - start) * 1e6 / count);
  }
  console.log(name.padEnd(52) + best.toFixed(1).padStart(8) + ' ns');
}
const M = 2e6;
time('TLB hit, read, 64 pages', M, () => touch(64, M / 64, 0x008));
time('TLB hit, read, 4096 pages', M, () => touch(4096, M / 4096, 0x008));
time('TLB hit, write, 64 pages', M, () => touch(64, M / 64, 0x108));
time('walk and TLB entry, 64 pages a flush', M, () => walks(64, M / 64, 0x008));
time('walk and TLB entry, 4096 pages a flush', M, () => walks(4096, M / 4096, 0x008));
time('walk, write, 512 pages a flush', M, () => walks(512, M / 512, 0x108));
time('page fault (not present)', M, () => faults(M));
time('MOV CR3 with NOFLUSH, two PCIDs', M, () => switches(M));
`;
const root = fileURLToPath(new URL('..', import.meta.url));
const outfile = `${root}.cache/bench/mmu.mjs`;
await build({ stdin: { contents: source, resolveDir: root, loader: 'ts' }, bundle: true, format: 'esm', outfile, platform: 'node', target: 'es2022', external: ['iced-x86'] });
await import(outfile);
