import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { checkFastTables } from '../../../src/machine/memory/fastCheck.js';
import { CR0_WP, CR4_SMAP, CR4_SMEP, EFER_NXE, EXECUTE, Fixture, NX, P, PS, READ, RW, SUPERVISOR, US, WRITE } from './fixture.js';
import { afterAccess, type Conditions, verdict } from './oracle.js';

const LINEAR = 0xffff_9234_4067_8000n;
const KINDS = { read: READ, write: WRITE, fetch: EXECUTE } as const;

/** Tables with one translation, whose entries the test rewrites at will. */
function chain(size: number): { f: Fixture; set: (path: readonly bigint[]) => void; get: () => bigint[]; frames: bigint[] } {
  const f = new Fixture(8 << 20);
  const root = f.page();
  f.map(root, LINEAR, 0, 0n, size);
  const at = [4, 3, 2, 1].slice(0, 4 - size).map(level => f.entry(root, LINEAR, level));
  const frames = at.map((a, i) => i === at.length - 1 ? 0n : f.memory.readU64(a) & 0xffffff000n);
  f.paging(root);
  return {
    f, frames,
    set: path => path.forEach((e, i) => f.memory.writeU64(at[i]!, e)),
    get: () => at.map(a => f.memory.readU64(a)),
  };
}

function allConditions(): Conditions[] {
  const bools = [false, true];
  const list: Conditions[] = [];
  for (const wp of bools) for (const smep of bools) for (const smap of bools) for (const nxe of bools) for (const ac of bools) {
    for (const cpl of [0, 3] as const) for (const access of ['read', 'write', 'fetch'] as const) {
      for (const implicit of access === 'fetch' ? [false] : bools) list.push({ wp, smep, smap, nxe, ac, cpl, access, implicit });
    }
  }
  return list;
}

function apply(f: Fixture, c: Conditions): void {
  f.cpu.set(L.CR0, 0x80000001n | (c.wp ? CR0_WP : 0n));
  f.cpu.set(L.CR4, 0x20n | (c.smep ? CR4_SMEP : 0n) | (c.smap ? CR4_SMAP : 0n) | (c.pkru === undefined ? 0n : 1n << 22n));
  f.cpu.setInt(L.PKRU, (c.pkru ?? 0) | 0);
  f.mmu.setProtectionKeys(f.cpu);
  f.cpu.set(L.EFER, 0x500n | (c.nxe ? EFER_NXE : 0n));
  f.privilege(c.cpl, c.ac);
}

/** An access of a TypeScript handler or of an instruction, and what came of it. */
function attempt(f: Fixture, c: Conditions): number | 'ok' {
  if (!c.implicit) return f.outcome(LINEAR, KINDS[c.access]);
  if (f.mmu.physical(f.cpu.base, Number(LINEAR & 0xffffffffn) | 0, Number(LINEAR >> 32n) | 0, KINDS[c.access] | SUPERVISOR | 1) >= 0) return 'ok';
  return f.cpu.int(L.FAULT_ERROR);
}

describe('access rights', () => {
  for (const [size, name] of [[0, '4 KiB'], [1, '2 MiB'], [2, '1 GiB']] as const) {
    it(`agree with the SDM for every U, W, NX of every level of a ${name} page under every control bit`, () => {
      const { f, set, get, frames } = chain(size);
      const levels = 4 - size;
      const wrong: string[] = [];
      let allowed = 0, refused = 0;
      for (const c of allConditions()) {
        apply(f, c);
        for (let rights = 0; rights < 8 ** levels; rights++) {
          const path = frames.map((frame, i) => {
            const r = rights >> 3 * i & 7;
            return frame | P | (r & 1 ? RW : 0n) | (r & 2 ? US : 0n) | (r & 4 ? NX : 0n) | (i === levels - 1 && size ? PS : 0n);
          });
          set(path);
          f.mmu.flushAll(f.cpu, { globals: true });
          const expected = verdict(path, c);
          const first = attempt(f, c);
          if (expected === 'ok') {
            allowed++;
            // Once more through the TLB entry.
            const second = attempt(f, c);
            if (second !== 'ok') wrong.push(`${JSON.stringify(c)} rights ${rights.toString(8)}: fault ${second} from the TLB`);
          } else refused++;
          if (first !== expected) wrong.push(`${JSON.stringify(c)} rights ${rights.toString(8)}: ${first} instead of ${expected}`);
          const after = get(), want = expected === 'ok' ? afterAccess(path, c.access === 'write') : path;
          if (after.some((e, i) => e !== want[i])) wrong.push(`${JSON.stringify(c)} rights ${rights.toString(8)}: entries ${after.map(e => e.toString(16))}`);
          if (rights % 1021 === 0) wrong.push(...checkFastTables(f.memory, 0));
        }
        if (wrong.length > 20) break;
      }
      expect(wrong.slice(0, 5)).toEqual([]);
      expect(allowed).toBeGreaterThan(0);
      expect(refused).toBeGreaterThan(0);
    });
  }

  it('of a cached entry hold for the other privileges as well', () => {
    // The entry is made by a supervisor read; the rights it caches must then be judged for everyone.
    const { f, set, frames } = chain(0);
    const wrong: string[] = [];
    for (const c of allConditions()) {
      if (!c.nxe) continue;
      for (let rights = 0; rights < 8; rights++) {
        const path = frames.map(frame => frame | P | RW | US);
        path[3] = frames[3]! | P | (rights & 1 ? RW : 0n) | (rights & 2 ? US : 0n) | (rights & 4 ? NX : 0n);
        set(path);
        apply(f, { ...c, cpl: 0, ac: true, smap: false });
        f.mmu.flushAll(f.cpu, { globals: true });
        f.outcome(LINEAR, READ);
        set([0n, 0n, 0n, 0n]);
        apply(f, c);
        const got = attempt(f, c);
        // A write finds the entry not dirty and walks the tables, where nothing is left; every other verdict is cached.
        const right = verdict(path, c);
        const expected = c.access === 'write' && right === 'ok' ? verdict([0n], c) : right;
        if (got !== expected) wrong.push(`${JSON.stringify(c)} rights ${rights}: ${got} instead of ${expected}`);
      }
    }
    expect(wrong.slice(0, 5)).toEqual([]);
  });
});

describe('protection keys', () => {
  for (const [size, name] of [[0, '4 KiB'], [1, '2 MiB'], [2, '1 GiB']] as const) {
    it(`agree with the SDM for every key right, key, U, W and NX of a ${name} page, from the tables and from the TLB`, () => {
      const { f, set, get, frames } = chain(size);
      const levels = 4 - size, wrong: string[] = [];
      let locked = 0;
      for (const c of allConditions()) {
        for (const key of [0n, 1n, 9n, 15n]) for (const bits of [0, 1, 2, 3]) {
          // All other keys forbid what this one allows, and the other way round.
          const pkru = ((0x55555555 * (bits ^ 3) & ~(3 << Number(key) * 2)) | bits << Number(key) * 2) >>> 0;
          const keyed = { ...c, pkru };
          apply(f, keyed);
          for (let rights = 0; rights < 8; rights++) {
            const path = frames.map(frame => frame | P | RW | US);
            path[levels - 1] = frames[levels - 1]! | P | (rights & 1 ? RW : 0n) | (rights & 2 ? US : 0n) | (rights & 4 ? NX : 0n) | (size ? PS : 0n) | key << 59n;
            set(path);
            f.mmu.flushAll(f.cpu, { globals: true });
            const expected = verdict(path, keyed), first = attempt(f, keyed);
            if (first !== expected) wrong.push(`${JSON.stringify(keyed)} key ${key} rights ${rights}: ${first} instead of ${expected}`);
            const after = get(), want = expected === 'ok' ? afterAccess(path, c.access === 'write') : path;
            if (after.some((e, i) => e !== want[i])) wrong.push(`${JSON.stringify(keyed)} key ${key} rights ${rights}: entries ${after.map(e => e.toString(16))}`);
            if (expected !== 'ok' && expected & 32) locked++;
            // An entry made while everything was allowed, and dirty, is judged by PKRU as it is now.
            if (rights % 2 && rights & 2 && c.nxe) {
              apply(f, { ...c, cpl: 0, ac: true, smap: false, pkru: 0 });
              f.mmu.flushAll(f.cpu, { globals: true });
              f.outcome(LINEAR, WRITE);
              apply(f, keyed);
              const cached = attempt(f, keyed);
              if (cached !== expected) wrong.push(`${JSON.stringify(keyed)} key ${key} rights ${rights}: ${cached} from the TLB instead of ${expected}`);
              if (Number(key) === 9) wrong.push(...checkFastTables(f.memory, 0));
            }
          }
        }
        if (wrong.length > 20) break;
      }
      expect(wrong.slice(0, 5)).toEqual([]);
      expect(locked).toBeGreaterThan(1000);
    });
  }

  it('take effect on fast entries as soon as PKRU is written', () => {
    const { f, set, frames } = chain(0);
    set(frames.map((frame, i) => frame | P | RW | US | (i === 3 ? 3n << 59n : 0n)));
    apply(f, { wp: true, smep: false, smap: false, nxe: true, ac: false, cpl: 3, access: 'read', implicit: false, pkru: 0 });
    expect([f.outcome(LINEAR, WRITE), f.outcome(LINEAR, READ)]).toEqual(['ok', 'ok']);
    for (const [pkru, read, write] of [[0x80, 'ok', 0x27], [0x40, 0x25, 0x27], [0xffffff3f, 'ok', 'ok'], [0xc0, 0x25, 0x27]] as const) {
      f.cpu.setInt(L.PKRU, pkru | 0);
      f.mmu.setProtectionKeys(f.cpu);
      expect(checkFastTables(f.memory, 0)).toEqual([]);
      expect([f.outcome(LINEAR, READ), f.outcome(LINEAR, WRITE)]).toEqual([read, write]);
    }
  });
});

describe('reserved bits', () => {
  for (const [size, name] of [[0, '4 KiB'], [1, '2 MiB'], [2, '1 GiB']] as const) {
    it(`raise RSVD at every level of a ${name} page, ignored bits do not`, () => {
      const { f, set, frames } = chain(size);
      const levels = 4 - size;
      for (const nxe of [false, true]) {
        const c: Conditions = { wp: true, smep: false, smap: false, nxe, ac: false, cpl: 0, access: 'read', implicit: false };
        apply(f, c);
        for (let level = 0; level < levels; level++) {
          for (let bit = 0n; bit < 64n; bit++) {
            const path = frames.map((frame, i) => frame | P | RW | US | (i === levels - 1 && size ? PS : 0n));
            const flipped = path[level]! ^ 1n << bit;
            // Address bits within MAXPHYADDR and PS change where the walk goes, which this test is not about.
            const leaf = level === levels - 1;
            if (bit >= 12n && bit < 40n && !leaf) continue;
            if (bit === 7n && level > 0 && !(leaf && size === 0)) continue;
            if (leaf && bit >= 23n && bit < 40n) continue;
            path[level] = flipped;
            set(path);
            f.mmu.flushAll(f.cpu, { globals: true });
            expect([level, bit, attempt(f, c)]).toEqual([level, bit, verdict(path, c)]);
          }
        }
      }
    });
  }

  it('are found in a table outside RAM, which reads as all ones', () => {
    const { f, set, frames } = chain(0);
    const path = [...frames.map(frame => frame | P | RW | US)];
    for (let level = 0; level < 3; level++) {
      set(path.map((e, i) => i === level ? 0xf0_0000_0000n | P | RW | US : e));
      f.mmu.flushAll(f.cpu, { globals: true });
      expect(f.outcome(LINEAR, READ)).toBe(9);
    }
    f.cpu.set(L.CR3, 0xf0_0000_0000n);
    f.mmu.flushAll(f.cpu, { globals: true });
    expect(f.outcome(LINEAR, READ)).toBe(9);
  });
});

describe('entries that are not present', () => {
  it('fault with P = 0 at each level, before any reserved bit in them counts', () => {
    const { f, set, frames } = chain(0);
    for (let level = 0; level < 4; level++) {
      const path = frames.map((frame, i) => i === level ? ~1n & 0xffffffffffffffffn : frame | P | RW | US);
      set(path);
      f.mmu.flushAll(f.cpu, { globals: true });
      expect(f.outcome(LINEAR, WRITE)).toBe(2);
      f.privilege(3);
      expect(f.outcome(LINEAR, EXECUTE)).toBe(20);
      f.privilege(0);
    }
  });
});
