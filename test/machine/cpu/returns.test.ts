import { beforeEach, describe, expect, it } from 'vitest';
import { Unimplemented, Vector } from '../../../src/machine/core.js';
import { readFlags, writeFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { CodeMode, Flag, Seg } from '../../../src/machine/cpu/layout.js';
import { expectFault, KERNEL_CODE, KERNEL_STACK, S, TestCore, USER_CODE, USER_STACK } from './testCore.js';

const IRETQ = [0x48, 0xcf], IRETD = [0xcf], SYSCALL = [0x0f, 0x05], SYSRETQ = [0x48, 0x0f, 0x07], SYSRETL = [0x0f, 0x07];

let t: TestCore;
beforeEach(() => { t = new TestCore().longMode(); });

/** Puts an IRET frame of quadwords at RSP. */
function frame(rip: bigint, cs: number, flags: number, rsp: bigint, ss: number): void {
  const at = Number(KERNEL_STACK) - 40;
  [rip, BigInt(cs), BigInt(flags), rsp, BigInt(ss)].forEach((value, n) => t.write64(at + 8 * n, value));
  t.cpu.setGpr(4, BigInt(at));
}

describe('IRETQ', () => {
  it('returns to the same level and takes RSP and SS from the frame all the same', () => {
    frame(0x12345n, S.code64, Flag.IF | Flag.OF | 2, 0x15008n, S.data);
    expect(t.exec(IRETQ)).toBeUndefined();
    expect([t.cpu.rip, t.cpu.gpr(4), readFlags(t.cpu)]).toEqual([0x12345n, 0x15008n, Flag.IF | Flag.OF | 2]);
  });

  it('returns to user mode, dropping data segments of the inner level', () => {
    frame(USER_CODE, S.userCode64, 0x202, USER_STACK, S.userData);
    t.cpu.setSegment(Seg.ES, S.userData, 0xc0f3, 0xffffffff, 0n);
    t.cpu.set(L.SEG + Seg.GS * L.SEG_SIZE + L.SEG_BASE, 0x1234n);
    expect(t.exec(IRETQ)).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4)]).toEqual([3, USER_CODE, USER_STACK]);
    expect(t.cpu.int(L.MODE) & CodeMode.User).toBe(CodeMode.User);
    expect([t.cpu.segSelector(Seg.DS), t.cpu.segSelector(Seg.ES), t.cpu.segBase(Seg.GS)]).toEqual([0, S.userData, 0n]);
  });

  it('returns to 32-bit user code', () => {
    frame(USER_CODE, S.userCode32, 0x202, USER_STACK, S.userData);
    expect(t.exec(IRETQ)).toBeUndefined();
    expect(t.cpu.int(L.MODE)).toBe(CodeMode.Code32 | CodeMode.Stack32 | CodeMode.User);
  });

  it('takes a null SS below CPL 3 only if its RPL is the new CPL', () => {
    frame(KERNEL_CODE, S.code64, 2, KERNEL_STACK, 0);
    expect(t.exec(IRETQ)).toBeUndefined();
    expect([t.cpu.segSelector(Seg.SS), t.cpu.cpl]).toEqual([0, 0]);
    t.kernel();
    frame(USER_CODE, S.userCode64, 2, USER_STACK, 3);
    expectFault(t.exec(IRETQ), Vector.GP, 0);
    frame(KERNEL_CODE, S.code64, 2, KERNEL_STACK, 1);
    expectFault(t.exec(IRETQ), Vector.GP, 0);
  });

  it.each([
    ['a null CS', KERNEL_CODE, 0, S.data, Vector.GP, 0],
    ['a data segment as CS', KERNEL_CODE, S.data, S.data, Vector.GP, S.data],
    ['CS with L and D', KERNEL_CODE, S.code64Big, S.data, Vector.GP, S.code64Big],
    ['CS beyond the GDT', KERNEL_CODE, 0x2000, S.data, Vector.GP, 0x2000],
    ['CS in an LDT that is not there', KERNEL_CODE, 0x14, S.data, Vector.GP, 0x14],
    ['CS whose RPL is not its DPL', KERNEL_CODE, S.code64 | 3, S.userData, Vector.GP, S.code64],
    ['an absent CS', KERNEL_CODE, S.absentCode, S.data, Vector.NP, S.absentCode],
    ['SS of another level than CS', USER_CODE, S.userCode64, S.data, Vector.GP, S.data],
    ['a read-only SS', USER_CODE, S.userCode64, S.userReadOnly, Vector.GP, S.userReadOnly & ~3],
    ['an absent SS', KERNEL_CODE, S.code64, S.absentData, Vector.SS, S.absentData],
    ['a non-canonical RIP', 0x8000_0000_0000n, S.code64, S.data, Vector.GP, 0],
  ])('refuses %s and changes nothing', (_what, rip, cs, ss, vector, error) => {
    frame(rip, cs, 2, USER_STACK, ss);
    const before = t.snapshot();
    expectFault(t.exec(IRETQ), vector, error);
    expect(t.snapshot()).toBe(before);
  });

  it('refuses NT, and a return inwards', () => {
    frame(KERNEL_CODE, S.code64, 2, KERNEL_STACK, S.data);
    writeFlags(t.cpu, Flag.NT);
    expectFault(t.exec(IRETQ), Vector.GP, 0);
    t.user();
    const at = Number(USER_STACK) - 40;
    [USER_CODE, BigInt(S.code64), 2n, USER_STACK, BigInt(S.data)].forEach((value, n) => t.write64(at + 8 * n, value));
    t.cpu.setGpr(4, BigInt(at));
    expectFault(t.exec(IRETQ), Vector.GP, S.code64);
  });

  it('a non-canonical stack pointer is #SS(0), an unmapped one #PF', () => {
    t.cpu.setGpr(4, 0x8000_0000_0000_0000n);
    expectFault(t.exec(IRETQ), Vector.SS, 0);
    t.cpu.setGpr(4, 0x1ff000n);
    expectFault(t.exec(IRETQ), Vector.PF, 0);
  });

  it('at CPL 3 keeps IF and IOPL as they are', () => {
    t.user();
    const at = Number(USER_STACK) - 40;
    [USER_CODE, BigInt(S.userCode64), BigInt(Flag.IOPL | Flag.CF | Flag.AC | Flag.ID), USER_STACK, BigInt(S.userData)].forEach((value, n) => t.write64(at + 8 * n, value));
    t.cpu.setGpr(4, BigInt(at));
    expect(t.exec(IRETQ)).toBeUndefined();
    expect(readFlags(t.cpu)).toBe(Flag.IF | Flag.CF | Flag.AC | Flag.ID | 2);
  });
});

describe('IRET of other widths', () => {
  it('IRETD in 64-bit code pops doublewords, also RSP', () => {
    const at = Number(KERNEL_STACK) - 20;
    [USER_CODE, S.userCode64, 0x202, USER_STACK, S.userData].forEach((value, n) => t.memory.writeU32(at + 4 * n, Number(value)));
    t.cpu.setGpr(4, BigInt(at));
    expect(t.exec(IRETD)).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4)]).toEqual([3, USER_CODE, USER_STACK]);
  });

  it('IRETD to the same level in compatibility mode leaves SS and RSP to the stack', () => {
    t.compatibility(3);
    const at = Number(USER_STACK) - 12;
    [0x100123, S.userCode32, 0x203].forEach((value, n) => t.memory.writeU32(at + 4 * n, value));
    t.cpu.setGpr(4, BigInt(at));
    expect(t.exec(IRETD)).toBeUndefined();
    expect([t.cpu.rip, t.cpu.gpr(4), readFlags(t.cpu)]).toEqual([0x100123n, USER_STACK, 0x203]);
  });

  it('real mode pops words', () => {
    t = new TestCore().realMode();
    t.memory.write(0x7ffa, new Uint8Array(Uint16Array.of(0x100, 0x2000, 0x203).buffer));
    t.cpu.setGpr(4, 0x7ffan);
    expect(t.exec([0xcf])).toBeUndefined();
    expect([t.cpu.rip, t.cpu.segBase(Seg.CS), t.cpu.gpr(4), readFlags(t.cpu)]).toEqual([0x100n, 0x20000n, 0x8000n, 0x203]);
  });

  it('virtual-8086 mode stops the machine with a message', () => {
    t = new TestCore().protectedMode();
    const at = Number(KERNEL_STACK) - 12;
    [0, S.code32, Flag.VM].forEach((value, n) => t.memory.writeU32(at + 4 * n, value));
    t.cpu.setGpr(4, BigInt(at));
    expect(() => t.exec(IRETD)).toThrow(Unimplemented);
  });
});

describe('SYSCALL', () => {
  beforeEach(() => {
    t.user();
    t.cpu.set(L.LSTAR, 0xffff_ffff_8000_1000n);
    t.cpu.set(L.SFMASK, BigInt(Flag.IF | Flag.DF | Flag.AC));
    writeFlags(t.cpu, Flag.IF | Flag.CF | Flag.DF);
  });

  it('goes to LSTAR at CPL 0 with the user RSP, RIP in RCX and RFLAGS in R11', () => {
    expect(t.exec(SYSCALL)).toBeUndefined();
    expect([t.cpu.rip, t.cpu.gpr(1), t.cpu.gpr(11), t.cpu.gpr(4)]).toEqual([0xffff_ffff_8000_1000n, USER_CODE + 2n, BigInt(Flag.IF | Flag.CF | Flag.DF | 2), USER_STACK]);
    expect([t.cpu.cpl, t.cpu.segSelector(Seg.CS), t.cpu.segSelector(Seg.SS), readFlags(t.cpu)]).toEqual([0, 0x10, 0x18, Flag.CF | 2]);
    expect(t.cpu.int(L.MODE)).toBe(CodeMode.Long | CodeMode.Stack32);
  });

  it('is #UD without EFER.SCE, in compatibility mode, and on a processor without it', () => {
    t.cpu.set(L.EFER, 0xd00n);
    expectFault(t.exec(SYSCALL), Vector.UD);
    t.cpu.set(L.EFER, 0xd01n);
    t.compatibility(3);
    expectFault(t.exec(SYSCALL), Vector.UD);
    t = new TestCore({ features: { syscall: false } }).longMode().user();
    expectFault(t.exec(SYSCALL), Vector.UD);
  });
});

describe('SYSRET', () => {
  it('returns to 64-bit user code with STAR selectors and R11 flags', () => {
    t.cpu.setGpr(1, USER_CODE);
    t.cpu.setGpr(11, 0xffffffffn);
    expect(t.exec(SYSRETQ)).toBeUndefined();
    expect([t.cpu.rip, t.cpu.cpl, t.cpu.segSelector(Seg.CS), t.cpu.segSelector(Seg.SS)]).toEqual([USER_CODE, 3, 0x33, 0x2b]);
    expect(readFlags(t.cpu)).toBe(0x3c7fd7);
  });

  it('returns to compatibility mode without REX.W, with a 32-bit EIP', () => {
    t.cpu.setGpr(1, 0xdead_0010_0000n);
    t.cpu.setGpr(11, 2n);
    expect(t.exec(SYSRETL)).toBeUndefined();
    expect([t.cpu.rip, t.cpu.segSelector(Seg.CS), t.cpu.int(L.MODE)]).toEqual([0x0010_0000n, 0x23, CodeMode.Code32 | CodeMode.Stack32 | CodeMode.User]);
  });

  it('with a non-canonical RCX raises #GP(0) while still at CPL 0', () => {
    t.cpu.setGpr(1, 0x8000_0000_0000n);
    const before = t.snapshot();
    expectFault(t.exec(SYSRETQ), Vector.GP, 0);
    expect(t.snapshot()).toBe(before);
    expect(t.cpu.cpl).toBe(0);
  });

  it('is privileged', () => {
    t.user();
    expectFault(t.exec(SYSRETQ), Vector.GP, 0);
  });
});

describe('far transfers', () => {
  const ljmp32 = (selector: number, offset: number) => [0xea, offset & 0xff, offset >> 8 & 0xff, offset >> 16 & 0xff, offset >>> 24, selector & 0xff, selector >> 8];

  it('from protected mode through a far jump into long mode', () => {
    t = new TestCore().longMode().compatibility(0);
    expect(t.exec(ljmp32(S.code64, 0x12345))).toBeUndefined();
    expect([t.cpu.rip, t.cpu.int(L.MODE)]).toEqual([0x12345n, CodeMode.Long | CodeMode.Stack32]);
  });

  it('from real mode to protected mode', () => {
    t = new TestCore().realMode();
    t.loadGdt();
    t.cpu.set(L.GDTR_BASE, 0x6000n);
    t.cpu.set(L.GDTR_LIMIT, 0xffn);
    t.cpu.setGpr(0, 0x11n);
    expect(t.exec([0x0f, 0x22, 0xc0])).toBeUndefined();
    expect(t.cpu.int(L.MODE)).toBe(0);
    expect(t.exec([0x66, ...ljmp32(S.code32, 0x20000)])).toBeUndefined();
    expect([t.cpu.rip, t.cpu.int(L.MODE), t.cpu.segBase(Seg.CS)]).toEqual([0x20000n, CodeMode.Code32, 0n]);
  });

  it('far RET in 64-bit code reaches compatibility mode', () => {
    const at = Number(KERNEL_STACK) - 16;
    t.write64(at, 0x11000n);
    t.write64(at + 8, BigInt(S.code32));
    t.cpu.setGpr(4, BigInt(at));
    expect(t.exec([0x48, 0xcb])).toBeUndefined();
    expect([t.cpu.rip, t.cpu.int(L.MODE), t.cpu.gpr(4)]).toEqual([0x11000n, CodeMode.Code32 | CodeMode.Stack32, KERNEL_STACK]);
  });

  it('far RET to user mode takes the outer stack and releases arguments on both', () => {
    const at = Number(KERNEL_STACK) - 48;
    [USER_CODE, BigInt(S.userCode64), 0x55n, 0x66n, USER_STACK - 16n, BigInt(S.userData)].forEach((v, n) => t.write64(at + 8 * n, v));
    t.cpu.setGpr(4, BigInt(at));
    expect(t.exec([0x48, 0xca, 0x10, 0x00])).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4)]).toEqual([3, USER_CODE, USER_STACK]);
  });

  it('far CALL through memory pushes CS and RIP', () => {
    t.write64(0x15000, 0x12000n);
    t.memory.writeU16(0x15008, S.code64);
    t.cpu.setGpr(0, 0x15000n);
    expect(t.exec([0x48, 0xff, 0x18])).toBeUndefined();
    expect([t.cpu.rip, t.cpu.gpr(4)]).toEqual([0x12000n, KERNEL_STACK - 16n]);
    expect(t.frame(KERNEL_STACK - 16n, 2)).toEqual([KERNEL_CODE + 3n, BigInt(S.code64)]);
  });

  it.each([
    ['null', 0, Vector.GP, 0], ['data', S.data, Vector.GP, S.data], ['outer code', S.userCode64, Vector.GP, S.userCode64 & ~3],
    ['absent code', S.absentCode, Vector.NP, S.absentCode], ['an LDT', S.ldt, Vector.GP, S.ldt],
  ])('a far jump to %s faults', (_what, selector, vector, error) => {
    t.compatibility(0);
    const before = t.snapshot();
    expectFault(t.exec(ljmp32(selector, 0x1000)), vector, error);
    expect(t.snapshot()).toBe(before);
  });

  it('a conforming segment is entered at the current level', () => {
    t.user();
    t.write64(0x110000, USER_CODE + 16n);
    t.memory.writeU16(0x110008, S.conforming64);
    t.cpu.setGpr(0, 0x110000n);
    expect(t.exec([0x48, 0xff, 0x28])).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.segSelector(Seg.CS), t.cpu.rip]).toEqual([3, S.conforming64 | 3, USER_CODE + 16n]);
  });
});
