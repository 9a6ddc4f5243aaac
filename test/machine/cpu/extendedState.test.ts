import { beforeEach, describe, expect, it } from 'vitest';
import { cpuid } from '../../../src/machine/cpu/cpuid.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { X87Tag } from '../../../src/machine/cpu/x87State.js';
import { TestCore } from './testCore.js';

const XSAVE = [0x0f, 0xae, 0x20], XRSTOR = [0x0f, 0xae, 0x28], XSAVEOPT = [0x0f, 0xae, 0x30], XGETBV = [0x0f, 0x01, 0xd0], XSETBV = [0x0f, 0x01, 0xd1];
const FXSAVE = [0x0f, 0xae, 0x00], FXRSTOR = [0x0f, 0xae, 0x08];
const AREA = 0x50000, PKRU_AT = 2688, OSXSAVE = 1n << 18n;
const RAX = 0, RCX = 1, RDX = 2;

let t: TestCore;
beforeEach(() => {
  t = new TestCore().longMode();
  t.cpu.set(L.CR4, t.cpu.get(L.CR4) | OSXSAVE | 1n << 9n);
  t.cpu.set(L.XCR0, 0x203n);
  t.memory.write(AREA, new Uint8Array(4096));
});

/** Executes with the area's address in RBX, instead of RAX, and a mask in EDX:EAX. */
function exec(code: readonly number[], mask = 0n) {
  t.cpu.setGpr(3, BigInt(AREA));
  t.cpu.setGpr(RAX, mask & 0xffffffffn);
  t.cpu.setGpr(RDX, mask >> 32n);
  // The operand [rax] becomes [rbx].
  return t.exec(code[1] === 0xae ? [...code.slice(0, -1), code.at(-1)! | 3] : [...code]);
}
function fill(): void {
  for (let n = 0; n < 16; n++) {
    t.cpu.set(L.XMM + 16 * n, BigInt(n + 1));
    t.cpu.set(L.XMM + 16 * n + 8, BigInt(n) << 32n);
  }
  for (let n = 0; n < 8; n++) t.cpu.set(L.X87 + 16 * n, 0x8000000000000000n | BigInt(n));
  for (let n = 0; n < 8; n++) t.cpu.set(L.X87 + 16 * n + 8, 0x3fffn);
  t.cpu.setInt(L.X87_TAGS, 0);
  t.cpu.setInt(L.X87_STATUS, 3 << 11);
  t.cpu.setInt(L.MXCSR, 0x9fc0);
  t.cpu.setInt(L.PKRU, 0x5540);
}
/** Destroys all of it but the bytes between the fields. */
function scramble(): void {
  t.cpu.i32.fill(-1, L.XMM >> 2, (L.MXCSR >> 2) + 1);
  t.cpu.i32.fill(-1, L.X87 >> 2, L.X87_OPCODE >> 2);
}
const registers = () => Array.from(t.cpu.u32.subarray(L.XMM >> 2, L.X87_OPCODE >> 2));

describe('FXSAVE and FXRSTOR', () => {
  it('bring back what has been saved, the x87 stack from its top on', () => {
    fill();
    const before = registers();
    expect(exec(FXSAVE)).toBeUndefined();
    expect(t.read64(AREA + 32)).toBe(0x8000000000000003n);
    scramble();
    expect(exec(FXRSTOR)).toBeUndefined();
    expect(registers()).toEqual(before);
  });

  it('find out tags from the contents of registers in use', () => {
    const contents: [bigint, bigint, X87Tag][] = [
      [0x8000000000000000n, 0x3fffn, X87Tag.Valid], [0n, 0n, X87Tag.Zero], [0n, 0x8000n, X87Tag.Zero], [1n, 0n, X87Tag.Special], [0x8000000000000000n, 0x7fffn, X87Tag.Special],
      [0x4000000000000000n, 0x3fffn, X87Tag.Special], [0xc000000000000000n, 0xffffn, X87Tag.Special], [0x8000000000000000n, 0x3fffn, X87Tag.Empty],
    ];
    t.write64(AREA, 0x7f0000037fn);
    contents.forEach(([low, high], n) => {
      t.write64(AREA + 32 + 16 * n, low);
      t.write64(AREA + 40 + 16 * n, high);
    });
    expect(exec(FXRSTOR)).toBeUndefined();
    contents.forEach(([, , tag], n) => expect(t.cpu.int(L.X87_TAGS) >> 2 * n & 3).toBe(tag));
  });

  it('leave XMM8-15 alone outside 64-bit code', () => {
    fill();
    t.compatibility(0);
    const before = registers();
    expect(exec(FXSAVE)).toBeUndefined();
    expect([t.read64(AREA + 160 + 16 * 7), t.read64(AREA + 160 + 16 * 8)]).toEqual([8n, 0n]);
    t.write64(AREA + 160, 99n);
    expect(exec(FXRSTOR)).toBeUndefined();
    expect(registers().slice(4 * 8, 4 * 16)).toEqual(before.slice(4 * 8, 4 * 16));
    expect(t.cpu.get(L.XMM)).toBe(99n);
  });

  it('leave SSE out without CR4.OSFXSR', () => {
    fill();
    t.cpu.set(L.CR4, 0x20n);
    expect(exec(FXSAVE)).toBeUndefined();
    expect([t.read64(AREA + 24), t.read64(AREA + 160)]).toEqual([0n, 0n]);
    t.write64(AREA + 24, 0xffffffffn);
    expect(exec(FXRSTOR)).toBeUndefined();
    expect(t.cpu.int(L.MXCSR)).toBe(0x9fc0);
  });

  it('refuse bits that MXCSR does not have, and change nothing then', () => {
    fill();
    const before = registers();
    t.write64(AREA + 24, 0x10000n);
    expect(exec(FXRSTOR)).toMatchObject({ vector: 13, errorCode: 0 });
    expect(registers()).toEqual(before);
  });
});

describe('XSAVE and XRSTOR', () => {
  it('need CR4.OSXSAVE, an aligned area, and CR0.TS = 0', () => {
    t.cpu.set(L.CR4, t.cpu.get(L.CR4) & ~OSXSAVE);
    for (const code of [XSAVE, XRSTOR, XSAVEOPT, XGETBV, XSETBV]) expect(exec(code)).toMatchObject({ vector: 6 });
    t.cpu.set(L.CR4, t.cpu.get(L.CR4) | OSXSAVE);
    t.cpu.set(L.CR0, t.cpu.get(L.CR0) | 8n);
    for (const code of [XSAVE, XRSTOR, XSAVEOPT]) expect(exec(code)).toMatchObject({ vector: 7 });
    expect(exec(XGETBV)).toBeUndefined();
    t.cpu.set(L.CR0, t.cpu.get(L.CR0) & ~8n);
    t.cpu.setGpr(3, BigInt(AREA + 16));
    expect(t.exec([0x0f, 0xae, 0x23])).toMatchObject({ vector: 13, errorCode: 0 });
  });

  it('bring back the components asked for, PKRU too', () => {
    fill();
    const before = registers();
    expect(exec(XSAVE, 0x203n)).toBeUndefined();
    expect([t.read64(AREA + 512), t.read64(AREA + PKRU_AT)]).toEqual([0x203n, 0x5540n]);
    scramble();
    t.cpu.setInt(L.MXCSR, 0x1f80);
    t.cpu.setInt(L.PKRU, 0);
    expect(exec(XRSTOR, 0x202n)).toBeUndefined();
    expect(registers().slice(0, 65)).toEqual(before.slice(0, 65));
    expect([t.cpu.int(L.PKRU), t.cpu.int(L.X87_TAGS)]).toEqual([0x5540, -1]);
    expect(exec(XRSTOR, 1n)).toBeUndefined();
    expect(registers()).toEqual(before);
  });

  it('give what the area does not have its initial state, but load MXCSR', () => {
    fill();
    t.write64(AREA + 24, 0x1fa0n);
    expect(exec(XRSTOR, 0x203n)).toBeUndefined();
    expect(t.cpu.u32.subarray(L.XMM >> 2, L.MXCSR >> 2).every(word => word === 0)).toBe(true);
    expect([t.cpu.int(L.MXCSR), t.cpu.int(L.X87_CONTROL), t.cpu.int(L.X87_STATUS), t.cpu.int(L.X87_TAGS), t.cpu.int(L.PKRU)]).toEqual([0x1fa0, 0x37f, 0, 0xffff, 0]);
  });

  it('say in XSTATE_BV which components are in use, and keep its other bits', () => {
    t.write64(AREA + 512, 0x200n);
    exec(XRSTOR, 0x3n);
    expect(exec(XSAVE, 3n)).toBeUndefined();
    expect(t.read64(AREA + 512)).toBe(0x200n);
    t.cpu.set(L.XMM + 240, 1n);
    expect(exec(XSAVE, 0x203n)).toBeUndefined();
    expect(t.read64(AREA + 512)).toBe(2n);
  });

  it('XSAVEOPT leaves out what is in its initial state', () => {
    t.write64(AREA + 24, 0x1f80n);
    exec(XRSTOR, 0x203n);
    t.memory.write(AREA, new Uint8Array(512).fill(0xee));
    expect(exec(XSAVEOPT, 0x203n)).toBeUndefined();
    expect(t.memory.read(AREA, 512)).toEqual(new Uint8Array(512).fill(0xee));
    expect(t.read64(AREA + 512)).toBe(0n);
    t.cpu.set(L.XMM, 7n);
    expect(exec(XSAVEOPT, 0x203n)).toBeUndefined();
    expect([t.read64(AREA + 160), t.read64(AREA), t.read64(AREA + 24) & 0xffffffffn]).toEqual([7n, 0xeeeeeeeeeeeeeeeen, 0x1f80n]);
  });

  it.each([['a component that XCR0 does not have', 512, 4n], ['a compacted area', 520, 1n << 63n], ['reserved bytes of the header', 528, 1n], ['bits that MXCSR does not have', 24, 0x10000n]])(
    'refuse %s', (_, at, value) => {
      fill();
      const before = registers();
      t.write64(AREA + at, value);
      expect(exec(XRSTOR, 0x203n)).toMatchObject({ vector: 13, errorCode: 0 });
      expect(registers()).toEqual(before);
    });

  it('fault without having changed anything if the area crosses into a page that is not there', () => {
    const unmapped = 0x60000;
    t.setPage(BigInt(unmapped), 0n);
    fill();
    const before = registers();
    t.memory.write(unmapped - 512, new Uint8Array(512).fill(0xee));
    for (const code of [0x23, 0x2b]) {
      t.cpu.setGpr(3, BigInt(unmapped - 512));
      t.cpu.setGpr(RAX, 3n);
      expect(t.exec([0x0f, 0xae, code])).toMatchObject({ vector: 14 });
    }
    expect(t.memory.read(unmapped - 512, 512)).toEqual(new Uint8Array(512).fill(0xee));
    expect(registers()).toEqual(before);
  });
});

describe('XCR0', () => {
  it('is read by XGETBV and written by XSETBV at CPL 0', () => {
    t.cpu.setGpr(RCX, 0n);
    for (const value of [1n, 3n, 0x203n, 0x201n]) {
      expect(exec(XSETBV, value)).toBeUndefined();
      expect(exec(XGETBV)).toBeUndefined();
      expect([t.cpu.gpr(RAX), t.cpu.gpr(RDX)]).toEqual([value, 0n]);
    }
    for (const value of [0n, 2n, 7n, 0x403n, 1n << 62n | 1n]) expect(exec(XSETBV, value)).toMatchObject({ vector: 13 });
    t.cpu.setGpr(RCX, 1n);
    expect(exec(XSETBV, 3n)).toMatchObject({ vector: 13 });
    expect(exec(XGETBV)).toMatchObject({ vector: 13 });
    t.cpu.setGpr(RCX, 0n);
    t.user();
    expect(exec(XSETBV, 3n)).toMatchObject({ vector: 13 });
    expect(exec(XGETBV)).toBeUndefined();
  });

  it('decides the sizes that CPUID leaf D tells', () => {
    expect(cpuid(t, t.cpu, 0xd, 0)).toEqual({ eax: 0x203, ebx: PKRU_AT + 8, ecx: PKRU_AT + 8, edx: 0 });
    t.cpu.set(L.XCR0, 3n);
    expect(cpuid(t, t.cpu, 0xd, 0)).toEqual({ eax: 0x203, ebx: 576, ecx: PKRU_AT + 8, edx: 0 });
    expect(cpuid(t, t.cpu, 0xd, 1)).toEqual({ eax: 1, ebx: 0, ecx: 0, edx: 0 });
    expect(cpuid(t, t.cpu, 0xd, 9)).toEqual({ eax: 8, ebx: PKRU_AT, ecx: 0, edx: 0 });
    for (const n of [2, 3, 8, 10, 63]) expect(cpuid(t, t.cpu, 0xd, n)).toEqual({ eax: 0, ebx: 0, ecx: 0, edx: 0 });
    expect(cpuid(t, t.cpu, 1, 0).ecx >>> 26 & 3).toBe(3);
    const without = new TestCore({ features: { pku: false } }).longMode();
    expect(cpuid(without, without.cpu, 0xd, 0)).toEqual({ eax: 3, ebx: 576, ecx: 576, edx: 0 });
    const none = new TestCore({ features: { xsave: false } }).longMode();
    expect([cpuid(none, none.cpu, 0xd, 0).eax, cpuid(none, none.cpu, 1, 0).ecx >>> 26 & 3]).toEqual([0, 0]);
    none.cpu.setGpr(RAX, 0x20n | OSXSAVE);
    expect(none.exec([0x0f, 0x22, 0xe0])).toMatchObject({ vector: 13 });
  });
});
