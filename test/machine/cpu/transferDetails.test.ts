import { beforeEach, describe, expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import { readFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { Flag, Seg } from '../../../src/machine/cpu/layout.js';
import { expectFault, GDT, HANDLER, KERNEL_STACK, S, TestCore, USER_CODE, USER_STACK } from './testCore.js';

// What the comparison with Bochs (test/bochs) found: each is small, and each was wrong once.

const IRETQ = [0x48, 0xcf], RETFQ = [0x48, 0xcb];
/** A 16-bit stack for CPL 3, in the place of a segment that nothing else here uses. */
const STACK16 = S.expandDown | 3;

let t: TestCore;
beforeEach(() => { t = new TestCore().longMode(); });

function stack(...values: bigint[]): void {
  const at = Number(KERNEL_STACK) - 8 * values.length;
  values.forEach((value, n) => t.write64(at + 8 * n, value));
  t.cpu.setGpr(4, BigInt(at));
}

describe('far returns to compatibility mode', () => {
  it('IRETQ takes the low halves of RIP and RSP', () => {
    stack(0x7_0000_0000n | USER_CODE, BigInt(S.userCode32), 2n, 0x8_0000_0000n | USER_STACK, BigInt(S.userData));
    expect(t.exec(IRETQ)).toBeUndefined();
    expect([t.cpu.rip, t.cpu.gpr(4)]).toEqual([USER_CODE, USER_STACK]);
  });

  it('IRETQ loads 16 bits of the stack pointer for a 16-bit stack', () => {
    t.write64(GDT + (STACK16 & ~7), 0x008f_f300_0000_ffffn);
    stack(USER_CODE, BigInt(S.userCode32), 2n, 0x1234_5678n, BigInt(STACK16));
    const before = t.cpu.gpr(4);
    expect(t.exec(IRETQ)).toBeUndefined();
    expect(t.cpu.gpr(4)).toBe(before & ~0xffffn | 0x5678n);
  });

  it('a far RET judges SS before the offset', () => {
    t.write64(GDT + (STACK16 & ~7), 0x004f_fa00_0000_ffffn);
    stack(0xffff_ffffn, BigInt(STACK16), USER_STACK, BigInt(S.userReadOnly));
    expectFault(t.exec(RETFQ), Vector.GP, S.userReadOnly & ~3);
  });
});

describe('IRETQ', () => {
  it('makes null selectors zero on its way out, and leaves their bases', () => {
    t.cpu.setSegment(Seg.GS, 3, 0, 0, 0x1234n);
    stack(USER_CODE, BigInt(S.userCode64), 2n, USER_STACK, BigInt(S.userData));
    expect(t.exec(IRETQ)).toBeUndefined();
    expect([t.cpu.segSelector(Seg.GS), t.cpu.segBase(Seg.GS)]).toEqual([0, 0x1234n]);
  });

  it('loads VIF and VIP at CPL 0', () => {
    stack(USER_CODE, BigInt(S.userCode64), BigInt(Flag.VIF | Flag.VIP | 2), USER_STACK, BigInt(S.userData));
    expect(t.exec(IRETQ)).toBeUndefined();
    expect(readFlags(t.cpu)).toBe(Flag.VIF | Flag.VIP | 2);
  });
});

it('LAR and LSL refuse a system descriptor whose second half is beyond the table or of a type', () => {
  const lar = [0x0f, 0x02, 0xc1], lsl = [0x0f, 0x03, 0xc1];
  const succeeds = (bytes: number[]): boolean => {
    t.cpu.setGpr(1, BigInt(S.ldt));
    expect(t.exec(bytes)).toBeUndefined();
    return (readFlags(t.cpu) & Flag.ZF) !== 0;
  };
  for (const bytes of [lar, lsl]) {
    expect(succeeds(bytes)).toBe(true);
    t.cpu.set(L.GDTR_LIMIT, BigInt(S.ldt + 14));
    expect(succeeds(bytes)).toBe(false);
    t.cpu.set(L.GDTR_LIMIT, 0xffn);
    t.write64(GDT + S.ldt + 8, 0x100_0000_0000n);
    expect(succeeds(bytes)).toBe(false);
    t.write64(GDT + S.ldt + 8, 0n);
  }
});

describe('64-bit accesses', () => {
  const address = 0x7fff_ffff_fffcn;
  it('that leave the canonical addresses raise #GP, or #SS through the stack, before the page fault of their first page', () => {
    expect(() => t.access.read64(t.cpu, address)).toThrow(expect.objectContaining({ vector: Vector.GP, errorCode: 0 }) as Error);
    t.cpu.setGpr(4, address);
    expectFault(t.exec([0x9d]), Vector.SS, 0);
    expect(t.cpu.rip).not.toBe(HANDLER);
  });

  it('ignore the prefixes of SS and DS', () => {
    t.cpu.setGpr(0, 1n << 63n);
    t.cpu.setGpr(5, 1n << 63n);
    // SGDT through SS: [rax], and through DS: [rbp].
    expectFault(t.exec([0x36, 0x0f, 0x01, 0x00]), Vector.GP, 0);
    expectFault(t.exec([0x3e, 0x0f, 0x01, 0x45, 0x00]), Vector.SS, 0);
  });
});
