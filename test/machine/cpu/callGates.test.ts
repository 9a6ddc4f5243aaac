import { beforeEach, describe, expect, it } from 'vitest';
import { GuestFault, Unimplemented, Vector } from '../../../src/machine/core.js';
import { deliverFault, enterSoftware } from '../../../src/machine/cpu/events.js';
import { readFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { CodeMode, Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { expectFault, GDT, HANDLER, IDT, RSP0, S, TestCore, TSS, USER_CODE, USER_STACK } from './testCore.js';

const GATE = 0x88;
let t: TestCore;

/** A gate descriptor's low quadword; its place is GATE. */
function gate(type: number, selector: number, offset: number, options: { dpl?: number; present?: boolean; count?: number; upper?: bigint } = {}): void {
  const { dpl = 3, present = true, count = 0, upper = 0n } = options;
  t.write64(GDT + GATE, BigInt(offset & 0xffff) | BigInt(selector) << 16n | BigInt(count) << 32n | BigInt(type | dpl << 5 | (present ? 0x80 : 0)) << 40n | BigInt(offset >>> 16) << 48n);
  if (type === 12 && (t.cpu.int(L.EFER) & 1 << 10)) t.write64(GDT + GATE + 8, upper);
}
/** CALL or JMP ptr16:32 of 32-bit code. */
const far32 = (opcode: number, selector: number) => [opcode, 0xef, 0xbe, 0xad, 0xde, selector & 0xff, selector >> 8];
const CALL32 = far32(0x9a, GATE | 3), JMP32 = far32(0xea, GATE | 3);
/** CALL and JMP m16:32 at [rax] of 64-bit code. */
const CALL64 = [0xff, 0x18], JMP64 = [0xff, 0x28];
const POINTER = 0x120000;

describe('call gates of long mode', () => {
  beforeEach(() => {
    t = new TestCore().longMode().user();
    t.memory.write(POINTER, Uint8Array.from([0, 0, 0, 0, GATE | 3, 0]));
    t.cpu.setGpr(0, BigInt(POINTER));
  });

  it('lead to an inner level: RSP0, a null SS, four quadwords, no alignment', () => {
    gate(12, S.code64, Number(HANDLER));
    t.write64(TSS + 4, RSP0 - 4n);
    expect(t.exec(CALL64)).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4), t.cpu.segSelector(Seg.SS), t.cpu.segSelector(Seg.CS)]).toEqual([0, HANDLER, RSP0 - 36n, 0, S.code64]);
    expect(t.frame(RSP0 - 36n, 4)).toEqual([USER_CODE + 2n, BigInt(S.userCode64), USER_STACK, BigInt(S.userData)]);
    // And back.
    expect(t.exec([0x48, 0xcb])).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4), t.cpu.segSelector(Seg.SS)]).toEqual([3, USER_CODE + 2n, USER_STACK, S.userData]);
  });

  it('lead to conforming code at the same level; JMP pushes nothing', () => {
    gate(12, S.conforming64, 0x40_1234, { upper: 0x7fn });
    expect(t.exec(CALL64)).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4), t.cpu.segSelector(Seg.CS)]).toEqual([3, 0x7f_0040_1234n, USER_STACK - 16n, S.conforming64 | 3]);
    expect(t.frame(USER_STACK - 16n, 2)).toEqual([USER_CODE + 2n, BigInt(S.userCode64)]);
    t.user();
    expect(t.exec(JMP64)).toBeUndefined();
    expect([t.cpu.rip, t.cpu.gpr(4)]).toEqual([0x7f_0040_1234n, USER_STACK]);
  });

  it('take compatibility code to 64-bit code', () => {
    gate(12, S.conforming64, 0x40_1234);
    t.compatibility(3);
    expect(t.exec(CALL32)).toBeUndefined();
    expect(t.cpu.int(L.MODE) & CodeMode.Long).toBe(CodeMode.Long);
    expect(t.frame(USER_STACK - 16n, 2)).toEqual([USER_CODE + 7n, BigInt(S.userCode32)]);
  });

  it.each([
    ['a gate of a lower DPL', () => gate(12, S.code64, 0x1000, { dpl: 2 }), Vector.GP, GATE],
    ['an absent gate', () => gate(12, S.code64, 0x1000, { present: false }), Vector.NP, GATE],
    ['a type in the second half', () => gate(12, S.code64, 0x1000, { upper: 1n << 40n }), Vector.GP, GATE],
    ['a null code selector', () => gate(12, 0, 0x1000), Vector.GP, 0],
    ['32-bit code', () => gate(12, S.code32, 0x1000), Vector.GP, S.code32],
    ['absent code', () => gate(12, S.absentCode, 0x1000), Vector.NP, S.absentCode],
    ['data', () => gate(12, S.data, 0x1000), Vector.GP, S.data],
    ['an offset that is not canonical', () => gate(12, S.code64, 0x1000, { upper: 0x8000n }), Vector.GP, 0],
    ['a 16-bit gate', () => gate(4, S.code64, 0x1000), Vector.GP, GATE],
    ['a TSS', () => gate(9, S.code64, 0x1000), Vector.GP, GATE],
    ['a task gate', () => gate(5, S.code64, 0x1000), Vector.GP, GATE],
  ])('refuse %s', (_what, make, vector, error) => {
    make();
    const before = t.snapshot();
    expectFault(t.exec(CALL64), vector, error);
    expect(t.snapshot()).toBe(before);
  });

  it('refuse JMP to an inner level, and a TSS that ends ahead of RSP0', () => {
    gate(12, S.code64, 0x1000);
    expectFault(t.exec(JMP64), Vector.GP, S.code64);
    t.cpu.setSegment(Seg.TR, S.tss, 0x8b, 10, BigInt(TSS));
    expectFault(t.exec(CALL64), Vector.TS, S.tss);
  });
});

/** 32-bit protected mode without paging; CPL 3 with its own flat segments. */
function protectedUser(): void {
  t = new TestCore().protectedMode();
  const { cpu } = t;
  cpu.setSegment(Seg.TR, S.tss, 0x8b, 0x67, BigInt(TSS));
  t.memory.writeU32(TSS + 4, Number(RSP0));
  t.memory.writeU32(TSS + 8, S.data);
  cpu.setSegment(Seg.CS, S.userCode32, 0xc0fb, 0xffffffff, 0n);
  for (const seg of [Seg.SS, Seg.DS, Seg.ES]) cpu.setSegment(seg, S.userData, 0xc0f3, 0xffffffff, 0n);
  cpu.rip = USER_CODE;
  cpu.setGpr(4, USER_STACK);
  updateMode(t, cpu);
}
const words = (at: bigint, count: number) => Array.from({ length: count }, (_, n) => t.memory.readU32(Number(at) + 4 * n));

describe('call gates of protected mode', () => {
  beforeEach(protectedUser);

  it('switch stacks and copy parameters; RET with an immediate releases them on both stacks', () => {
    gate(12, S.code32, Number(HANDLER), { count: 3 });
    for (const [n, value] of [0x11, 0x22, 0x33].entries()) t.memory.writeU32(Number(USER_STACK) + 4 * n, value);
    expect(t.exec(CALL32)).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4), t.cpu.segSelector(Seg.SS)]).toEqual([0, HANDLER, RSP0 - 28n, S.data]);
    expect(words(RSP0 - 28n, 7)).toEqual([Number(USER_CODE) + 7, S.userCode32, 0x11, 0x22, 0x33, Number(USER_STACK), S.userData]);
    expect(t.exec([0xca, 12, 0])).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4), t.cpu.segSelector(Seg.SS)]).toEqual([3, USER_CODE + 7n, USER_STACK + 12n, S.userData]);
  });

  it('of 16 bits push words, and go to a 16-bit offset', () => {
    gate(4, S.code32, 0x1234, { count: 1 });
    t.memory.writeU32(Number(USER_STACK), 0xabcd1234);
    expect(t.exec(CALL32)).toBeUndefined();
    expect([t.cpu.rip, t.cpu.gpr(4)]).toEqual([0x1234n, RSP0 - 10n]);
    expect(Array.from(new Uint16Array(t.memory.read(Number(RSP0) - 10, 10).slice().buffer))).toEqual([7, S.userCode32, 0x1234, Number(USER_STACK & 0xffffn), S.userData]);
  });

  it('to the same level push CS and EIP only', () => {
    gate(12, S.userCode32, 0x1234);
    expect(t.exec(CALL32)).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4)]).toEqual([3, 0x1234n, USER_STACK - 8n]);
    expect(t.exec(JMP32)).toBeUndefined();
    expect(t.cpu.gpr(4)).toBe(USER_STACK - 8n);
  });

  it('use a 16-bit TSS by its own layout', () => {
    gate(12, S.code32, 0x1234);
    t.cpu.setSegment(Seg.TR, S.tss, 0x83, 0x2b, BigInt(TSS));
    t.memory.writeU32(TSS + 2, 0x9000 | S.data << 16);
    expect(t.exec(CALL32)).toBeUndefined();
    expect(t.cpu.gpr(4)).toBe(0x9000n - 16n);
  });

  it.each([
    ['a null stack selector', () => t.memory.writeU32(TSS + 8, 0), Vector.TS, 0],
    ['a stack of another level', () => t.memory.writeU32(TSS + 8, S.userData), Vector.TS, S.userData & ~3],
    ['a stack outside the GDT', () => t.memory.writeU32(TSS + 8, 0x200), Vector.TS, 0x200],
    ['code for a stack', () => t.memory.writeU32(TSS + 8, S.code32), Vector.TS, S.code32],
    ['an absent stack', () => t.memory.writeU32(TSS + 8, S.absentData), Vector.SS, S.absentData],
    ['a short TSS', () => t.cpu.setSegment(Seg.TR, S.tss, 0x8b, 8, BigInt(TSS)), Vector.TS, S.tss],
    ['a stack with no room', () => { t.memory.writeU32(TSS + 8, S.expandDown); t.memory.writeU32(TSS + 4, 0x1008); }, Vector.SS, S.expandDown],
  ])('refuse %s, and nothing has changed', (_what, make, vector, error) => {
    gate(12, S.code32, 0x1234);
    make();
    const before = t.snapshot();
    expectFault(t.exec(CALL32), vector, error);
    expect(t.snapshot()).toBe(before);
  });

  it.each([[9, 'TSS'], [1, 'TSS'], [5, 'task gate']])('of a task (type %i) stop the machine with a message, if it could be switched to', (type, name) => {
    gate(type, S.code32, 0x1234, { dpl: 2 });
    expectFault(t.exec(CALL32), Vector.GP, GATE);
    gate(type, S.code32, 0x1234, { present: false });
    expectFault(t.exec(CALL32), Vector.NP, GATE);
    gate(type, S.code32, 0x1234);
    expect(() => t.exec(CALL32)).toThrow(Unimplemented);
    expect(() => t.exec(JMP32)).toThrow(new RegExp(`selector 0x8b, a ${name}.*task switches`));
  });
});

describe('events of protected mode', () => {
  beforeEach(protectedUser);
  const idt = (vector: number, type: number, selector: number, offset: number, dpl = 0) =>
    t.write64(IDT + vector * 8, BigInt(offset & 0xffff) | BigInt(selector) << 16n | BigInt(type | dpl << 5 | 0x80) << 40n | BigInt(offset >>> 16) << 48n);

  it('go to an inner level on the stack of the TSS, with an error code', () => {
    idt(13, 14, S.code32, Number(HANDLER));
    deliverFault(t, t.cpu, new GuestFault(13, 0x18));
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4), t.cpu.segSelector(Seg.SS)]).toEqual([0, HANDLER, RSP0 - 24n, S.data]);
    expect(words(RSP0 - 24n, 6)).toEqual([0x18, Number(USER_CODE), S.userCode32, 0x10002, Number(USER_STACK), S.userData]);
    t.cpu.setGpr(4, RSP0 - 20n);
    expect(t.exec([0xcf])).toBeUndefined();
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4)]).toEqual([3, USER_CODE, USER_STACK]);
  });

  it('through a 16-bit gate push words', () => {
    idt(0x80, 7, S.code32, 0x4321, 3);
    enterSoftware(t, t.cpu, 0x80, t.cpu.rip + 2n);
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4)]).toEqual([0, 0x4321n, RSP0 - 10n]);
    expect(t.memory.readU32(Number(RSP0) - 10)).toBe(Number(USER_CODE & 0xffffn) + 2 | S.userCode32 << 16);
    expect(readFlags(t.cpu) & 0x200).toBe(0);
  });

  it('raise a double fault where the inner stack cannot be had', () => {
    idt(13, 14, S.code32, Number(HANDLER));
    idt(8, 14, S.userCode32, 0x4321);
    t.memory.writeU32(TSS + 8, 0);
    deliverFault(t, t.cpu, new GuestFault(13, 0));
    // The handler of #DF is code of CPL 3 and may stay there.
    expect([t.cpu.cpl, t.cpu.rip, t.cpu.gpr(4)]).toEqual([3, 0x4321n, USER_STACK - 16n]);
  });

  it('through a task gate stop the machine with a message', () => {
    idt(13, 5, S.tss, 0);
    expect(() => deliverFault(t, t.cpu, new GuestFault(13, 0))).toThrow(/vector 13 has a task gate/);
  });
});
