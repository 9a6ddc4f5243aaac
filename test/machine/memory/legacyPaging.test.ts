import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { checkFastTables } from '../../../src/machine/memory/fastCheck.js';
import { RAM_BASE } from '../../../src/machine/memory/layout.js';
import { A, CR0_WP, CR4_PGE, CR4_SMAP, CR4_SMEP, D, EFER_NXE, EXECUTE, Fixture, G, NX, P, PS, READ, RW, SUPERVISOR, US, WRITE } from './fixture.js';
import { afterAccess, type Conditions, type PagingMode, verdict } from './oracle.js';

const LINEAR = 0xc0c0_1000n, DIRECTORY = 0x10000, TABLE = 0x11000, TARGET = 0x600000;
const KINDS = { read: READ, write: WRITE, fetch: EXECUTE } as const;
const CR4_PSE = 0x10n, CR4_PAE = 0x20n, CR0_PAGING = 0x80000001n;
const bools = [false, true];

/** A translation of LINEAR by two entries, or by one if the page is large. */
class Legacy {
  readonly f = new Fixture(16 << 20);
  constructor(readonly mode: PagingMode, readonly large: boolean) {
    this.f.cpu.setInt(L.MODE, L.CodeMode.Code32);
    if (mode === 'pae') this.f.cpu.set(L.PDPTE + 24, BigInt(DIRECTORY) | P);
    this.f.cpu.set(L.CR3, BigInt(mode === 'pae' ? 0x12000 : DIRECTORY));
  }
  private get wide(): boolean { return this.mode === 'pae'; }
  get places(): number[] {
    const lo = Number(LINEAR);
    return this.wide ? [DIRECTORY + (lo >>> 21 & 0x1ff) * 8, TABLE + (lo >>> 12 & 0x1ff) * 8] : [DIRECTORY + (lo >>> 22) * 4, TABLE + (lo >>> 12 & 0x3ff) * 4];
  }
  get frames(): bigint[] { return this.large ? [BigInt(this.mode === 'pae' ? TARGET : TARGET & ~0x3fffff) | PS] : [BigInt(TABLE), BigInt(TARGET)]; }
  set(path: readonly bigint[]): void {
    path.forEach((e, i) => { if (this.wide) this.f.memory.writeU64(this.places[i]!, e); else this.f.memory.writeU32(this.places[i]!, Number(e & 0xffffffffn)); });
    this.f.mmu.flushAll(this.f.cpu, { globals: true });
  }
  get(): bigint[] { return this.frames.map((_, i) => this.wide ? this.f.memory.readU64(this.places[i]!) : BigInt(this.f.memory.readU32(this.places[i]!) >>> 0)); }
  apply(c: Conditions, pge = false): void {
    const { cpu } = this.f;
    cpu.set(L.CR0, CR0_PAGING | (c.wp ? CR0_WP : 0n));
    cpu.set(L.CR4, (c.smep ? CR4_SMEP : 0n) | (c.smap ? CR4_SMAP : 0n) | (pge ? CR4_PGE : 0n) | (this.mode === 'pae' ? CR4_PAE : this.mode === '32-bit with PSE' ? CR4_PSE : 0n));
    cpu.set(L.EFER, c.nxe ? EFER_NXE : 0n);
    this.f.privilege(c.cpl, c.ac);
  }
  attempt(c: Conditions): number | 'ok' {
    if (!c.implicit) return this.f.outcome(LINEAR, KINDS[c.access]);
    return this.f.mmu.physical(this.f.cpu.base, Number(LINEAR) | 0, 0, KINDS[c.access] | SUPERVISOR | 1) >= 0 ? 'ok' : this.f.cpu.int(L.FAULT_ERROR);
  }
}

function allConditions(): Conditions[] {
  const list: Conditions[] = [];
  for (const wp of bools) for (const smep of bools) for (const smap of bools) for (const nxe of bools) for (const ac of bools) {
    for (const cpl of [0, 3] as const) for (const access of ['read', 'write', 'fetch'] as const) {
      for (const implicit of access === 'fetch' ? [false] : bools) list.push({ wp, smep, smap, nxe, ac, cpl, access, implicit });
    }
  }
  return list;
}
const PLAIN: Conditions = { wp: true, smep: false, smap: false, nxe: true, ac: false, cpl: 0, access: 'read', implicit: false };

const CASES: [PagingMode, boolean, string][] = [
  ['32-bit', false, 'a 4 KiB page of 32-bit paging'], ['32-bit with PSE', false, 'a 4 KiB page of 32-bit paging with PSE'], ['32-bit with PSE', true, 'a 4 MiB page'],
  ['pae', false, 'a 4 KiB page of PAE paging'], ['pae', true, 'a 2 MiB page of PAE paging'],
];

describe('paging outside long mode', () => {
  for (const [mode, large, name] of CASES) {
    it(`agrees with the SDM for every right of every level of ${name} under every control bit`, () => {
      const l = new Legacy(mode, large), { f } = l, wrong: string[] = [];
      const levels = l.frames.length, kinds = mode === 'pae' ? 8 : 4;
      let allowed = 0, refused = 0;
      for (const [n, c] of allConditions().entries()) {
        const pge = n % 2 === 1;
        l.apply(c, pge);
        for (let rights = 0; rights < kinds ** levels; rights++) {
          const path = l.frames.map((frame, i) => {
            const r = Math.floor(rights / kinds ** i) % kinds;
            return frame | P | (r & 1 ? RW : 0n) | (r & 2 ? US : 0n) | (r & 4 ? NX : 0n) | (i === levels - 1 ? G : 0n);
          });
          l.set(path);
          const expected = verdict(path, c, mode), first = l.attempt(c);
          if (first !== expected) wrong.push(`${JSON.stringify(c)} rights ${rights.toString(8)}: ${first} instead of ${expected}`);
          if (expected === 'ok') {
            allowed++;
            const second = l.attempt(c), [entry] = f.mmu.entries(f.cpu);
            if (second !== 'ok') wrong.push(`${JSON.stringify(c)} rights ${rights.toString(8)}: fault ${second} from the TLB`);
            if (entry!.global !== pge) wrong.push(`${JSON.stringify(c)} PGE ${pge}: global ${entry!.global}`);
          } else refused++;
          const after = l.get(), want = expected === 'ok' ? afterAccess(path, c.access === 'write') : path;
          if (after.some((e, i) => e !== want[i])) wrong.push(`${JSON.stringify(c)} rights ${rights.toString(8)}: entries ${after.map(e => e.toString(16))}`);
          if (rights % 61 === 0) wrong.push(...checkFastTables(f.memory, 0));
        }
        if (wrong.length > 20) break;
      }
      expect(wrong.slice(0, 5)).toEqual([]);
      expect(Math.min(allowed, refused)).toBeGreaterThan(0);
    });

    it(`finds the reserved bits of ${name}, and no others`, () => {
      const l = new Legacy(mode, large), levels = l.frames.length;
      for (const nxe of bools) {
        // As an implicit access, which may lead outside RAM.
        const c = { ...PLAIN, nxe, implicit: true };
        l.apply(c);
        for (let level = 0; level < levels; level++) for (let bit = 0n; bit < (mode === 'pae' ? 64n : 32n); bit++) {
          const leaf = level === levels - 1;
          // Address bits that lead elsewhere, and PS, which makes another kind of entry.
          if (bit >= 12n && bit < 40n && !(leaf && large && bit < 22n)) continue;
          if (bit === 7n && level === 0) continue;
          const path = l.frames.map((frame, i) => (frame | P | RW | US) ^ (i === level ? 1n << bit : 0n));
          l.set(path);
          expect([level, bit, l.attempt(c)]).toEqual([level, bit, verdict(path, c, mode)]);
        }
      }
    });
  }

  it('translates both halves of a 4 MiB page, with physical bits 39:32 from PSE-36, and drops both by INVLPG', () => {
    const l = new Legacy('32-bit with PSE', true), { f } = l;
    l.apply(PLAIN);
    l.set([0x400000n | PS | P | RW]);
    expect(f.resolve(LINEAR, READ | 4)).toBe(RAM_BASE + 0x401000 + 0x0c0_0000 % 0x400000);
    expect(f.resolve(LINEAR + 0x200000n, READ | 4)).toBe(RAM_BASE + 0x601000);
    expect(f.mmu.entries(f.cpu)).toHaveLength(2);
    f.mmu.invlpg(f.cpu, Number(LINEAR + 0x200000n) | 0, 0);
    expect(f.mmu.entries(f.cpu)).toHaveLength(0);
    l.set([0x400000n | PS | P | RW | 0x12n << 13n]);
    expect(f.mmu.physical(f.cpu.base, Number(LINEAR) | 0, 0, READ | 1)).toBe(0x12_0040_1000);
    expect(f.mmu.probe(f.cpu, Number(LINEAR) | 0, 0)).toBe(0x12_0040_1000);
  });

  it('ignores PS without CR4.PSE', () => {
    const l = new Legacy('32-bit', false);
    l.apply(PLAIN);
    l.set([BigInt(TABLE) | P | RW | PS, BigInt(TARGET) | P | RW]);
    expect(l.f.resolve(LINEAR, READ | 4)).toBe(RAM_BASE + TARGET);
    expect(l.f.mmu.probe(l.f.cpu, Number(LINEAR) | 0, 0)).toBe(TARGET);
  });

  it('reads the PDPTE registers, not the table they came from, and they have no rights', () => {
    const l = new Legacy('pae', false), { f } = l;
    l.apply({ ...PLAIN, cpl: 3 });
    l.set([BigInt(TABLE) | P | RW | US, BigInt(TARGET) | P | RW | US]);
    expect(f.outcome(LINEAR, WRITE)).toBe('ok');
    expect(l.get()).toEqual([BigInt(TABLE) | P | RW | US | A, BigInt(TARGET) | P | RW | US | A | D]);
    expect(f.outcome(0x1000n, READ)).toBe(4);
    f.cpu.set(L.PDPTE, BigInt(DIRECTORY) | P);
    expect(f.outcome(0x00c0_1000n, READ)).toBe('ok');
    expect(f.mmu.probe(f.cpu, 0x00c0_1000, 0)).toBe(TARGET);
    expect(f.mmu.probe(f.cpu, 0x40c0_1000, 0)).toBe(-1);
  });

  it('wraps an access at 4 GiB to address 0', () => {
    const f = new Fixture(16 << 20);
    f.cpu.setInt(L.MODE, L.CodeMode.Code32);
    f.cpu.set(L.CR0, CR0_PAGING);
    f.cpu.set(L.CR4, 0n);
    f.cpu.set(L.EFER, 0n);
    f.cpu.set(L.CR3, BigInt(DIRECTORY));
    f.memory.writeU32(DIRECTORY, TABLE | 3);
    f.memory.writeU32(DIRECTORY + 0xffc, TABLE | 3);
    f.memory.writeU32(TABLE, 0x700003);
    f.memory.writeU32(TABLE + 0xffc, 0x800003);
    f.privilege(0);
    f.memory.writeU32(0x800ffc, 0x22110000);
    f.memory.writeU32(0x700000, 0x4433);
    expect(f.access.read32(f.cpu, 0xfffffffen)).toBe(0x44332211);
    expect(f.access.read32(f.cpu, 0xfffffffen, SUPERVISOR)).toBe(0x44332211);
  });

  it('finds in a table outside RAM what reads as all ones there', () => {
    const l = new Legacy('32-bit with PSE', false);
    l.apply(PLAIN);
    l.f.cpu.set(L.CR3, 0xf000_0000n);
    l.f.mmu.flushAll(l.f.cpu, { globals: true });
    expect(l.f.outcome(LINEAR, READ)).toBe(9);
  });
});
