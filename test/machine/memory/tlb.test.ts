import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { checkFastTables } from '../../../src/machine/memory/fastCheck.js';
import { RESOLVE_STEP } from '../../../src/machine/memory/mmu.js';
import { RAM_BASE, TLB_BASE, TLB_CPU_SIZE } from '../../../src/machine/memory/layout.js';
import { H_NEXT_STAMP, H_PCID_STAMPS, H_STAMP, tlbWord } from '../../../src/machine/memory/tlbLayout.js';
import { CR4_PCIDE, CR4_PGE, D, A, EXECUTE, Fixture, G, hi, lo, NX, P, READ, RW, US, WRITE } from './fixture.js';

const NOFLUSH = 1n << 63n;
const PAGE = 0x7f12_3456_7000n, OTHER = 0x7f12_3456_8000n, KERNEL = 0xffff_ffff_8100_0000n;

/** One root with PAGE, OTHER and the global KERNEL; PCID and global pages enabled, PCID 1 current. */
function setUp(): { f: Fixture; root: number; leaf: number; load: (pcid: number, noFlush?: boolean) => void; cached: () => string[] } {
  const f = new Fixture();
  const root = f.page();
  const leaf = f.map(root, PAGE, 0x400000, RW | US);
  f.map(root, OTHER, 0x401000, RW | US);
  f.map(root, KERNEL, 0x402000, RW | G);
  f.paging(root, { cr4: CR4_PCIDE | CR4_PGE });
  const load = (pcid: number, noFlush = true): void => f.mmu.loadCr3(f.cpu, BigInt(root | pcid) | (noFlush ? NOFLUSH : 0n));
  load(1);
  const cached = (): string[] => f.mmu.entries(f.cpu).map(e => `${e.linear.toString(16)}/${e.global ? 'G' : e.pcid.toString(16)}`).sort();
  return { f, root, leaf, load, cached };
}
const name = (linear: bigint, tag: string): string => `${linear.toString(16)}/${tag}`;

describe('the TLB', () => {
  it('keeps a translation that the tables no longer hold, until it is flushed', () => {
    const { f, leaf, load } = setUp();
    expect(f.outcome(PAGE, READ)).toBe('ok');
    f.memory.writeU64(leaf, 0n);
    expect(f.outcome(PAGE, READ)).toBe('ok');
    expect(f.resolve(PAGE + 0x123n, READ | 8)).toBe(RAM_BASE + 0x400123);
    load(1, false);
    expect(f.outcome(PAGE, READ)).toBe(0);
  });

  it('does not keep that a page was not present', () => {
    const { f, leaf } = setUp();
    const entry = f.memory.readU64(leaf);
    f.memory.writeU64(leaf, 0n);
    expect(f.outcome(PAGE, READ)).toBe(0);
    f.memory.writeU64(leaf, entry);
    expect(f.outcome(PAGE, READ)).toBe('ok');
  });

  it('tells apart the entries of different PCIDs and shares global ones', () => {
    const { f, leaf, load, cached } = setUp();
    f.outcome(PAGE, READ);
    f.outcome(KERNEL, READ);
    load(2);
    f.memory.writeU64(leaf, 0n);
    expect(f.outcome(PAGE, READ)).toBe(0);
    f.memory.writeU64(f.entry(Number(f.cpu.get(L.CR3) & ~0xfffn), KERNEL, 1), 0n);
    expect(f.outcome(KERNEL, READ)).toBe('ok');
    load(1);
    expect(f.outcome(PAGE, READ)).toBe('ok');
    expect(cached()).toEqual([name(PAGE, '1'), name(KERNEL, 'G')]);
  });

  it('does not make global entries while CR4.PGE is 0', () => {
    const { f, cached } = setUp();
    f.cpu.set(L.CR4, f.cpu.get(L.CR4) & ~CR4_PGE);
    f.mmu.setContext(f.cpu);
    f.mmu.flushAll(f.cpu, { globals: true });
    f.outcome(KERNEL, READ);
    expect(cached()).toEqual([name(KERNEL, '1')]);
  });

  it('loses, on a CR3 load without bit 63, the entries of the new PCID only', () => {
    const { f, load, cached } = setUp();
    f.outcome(PAGE, READ);
    f.outcome(KERNEL, READ);
    load(2);
    f.outcome(PAGE, READ);
    f.outcome(OTHER, READ);
    load(1, false);
    expect(cached()).toEqual([name(PAGE, '2'), name(OTHER, '2'), name(KERNEL, 'G')].sort());
    expect(f.cpu.get(L.CR3) & 0xfffn).toBe(1n);
  });

  it('loses, on a CR3 load with CR4.PCIDE = 0, what is not global of PCID 0, bit 63 or not', () => {
    const { f, root, cached } = setUp();
    f.cpu.set(L.CR4, f.cpu.get(L.CR4) & ~CR4_PCIDE);
    f.cpu.set(L.CR3, BigInt(root));
    f.mmu.setContext(f.cpu);
    f.outcome(PAGE, READ);
    f.outcome(KERNEL, READ);
    f.mmu.loadCr3(f.cpu, BigInt(root) | NOFLUSH);
    expect(cached()).toEqual([name(KERNEL, 'G')]);
  });

  it('ignores PWT and PCD of CR3 as a PCID while CR4.PCIDE is 0', () => {
    const { f, root, cached } = setUp();
    f.cpu.set(L.CR4, f.cpu.get(L.CR4) & ~CR4_PCIDE);
    f.mmu.loadCr3(f.cpu, BigInt(root) | 0x18n);
    f.outcome(PAGE, READ);
    expect(cached()).toEqual([name(PAGE, '0')]);
  });

  it('INVLPG drops the page in the current PCID and a global entry, in no other PCID and no other page', () => {
    const { f, load, cached } = setUp();
    for (const pcid of [1, 2]) {
      load(pcid);
      f.outcome(PAGE, READ);
      f.outcome(OTHER, READ);
    }
    f.outcome(KERNEL, READ);
    f.mmu.invlpg(f.cpu, lo(PAGE + 0xabcn), hi(PAGE));
    expect(cached()).toEqual([name(PAGE, '1'), name(OTHER, '1'), name(OTHER, '2'), name(KERNEL, 'G')].sort());
    f.mmu.invlpg(f.cpu, lo(KERNEL), hi(KERNEL));
    expect(cached()).not.toContain(name(KERNEL, 'G'));
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  it('prefers a large page that comes later to the global pages in it, also where translated code has used those', () => {
    for (const [size, step] of [[1, 0x200000n], [2, 0x40000000n]] as const) {
      for (let round = 0; round < 4; round++) {
        const { f, root } = setUp(), large = 0xffff_ff80_8000_0000n, small = [0n, 1n, 0x1ffn].map(n => large + n * 0x1000n), elsewhere = large + (BigInt(round) + 1n) * step;
        for (const linear of [...small, elsewhere]) f.map(root, linear, 0x500000 + Number(linear >> 12n & 0xfn) * 0x1000, RW | G);
        // Other tables, which keep the same PCID, have a large page there.
        const other = f.page();
        f.map(other, large, 0, RW, size);
        for (const linear of small.slice(0, round)) expect(f.resolve(linear, READ | 8)).toBeGreaterThan(0);
        expect(f.resolve(elsewhere, READ | 8)).toBeGreaterThan(0);
        f.mmu.loadCr3(f.cpu, BigInt(other | 1) | NOFLUSH);
        // Where the fast context must end for it, the access is tried again.
        const first = f.resolve(large + 0x5000n, READ | 8);
        expect(first === RESOLVE_STEP ? f.resolve(large + 0x5000n, READ | 8) : first).toBe(RAM_BASE + 0x5000);
        expect(checkFastTables(f.memory, 0)).toEqual([]);
        for (const linear of small.slice(0, round)) expect(f.resolve(linear, READ | 8)).toBe(RAM_BASE + Number(linear - large));
      }
    }
  });

  it('INVLPG with an address that is not canonical does nothing', () => {
    const { f, cached } = setUp();
    f.outcome(PAGE, READ);
    f.mmu.invlpg(f.cpu, lo(PAGE), hi(PAGE) | 0x40000000);
    expect(cached()).toEqual([name(PAGE, '1')]);
  });

  it.each([[1, 0x200000n], [2, 0x40000000n]] as const)('INVLPG drops all of a page of size %i by any address in it', (size, bytes) => {
    const { f, root } = setUp();
    const fresh = 0x6000_0000_0000n;
    const at = f.map(root, fresh, 0, RW | US, size);
    for (let i = 0n; i < 5n; i++) expect(f.outcome(fresh + i * 0x1000n, READ)).toBe('ok');
    expect(f.mmu.entries(f.cpu).filter(e => e.linear === fresh)).toMatchObject([{ size: Number(bytes) }]);
    f.memory.writeU64(at, 0n);
    expect(f.outcome(fresh + 0x3000n, READ)).toBe('ok');
    f.mmu.invlpg(f.cpu, lo(fresh + bytes - 1n), hi(fresh + bytes - 1n));
    for (let i = 0n; i < 5n; i++) expect(f.outcome(fresh + i * 0x1000n, READ)).toBe(0);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  const everything = [name(PAGE, '1'), name(OTHER, '1'), name(PAGE, '2'), name(OTHER, '2'), name(KERNEL, 'G')];
  it.each([
    ['0 drops one address of one PCID', 0, 2, PAGE, [name(PAGE, '2')]],
    ['0 leaves a global entry alone', 0, 2, KERNEL, []],
    ['0 reaches a PCID that is not current', 0, 1, OTHER, [name(OTHER, '1')]],
    ['1 drops a PCID', 1, 1, 0n, [name(PAGE, '1'), name(OTHER, '1')]],
    ['2 drops everything', 2, 0, 0n, everything],
    ['3 drops what is not global', 3, 0, 0n, everything.slice(0, 4)],
  ] as const)('INVPCID type %s', (_, type, pcid, linear, gone) => {
    const { f, load, cached } = setUp();
    for (const current of [1, 2]) {
      load(current);
      f.outcome(PAGE, READ);
      f.outcome(OTHER, READ);
    }
    f.outcome(KERNEL, READ);
    f.mmu.invpcid(f.cpu, type, pcid, lo(linear), hi(linear));
    expect(cached()).toEqual(everything.filter(e => !(gone as readonly string[]).includes(e)).sort());
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  it('refuses an INVPCID type that does not exist', () => {
    const { f } = setUp();
    expect(() => f.mmu.invpcid(f.cpu, 4, 0, 0, 0)).toThrow(/INVPCID type 4 does not exist/);
  });

  it('faults once through a stale NX entry, then finds the clear tables (hazard H12)', () => {
    const { f, leaf } = setUp();
    f.memory.writeU64(leaf, f.memory.readU64(leaf) | NX);
    f.privilege(3);
    expect(f.outcome(PAGE, READ)).toBe('ok');
    f.memory.writeU64(leaf, f.memory.readU64(leaf) & ~NX);
    expect(f.outcome(PAGE, EXECUTE)).toBe(0x15);
    expect(f.outcome(PAGE, EXECUTE)).toBe('ok');
  });

  it('drops on a page fault the entry of the current PCID, and not that of another', () => {
    const { f, load, leaf, cached } = setUp();
    f.memory.writeU64(leaf, f.memory.readU64(leaf) & ~RW);
    f.outcome(PAGE, READ);
    load(2);
    f.outcome(PAGE, READ);
    expect(f.outcome(PAGE, WRITE)).toBe(3);
    expect(cached()).toEqual([name(PAGE, '1')]);
  });

  it('sets A on the walk only: a cached translation leaves the entry alone', () => {
    const { f, leaf } = setUp();
    f.outcome(PAGE, READ);
    expect(f.memory.readU64(leaf) & (A | D)).toBe(A);
    f.memory.writeU64(leaf, f.memory.readU64(leaf) & ~A);
    f.outcome(PAGE, READ);
    expect(f.memory.readU64(leaf) & A).toBe(0n);
  });

  it('walks again for the first write through a clean entry, which sets D; later writes do not', () => {
    const { f, leaf } = setUp();
    f.outcome(PAGE, READ);
    f.outcome(PAGE, WRITE);
    expect(f.memory.readU64(leaf) & D).toBe(D);
    f.memory.writeU64(leaf, f.memory.readU64(leaf) & ~D);
    f.outcome(PAGE, WRITE);
    expect(f.memory.readU64(leaf) & D).toBe(0n);
  });

  it('lets a write through a clean entry see what the tables say by then', () => {
    const { f, leaf } = setUp();
    f.outcome(PAGE, READ);
    f.memory.writeU64(leaf, 0n);
    expect(f.outcome(PAGE, WRITE)).toBe(2);
    f.memory.writeU64(leaf, 0x405000n | P | RW);
    f.outcome(PAGE, READ);
    f.memory.writeU64(leaf, 0x406000n | P | RW);
    // Translated code, which may remember the old place, hands back.
    expect(f.resolve(PAGE, WRITE | 1)).toBe(RESOLVE_STEP);
    expect(f.resolve(PAGE, WRITE | 1)).toBe(RAM_BASE + 0x406000);
    expect(f.resolve(PAGE, READ | 1)).toBe(RAM_BASE + 0x406000);
  });

  it('does not set D or A when the access is refused', () => {
    const { f, leaf } = setUp();
    f.memory.writeU64(leaf, 0x400000n | P | US);
    f.privilege(3);
    expect(f.outcome(PAGE, WRITE)).toBe(7);
    expect(f.memory.readU64(leaf) & (A | D)).toBe(0n);
  });

  it('of one CPU is not touched by what another does', () => {
    const f = new Fixture(16 << 20, 2);
    const root = f.page();
    f.map(root, PAGE, 0x400000, RW);
    for (const cpu of f.cpus) f.paging(root, { cr4: CR4_PCIDE }, cpu);
    for (const cpu of f.cpus) f.outcome(PAGE, READ, cpu);
    f.mmu.flushAll(f.cpus[1]!, { globals: true });
    expect(f.mmu.entries(f.cpus[0]!)).toHaveLength(1);
    expect(f.mmu.entries(f.cpus[1]!)).toHaveLength(0);
  });

  it('holds thousands of entries without losing one', () => {
    const f = new Fixture(64 << 20);
    const root = f.page();
    for (let i = 0; i < 8000; i++) f.map(root, 0x10_0000_0000n + BigInt(i) * 0x1000n, 0x1000000 + (i & 0xfff) * 0x1000, RW | US);
    f.paging(root, { cr4: CR4_PCIDE });
    for (let i = 0; i < 8000; i++) expect(f.outcome(0x10_0000_0000n + BigInt(i) * 0x1000n, READ)).toBe('ok');
    expect(f.mmu.entries(f.cpu)).toHaveLength(8000);
  });

  it('flushes everything when it overflows, and goes on', () => {
    const f = new Fixture(64 << 20);
    const root = f.page();
    const pages = 17000;
    for (let i = 0; i < pages; i++) f.map(root, 0x10_0000_0000n + BigInt(i) * 0x1000n, 0x1000000 + (i & 0xfff) * 0x1000, RW | US);
    f.paging(root);
    let most = 0;
    for (let i = 0; i < pages; i++) {
      let host = f.resolve(0x10_0000_0000n + BigInt(i) * 0x1000n, READ | 1);
      // The flush sends translated code back to the interpreter, which does the access again.
      if (host === RESOLVE_STEP) host = f.resolve(0x10_0000_0000n + BigInt(i) * 0x1000n, READ | 1);
      if (host !== RAM_BASE + 0x1000000 + (i & 0xfff) * 0x1000) expect.fail(`page ${i}`);
      if (i % 1000 === 0) {
        most = Math.max(most, f.mmu.entries(f.cpu).length);
        expect(checkFastTables(f.memory, 0)).toEqual([]);
      }
    }
    expect(most).toBeGreaterThan(14000);
    expect(f.mmu.entries(f.cpu).length).toBeLessThan(pages);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  it('survives the end of its stamps with a flush', () => {
    const { f, load, leaf } = setUp();
    const t = tlbWord(0);
    f.outcome(PAGE, READ);
    f.outcome(KERNEL, READ);
    f.memory.i32[t + H_NEXT_STAMP] = 0x7fffffef;
    load(2, false);
    expect(f.memory.i32[t + H_STAMP]).toBe(0x7fffffef);
    f.memory.writeU64(leaf, 0n);
    load(3, false);
    expect(f.memory.i32[t + H_NEXT_STAMP]).toBeLessThan(10);
    expect(f.mmu.entries(f.cpu)).toEqual([]);
    load(1);
    expect(f.outcome(PAGE, READ)).toBe(0);
    expect(f.memory.i32[t + H_PCID_STAMPS + 1]).toBe(f.memory.i32[t + H_STAMP]);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  it('uses up context ids without letting an old fast entry come back', () => {
    const { f, load, leaf } = setUp();
    f.map(Number(f.cpu.get(L.CR3) & ~0xfffn), PAGE, 0x400000, RW);
    for (let i = 0; i < 10000; i++) {
      const frame = 0x400000 + (i & 7) * 0x1000;
      f.memory.writeU64(leaf, BigInt(frame) | P | RW);
      load(1 + i % 3, false);
      if (f.resolve(PAGE, READ | 1) !== RAM_BASE + frame) expect.fail(`round ${i}`);
      if (i % 1000 === 0) expect(checkFastTables(f.memory, 0)).toEqual([]);
    }
    expect(f.cpu.int(L.FAST_CONTEXT)).toBeLessThan(4096);
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  it('lives in the machine memory: a copy of its region restores it', () => {
    const { f, leaf, load } = setUp();
    f.outcome(PAGE, READ);
    const region = f.memory.u8.slice(TLB_BASE, TLB_BASE + TLB_CPU_SIZE);
    f.memory.writeU64(leaf, 0n);
    load(1, false);
    expect(f.outcome(PAGE, READ)).toBe(0);
    f.memory.u8.set(region, TLB_BASE);
    f.mmu.restored();
    expect(f.outcome(PAGE, READ)).toBe('ok');
    expect(checkFastTables(f.memory, 0)).toEqual([]);
  });

  it('is listed with linear address, PCID, size, frame, rights, memory type and protection key', () => {
    const { f, leaf } = setUp();
    f.memory.writeU64(leaf, 0x12_3456_7000n & 0xffffff000n | P | US | NX | 0x10n | 5n << 59n);
    expect(f.resolve(PAGE, READ | 1)).toBe(-2);
    expect(f.mmu.entries(f.cpu)).toEqual([{
      linear: PAGE, pcid: 1, global: false, size: 0x1000, frame: 0x2_3456_7000, rights: { user: true, write: false, execute: false }, dirty: false, memoryType: 2,
      key: 5,
    }]);
    f.outcome(KERNEL, WRITE);
    expect(f.mmu.entries(f.cpu).find(e => e.linear === KERNEL)).toMatchObject({ global: true, dirty: true, rights: { user: false, write: true, execute: true } });
  });
});
