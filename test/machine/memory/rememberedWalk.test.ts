import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { A, CR4_PCIDE, CR4_PGE, D, EFER_NXE, Fixture, G, NX, P, PS, READ, RW, US, WRITE } from './fixture.js';

const CR4_PKE = 1n << 22n;
const FIRST = 0x40000000n, SECOND = FIRST + 0x1000n, THIRD = FIRST + 0x2000n;

/** Tables with three pages in one region of 2 MiB, of which the first has been walked for, so that its upper levels are remembered. */
function walked() {
  const f = new Fixture(), root = f.page(), bits = RW | US | A | D;
  const leaves = [FIRST, SECOND, THIRD].map((linear, n) => f.map(root, linear, 0x800000 + 0x1000 * n, bits));
  f.paging(root);
  expect(f.outcome(FIRST, READ)).toBe('ok');
  expect(f.outcome(FIRST + 0x1ff000n, READ)).toBe(0);
  return { f, root, leaves, upper: (level: number) => f.entry(root, FIRST, level) };
}

describe('a walk whose upper levels are remembered', () => {
  it('goes by the upper levels as they are', () => {
    for (const level of [2, 3, 4]) {
      const { f, upper } = walked(), at = upper(level), value = f.memory.readU64(at);
      f.memory.writeU64(at, value & ~RW);
      expect(f.outcome(SECOND, WRITE)).toBe(3);
      f.memory.writeU64(at, value & ~P);
      expect(f.outcome(SECOND, READ)).toBe(0);
      f.memory.writeU64(at, value | NX);
      expect(f.outcome(SECOND, READ)).toBe('ok');
    }
  });

  it('sets accessed and dirty bits of the page, and of the upper levels where they are clear', () => {
    const { f, leaves, upper } = walked(), [, second, third] = leaves;
    f.memory.writeU64(second!, f.memory.readU64(second!) & ~(A | D));
    f.memory.writeU64(third!, f.memory.readU64(third!) & ~(A | D));
    expect(f.outcome(SECOND, READ)).toBe('ok');
    expect(f.memory.readU64(second!) & (A | D)).toBe(A);
    for (const level of [2, 3, 4]) f.memory.writeU64(upper(level), f.memory.readU64(upper(level)) & ~A);
    expect(f.outcome(THIRD, WRITE)).toBe('ok');
    expect(f.memory.readU64(third!) & (A | D)).toBe(A | D);
    for (const level of [2, 3, 4]) expect(f.memory.readU64(upper(level)) & A).toBe(A);
  });

  it('takes precedence only where the TLB has no larger page', () => {
    const { f, root, upper } = walked(), at = upper(2), table = f.memory.readU64(at);
    f.memory.writeU64(at, 0xa00000n | PS | P | RW | US | A | D);
    expect(f.resolve(THIRD, READ | 1)).toBe(f.resolve(FIRST, READ | 1) + 0xa02000 - 0x800000);
    f.memory.writeU64(at, table);
    // The entry of 2 MiB is there until it is dropped.
    expect(f.resolve(SECOND, READ | 1)).toBe(f.resolve(FIRST, READ | 1) + 0xa01000 - 0x800000);
    f.mmu.invlpg(f.cpu, Number(SECOND), 0);
    expect(f.resolve(SECOND, READ | 1)).toBe(f.resolve(FIRST, READ | 1) + 0x1000);
    expect(f.memory.readU64(f.entry(root, SECOND, 1)) & 0xff000n).toBe(0x1000n);
  });

  it('is another one behind a switch of the root that keeps the TLB, and of control registers', () => {
    const { f } = walked(), other = f.page(), { cpu, mmu } = f;
    f.map(other, SECOND, 0x900000, RW | US | A | D);
    cpu.set(L.CR4, cpu.get(L.CR4) | CR4_PCIDE);
    mmu.setContext(cpu);
    const third = f.resolve(THIRD, READ | 1);
    mmu.loadCr3(cpu, BigInt(other) | 1n << 63n);
    expect(f.resolve(SECOND, READ | 1)).toBe(third + 0x900000 - 0x802000);

    // With EFER.NXE clear bit 63 is reserved.
    const again = walked();
    again.f.memory.writeU64(again.leaves[1]!, again.f.memory.readU64(again.leaves[1]!) | NX);
    again.f.cpu.set(L.EFER, again.f.cpu.get(L.EFER) & ~EFER_NXE);
    again.f.mmu.setContext(again.f.cpu);
    expect(again.f.outcome(SECOND, READ)).toBe(9);
    // Protection keys come into force.
    const keys = walked();
    keys.f.memory.writeU64(keys.leaves[1]!, keys.f.memory.readU64(keys.leaves[1]!) | 5n << 59n);
    keys.f.cpu.set(L.CR4, keys.f.cpu.get(L.CR4) | CR4_PKE);
    keys.f.cpu.setInt(L.PKRU, 1 << 10);
    keys.f.mmu.setContext(keys.f.cpu);
    expect(keys.f.outcome(SECOND, READ)).toBe(0x21);
  });

  it('asks for global entries for the page', () => {
    const { f, leaves } = walked(), { cpu, mmu } = f, second = leaves[1]!;
    cpu.set(L.CR4, cpu.get(L.CR4) | CR4_PGE);
    mmu.setContext(cpu);
    f.memory.writeU64(second, f.memory.readU64(second) | G);
    const before = f.resolve(SECOND, READ | 1);
    expect(f.outcome(THIRD, READ)).toBe('ok');
    // The entry is there whatever the table says, until INVLPG, which drops global ones as well.
    f.memory.writeU64(second, 0x900000n | P | RW | US | A | D);
    mmu.loadCr3(cpu, cpu.get(L.CR3));
    expect(f.outcome(THIRD, READ)).toBe('ok');
    expect(f.resolve(SECOND, READ | 1)).toBe(before);
    mmu.invlpg(cpu, Number(SECOND), 0);
    expect(f.resolve(SECOND, READ | 1)).toBe(before + 0x900000 - 0x801000);
  });
});
