import { describe, expect, it } from 'vitest';
import { defaultFeatures, describeEntry, entryBits, type EntryKind, entryKinds, featuresOf, ignoredBits, isLeaf, kindOf, type Level, levelName, reservedBits, spanOf, walk, checkAccess, linearAddress } from '../../src/paging/index.js';
import { NX, P, PS, RW, Tables, US } from './tables.js';

const levelOf: Record<EntryKind, Level> = { 'PML4E': 4, 'PDPTE': 3, 'PDPTE of a 1 GiB page': 3, 'PDE': 2, 'PDE of a 2 MiB page': 2, 'PTE': 1 };
const psOf = (kind: EntryKind): bigint => (kind.includes('page') ? PS : 0n);
const features = { ...defaultFeatures, physicalBits: 40 };

// What the SDM's figures of the entry formats say of each bit, bit 0 first: the mnemonic, `.` ignored, `r` reserved, `a` address.
// Bits 51 to 40 are reserved with MAXPHYADDR = 40.
const address = (from: number): string[] => [...Array<string>(40 - from).fill('a'), ...Array<string>(12).fill('r')];
const truth: Record<EntryKind, string[]> = {
  'PML4E': ['P', 'R/W', 'U/S', 'PWT', 'PCD', 'A', '.', 'r', '.', '.', '.', '.', ...address(12), ...Array<string>(11).fill('.'), 'XD'],
  'PDPTE': ['P', 'R/W', 'U/S', 'PWT', 'PCD', 'A', '.', 'PS', '.', '.', '.', '.', ...address(12), ...Array<string>(11).fill('.'), 'XD'],
  'PDPTE of a 1 GiB page': ['P', 'R/W', 'U/S', 'PWT', 'PCD', 'A', 'D', 'PS', 'G', '.', '.', '.', 'PAT', ...Array<string>(17).fill('r'), ...address(30), ...Array<string>(7).fill('.'), ...Array<string>(4).fill('PK'), 'XD'],
  'PDE': ['P', 'R/W', 'U/S', 'PWT', 'PCD', 'A', '.', 'PS', '.', '.', '.', '.', ...address(12), ...Array<string>(11).fill('.'), 'XD'],
  'PDE of a 2 MiB page': ['P', 'R/W', 'U/S', 'PWT', 'PCD', 'A', 'D', 'PS', 'G', '.', '.', '.', 'PAT', ...Array<string>(8).fill('r'), ...address(21), ...Array<string>(7).fill('.'), ...Array<string>(4).fill('PK'), 'XD'],
  'PTE': ['P', 'R/W', 'U/S', 'PWT', 'PCD', 'A', 'D', 'PAT', 'G', '.', '.', '.', ...address(12), ...Array<string>(7).fill('.'), ...Array<string>(4).fill('PK'), 'XD'],
};

describe.each(entryKinds.map((kind) => [kind]))('every bit of a %s', (kind) => {
  it.each(truth[kind].map((meaning, bit) => [bit, meaning] as const))('bit %i is %s', (bit, meaning) => {
    const level = levelOf[kind];
    const base = P | psOf(kind);
    const entry = base | (1n << BigInt(bit));
    const low = Number(entry & 0xffff_ffffn);
    const high = Number(entry >> 32n);
    const bits = entryBits.filter((one) => one.kinds.includes(kind) && bit >= one.low && bit <= one.high);
    const ignored = ignoredBits.filter((one) => one.kinds.includes(kind) && bit >= one.low && bit <= one.high);
    const reserved = reservedBits(level, low, high, features);
    const isReserved = (reserved.low | reserved.high) !== 0;
    if (meaning === 'r' || meaning === 'a' || meaning === '.') expect(bits).toEqual([]);
    expect(isReserved).toBe(meaning === 'r');
    expect(ignored).toHaveLength(meaning === '.' ? 1 : 0);
    if (meaning === 'PS' && !kind.includes('page')) {
      // Set, the bit makes it an entry of the other kind, where it is listed.
      expect(kindOf(level, low)).toBe(`${kind} of a ${level === 3 ? '1 GiB' : '2 MiB'} page`);
      return;
    }
    expect(kindOf(level, low)).toBe(kind);
    expect(isLeaf(level, low)).toBe(kind.includes('page') || kind === 'PTE');
    if (meaning.length > 1 || 'PADG'.includes(meaning)) {
      expect(bits.map((one) => one.name)).toEqual([meaning]);
      const clear = describeEntry(level, base & ~(1n << BigInt(bit)) | (bit === 0 ? 0n : P));
      const set = describeEntry(level, entry);
      const name = meaning === 'PK' ? `PK=${1 << (bit - 59)}` : meaning;
      expect(set.split(' ')).toContain(name);
      if (meaning !== 'PS') expect(clear.split(' ')).not.toContain(name);
    }
  });
});

describe('features', () => {
  it('decide about bit 63, 1 GiB pages and the width of addresses', () => {
    const bit63 = Number(NX >> 32n);
    expect(reservedBits(1, 1, bit63, features)).toEqual({ low: 0, high: 0 });
    expect(reservedBits(1, 1, bit63, { ...features, noExecute: false })).toEqual({ low: 0, high: 0x8000_0000 });
    expect(reservedBits(3, 0x81, 0, { ...features, pages1GiB: false })).toEqual({ low: 0x80, high: 0 });
    expect(reservedBits(1, 1, 0xf_0000, { ...features, physicalBits: 52 })).toEqual({ low: 0, high: 0 });
    expect(reservedBits(1, 1, 0x10, { ...features, physicalBits: 36 })).toEqual({ low: 0, high: 0x10 });
    expect(reservedBits(1, 1, 0x8, { ...features, physicalBits: 36 })).toEqual({ low: 0, high: 0 });
  });

  it('come from the control registers', () => {
    expect(featuresOf({ cr0: 0x8001_0001n, cr4: 0x30_0020n, efer: 0xd01n })).toMatchObject({ noExecute: true, writeProtect: true, smep: true, smap: true });
    expect(featuresOf({ cr0: 0x8000_0001n, cr4: 0x20n, efer: 0x501n })).toMatchObject({ noExecute: false, writeProtect: false, smep: false, smap: false });
    expect(featuresOf({ cr0: 0n, cr4: 0x10_0000n, efer: 0n })).toMatchObject({ smep: true, smap: false });
  });

  it('name levels and their spans', () => {
    expect([1, 2, 3, 4].map((level) => [levelName(level as Level), spanOf(level as Level)])).toEqual([['PTE', 4096], ['PDE', 2 ** 21], ['PDPTE', 2 ** 30], ['PML4E', 2 ** 39]]);
  });
});

describe('rights over all levels', () => {
  // 4 levels, and for each of U/S, R/W and XD whether each level grants the right: 16 combinations each, for each page size.
  const cases = ([1, 2, 3] as Level[]).flatMap((leaf) => Array.from({ length: 16 }, (_, mask) => [leaf, mask] as const)).filter(([leaf, mask]) => mask >> (5 - leaf) === 0 || leaf === 1);
  it.each(cases)('a page at level %i whose levels deny by mask %i', (leaf, mask) => {
    for (const right of ['user', 'write', 'execute'] as const) {
      const tables = new Tables();
      const root = tables.page();
      const at = 0x4000_0000n * 5n;
      tables.map(root, at, 0x4000_0000n, P | RW | US, leaf);
      const denied: Level[] = [];
      for (let level = 4; level >= leaf; level--) {
        if (!(mask & (1 << (4 - level)))) continue;
        denied.push(level as Level);
        const table = tables.tableFor(root, at, level as Level);
        const index = Number((at >> BigInt(12 + 9 * (level - 1))) & 511n);
        const entry = tables.get(table, index);
        tables.set(table, index, right === 'user' ? entry & ~US : right === 'write' ? entry & ~RW : entry | NX);
      }
      const walked = walk(tables.reader, root, at, features);
      expect(walked.result).toMatchObject({ kind: 'mapped', level: leaf, pageSize: spanOf(leaf), physical: 0x4000_0000 });
      if (walked.result.kind !== 'mapped') return;
      expect(walked.result.rights[right]).toBe(denied.length === 0);
      expect(walked.result.limits[right]).toEqual(denied);
      const others = (['user', 'write', 'execute'] as const).filter((one) => one !== right);
      for (const other of others) expect(walked.result.rights[other]).toBe(true);
    }
  });
});

describe('access checks', () => {
  // SDM Vol. 3A, 4.6.1, written out: for page U, W, X and the mode, what is allowed.
  const booleans = [false, true];
  const combinations = booleans.flatMap((user) => booleans.flatMap((write) => booleans.flatMap((execute) => booleans.flatMap((smep) => booleans.flatMap((smap) =>
    booleans.flatMap((wp) => booleans.map((ac) => ({ user, write, execute, smep, smap, wp, ac }))))))));
  it('agree with the rules for all 128 settings of page and CPU', () => {
    for (const one of combinations) {
      const tables = new Tables();
      const root = tables.page();
      tables.map(root, 0x1000n, 0x5000n, P | (one.write ? RW : 0n) | (one.user ? US : 0n) | (one.execute ? 0n : NX));
      const used = { ...features, smep: one.smep, smap: one.smap, writeProtect: one.wp };
      const walked = walk(tables.reader, root, 0x1234n, used);
      const ask = (kind: 'read' | 'write' | 'execute', cpl: number) => checkAccess(walked, { kind, cpl, alignmentCheck: one.ac }, used);
      const expected = {
        'read 3': one.user, 'write 3': one.user && one.write, 'execute 3': one.user && one.execute,
        'read 0': !(one.user && one.smap && !one.ac), 'write 0': !(one.user && one.smap && !one.ac) && (one.write || !one.wp),
        'execute 0': one.execute && !(one.user && one.smep),
      };
      for (const [name, allowed] of Object.entries(expected)) {
        const [kind, cpl] = name.split(' ') as ['read' | 'write' | 'execute', string];
        const check = ask(kind, Number(cpl));
        expect([name, one, check.allowed]).toEqual([name, one, allowed]);
        if (!check.allowed) expect(check.errorCode).toBe(1 | (kind === 'write' ? 2 : 0) | (cpl === '3' ? 4 : 0) | (kind === 'execute' ? 16 : 0));
      }
    }
  });

  it('give the error codes of absent, reserved and non-canonical addresses', () => {
    const tables = new Tables();
    const root = tables.page();
    tables.map(root, 0x1000n, 0x5000n, P | US | 1n << 50n);
    const check = (address: bigint, kind: 'read' | 'write' | 'execute', cpl: number, used = features) => checkAccess(walk(tables.reader, root, address, used), { kind, cpl }, used);
    expect(check(0x2000n, 'read', 0)).toMatchObject({ allowed: false, errorCode: 0 });
    expect(check(0x2000n, 'write', 3)).toMatchObject({ errorCode: 6 });
    expect(check(0x2000n, 'execute', 3)).toMatchObject({ errorCode: 0x14 });
    expect(check(0x2000n, 'execute', 3, { ...features, noExecute: false, smep: false })).toMatchObject({ errorCode: 4 });
    expect(check(0x1000n, 'read', 3)).toMatchObject({ errorCode: 0xd, text: expect.stringContaining('reserved bits set: 50') });
    expect(check(0x8000_0000_0000n, 'read', 0)).toMatchObject({ allowed: false, errorCode: undefined });
    expect(check(linearAddress(0x8000_0000_0000), 'read', 0)).toMatchObject({ errorCode: 0 });
  });
});
