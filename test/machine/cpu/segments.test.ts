import { beforeEach, describe, expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import { readFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { CodeMode, Flag, Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { expectFault, GDT, KERNEL_STACK, LDT, S, TestCore, TSS, USER_STACK } from './testCore.js';

let t: TestCore;
beforeEach(() => { t = new TestCore().longMode(); });

const mov = (seg: Seg, selector: number) => { t.cpu.setGpr(0, BigInt(selector)); return t.exec([0x8e, 0xc0 | seg << 3]); };

describe('MOV to a data segment', () => {
  it('loads selector, rights, limit and base', () => {
    t.write64(LDT + 8, 0x1240_f234_5678_0fffn);
    t.cpu.setSegment(Seg.LDTR, S.ldt, 0x82, 0xff, BigInt(LDT));
    expect(mov(Seg.FS, 0x0f)).toBeUndefined();
    expect([t.cpu.segSelector(Seg.FS), t.cpu.segRights(Seg.FS), t.cpu.segLimit(Seg.FS), t.cpu.segBase(Seg.FS)]).toEqual([0x0f, 0x40f3, 0xfff, 0x12345678n]);
  });
  it('sets the accessed bit in memory, once', () => {
    expect(mov(Seg.DS, S.unaccessed)).toBeUndefined();
    expect(t.memory.readU8(GDT + S.unaccessed + 5)).toBe(0x93);
    // With the bit set already, a read-only GDT does no harm (KAISER maps it so).
    t.setPage(BigInt(GDT), 1n);
    expect(mov(Seg.DS, S.unaccessed)).toBeUndefined();
    t.memory.writeU8(GDT + S.unaccessed + 5, 0x92);
    expectFault(mov(Seg.DS, S.unaccessed), Vector.PF, 3);
  });
  it.each([[0], [1], [2], [3]])('takes the null selector %i', selector => {
    expect(mov(Seg.GS, selector)).toBeUndefined();
    expect([t.cpu.segSelector(Seg.GS), t.cpu.segRights(Seg.GS), t.cpu.segBase(Seg.GS)]).toEqual([selector, 0, 0n]);
  });
  it.each([
    ['beyond the GDT', 0x100, Vector.GP], ['of a system segment', S.tss, Vector.GP], ['of execute-only code', S.executeOnly, Vector.GP],
    ['that is absent', S.absentData, Vector.NP], ['in a missing LDT', 0x0c, Vector.GP],
  ])('refuses a selector %s', (_what, selector, vector) => {
    const before = t.snapshot();
    expectFault(mov(Seg.ES, selector), vector, selector);
    t.cpu.setGpr(0, 0n);
    expect(t.snapshot()).toBe(before);
  });
  it('checks both CPL and RPL against the DPL, except for conforming code', () => {
    expectFault(mov(Seg.DS, S.data | 3), Vector.GP, S.data);
    expect(mov(Seg.DS, S.conforming64 | 3)).toBeUndefined();
    t.user();
    expectFault(mov(Seg.DS, S.data), Vector.GP, S.data);
    expect(mov(Seg.DS, S.userData & ~3)).toBeUndefined();
  });
  it('reads descriptors as supervisor also at CPL 3', () => {
    t.user();
    expect(mov(Seg.ES, S.userReadOnly)).toBeUndefined();
  });
  it('in real mode the base is 16 times the selector, the limit stays', () => {
    t = new TestCore().realMode();
    expect(mov(Seg.DS, 0x1234)).toBeUndefined();
    expect([t.cpu.segBase(Seg.DS), t.cpu.segLimit(Seg.DS)]).toEqual([0x12340n, 0xffff]);
  });
});

describe('MOV to SS', () => {
  it('casts a shadow of one instruction', () => {
    expect(mov(Seg.SS, S.data)).toBeUndefined();
    expect(t.cpu.int(L.SHADOW)).toBe(L.SHADOW_STACK);
  });
  it('takes null in 64-bit code below CPL 3 with RPL = CPL only', () => {
    expect(mov(Seg.SS, 0)).toBeUndefined();
    expect(t.cpu.cpl).toBe(0);
    expectFault(mov(Seg.SS, 3), Vector.GP, 0);
    t.user();
    expectFault(mov(Seg.SS, 3), Vector.GP, 0);
    t.compatibility(0);
    expectFault(mov(Seg.SS, 0), Vector.GP, 0);
  });
  it.each([
    ['code', S.code64, Vector.GP], ['of another DPL', S.userData & ~3, Vector.GP], ['absent', S.absentData, Vector.SS],
  ])('refuses a segment that is %s', (_what, selector, vector) => expectFault(mov(Seg.SS, selector), vector, selector));
  it('refuses another RPL and read-only data', () => {
    expectFault(mov(Seg.SS, S.data | 1), Vector.GP, S.data);
    t.user();
    expectFault(mov(Seg.SS, S.userReadOnly), Vector.GP, S.userReadOnly & ~3);
  });
});

describe('other moves of selectors', () => {
  it('MOV from Sreg zero-extends into registers and stores 16 bits', () => {
    t.cpu.setGpr(0, -1n & 0xffffffffffffffffn);
    t.exec([0x8c, 0xd0]); // mov eax, ss
    expect(t.cpu.gpr(0)).toBe(BigInt(S.data));
    t.cpu.setGpr(0, 0xffff_ffffn);
    t.exec([0x66, 0x8c, 0xd0]); // mov ax, ss
    expect(t.cpu.gpr(0)).toBe(0xffff_0000n | BigInt(S.data));
    t.write64(0x50000, 0xffff_ffff_ffff_ffffn);
    t.cpu.setGpr(3, 0x50000n);
    t.exec([0x8c, 0x13]); // mov [rbx], ss
    expect(t.read64(0x50000)).toBe(0xffff_ffff_ffff_0000n | BigInt(S.data));
  });
  it('PUSH and POP of FS and GS', () => {
    mov(Seg.GS, S.userData);
    t.exec([0x0f, 0xa8]);
    expect([t.cpu.gpr(4), t.read64(KERNEL_STACK - 8n)]).toEqual([KERNEL_STACK - 8n, BigInt(S.userData)]);
    expect(t.exec([0x0f, 0xa1])).toBeUndefined();
    expect([t.cpu.gpr(4), t.cpu.segSelector(Seg.FS)]).toEqual([KERNEL_STACK, S.userData]);
  });
  it('POP that faults leaves the stack pointer', () => {
    t.write64(Number(KERNEL_STACK), 0x1000n);
    expectFault(t.exec([0x0f, 0xa1]), Vector.GP, 0x1000);
    expect(t.cpu.gpr(4)).toBe(KERNEL_STACK);
  });
  it('LSS loads stack segment and pointer', () => {
    t.write64(0x50000, 0x17000n | BigInt(S.data) << 32n);
    t.cpu.setGpr(3, 0x50000n);
    expect(t.exec([0x0f, 0xb2, 0x23])).toBeUndefined(); // lss esp, [rbx]
    expect([t.cpu.gpr(4), t.cpu.segSelector(Seg.SS)]).toEqual([0x17000n, S.data]);
  });
});

describe('LLDT, LTR, SLDT, STR', () => {
  const lldt = (selector: number) => { t.cpu.setGpr(0, BigInt(selector)); return t.exec([0x0f, 0x00, 0xd0]); };
  const ltr = (selector: number) => { t.cpu.setGpr(0, BigInt(selector)); return t.exec([0x0f, 0x00, 0xd8]); };
  it('LTR marks the TSS busy and refuses a busy one', () => {
    expect(ltr(S.tss)).toBeUndefined();
    expect(t.memory.readU8(GDT + S.tss + 5)).toBe(0x8b);
    expect([t.cpu.segBase(Seg.TR), t.cpu.segLimit(Seg.TR)]).toEqual([BigInt(TSS), 0x67]);
    expectFault(ltr(S.tss), Vector.GP, S.tss);
  });
  it('16-byte descriptors have a 64-bit base, which must be canonical', () => {
    t.write64(GDT + S.tss + 8, 0xffff_8000n);
    expect(ltr(S.tss)).toBeUndefined();
    expect(t.cpu.segBase(Seg.TR)).toBe(0xffff_8000_0000_8000n);
    t.loadGdt();
    t.write64(GDT + S.tss + 8, 0x0000_8000n);
    expectFault(ltr(S.tss), Vector.GP, S.tss);
  });
  it.each([['null', 0, 0], ['an LDT', S.ldt, S.ldt], ['in the LDT', 0x44, 0x44], ['beyond the GDT', 0xf8, 0xf8]])('LTR refuses %s', (_what, selector, error) => {
    expectFault(ltr(selector), Vector.GP, error);
  });
  it('LLDT loads, takes null, and refuses another type', () => {
    expect(lldt(S.ldt)).toBeUndefined();
    expect([t.cpu.segBase(Seg.LDTR), t.cpu.segLimit(Seg.LDTR)]).toEqual([BigInt(LDT), 0xff]);
    expectFault(lldt(S.tss), Vector.GP, S.tss);
    expect(lldt(0)).toBeUndefined();
    expect(t.cpu.segRights(Seg.LDTR)).toBe(0);
  });
  it('are privileged, and #UD in real mode', () => {
    t.user();
    expectFault(lldt(0), Vector.GP, 0);
    t = new TestCore().realMode();
    expectFault(ltr(S.tss), Vector.UD);
  });
  it('STR is open to user code unless CR4.UMIP', () => {
    t.user();
    expect(t.exec([0x0f, 0x00, 0xc8])).toBeUndefined();
    expect(t.cpu.gpr(0)).toBe(BigInt(S.tss));
    t.cpu.set(L.CR4, 0x820n);
    expectFault(t.exec([0x0f, 0x00, 0xc8]), Vector.GP, 0);
    expectFault(t.exec([0x0f, 0x01, 0xe0]), Vector.GP, 0); // SMSW
  });
});

describe('GDTR and IDTR', () => {
  it('LGDT takes 10 bytes in 64-bit code and checks the base', () => {
    t.cpu.setGpr(3, 0x50000n);
    t.memory.writeU16(0x50000, 0x7f);
    t.write64(0x50002, 0xffff_8000_0000_6000n);
    expect(t.exec([0x0f, 0x01, 0x13])).toBeUndefined();
    expect([t.cpu.get(L.GDTR_LIMIT), t.cpu.get(L.GDTR_BASE)]).toEqual([0x7fn, 0xffff_8000_0000_6000n]);
    t.write64(0x50002, 0x8000_0000_0000n);
    expectFault(t.exec([0x0f, 0x01, 0x13]), Vector.GP, 0);
  });
  it('SIDT stores limit and base', () => {
    t.cpu.set(L.IDTR_BASE, 0xffff_ffff_8000_1000n);
    t.cpu.setGpr(3, 0x50000n);
    expect(t.exec([0x0f, 0x01, 0x0b])).toBeUndefined();
    expect([t.memory.readU16(0x50000), t.read64(0x50002)]).toEqual([0xfff, 0xffff_ffff_8000_1000n]);
  });
  it('with 16-bit operands only 24 bits of the base count', () => {
    t = new TestCore().realMode();
    t.memory.write(0x500, Uint8Array.of(0xff, 0x00, 0x00, 0x60, 0x12, 0x34));
    expect(t.exec([0x0f, 0x01, 0x16, 0x00, 0x05])).toBeUndefined();
    expect(t.cpu.get(L.GDTR_BASE)).toBe(0x126000n);
    expect(t.exec([0x66, 0x0f, 0x01, 0x16, 0x00, 0x05])).toBeUndefined();
    expect(t.cpu.get(L.GDTR_BASE)).toBe(0x34126000n);
  });
});

describe('LAR, LSL, VERR, VERW', () => {
  const run = (bytes: number[], selector: number) => {
    t.cpu.setGpr(0, 0x1111n);
    t.cpu.setGpr(1, BigInt(selector));
    expect(t.exec(bytes)).toBeUndefined();
    return (readFlags(t.cpu) & Flag.ZF) !== 0 ? t.cpu.gpr(0) : undefined;
  };
  const lar = [0x0f, 0x02, 0xc1], lsl = [0x0f, 0x03, 0xc1], verr = [0x0f, 0x00, 0xe1], verw = [0x0f, 0x00, 0xe9];
  it('LAR gives rights, LSL the limit in bytes', () => {
    expect(run(lar, S.userData)).toBe(0x00c0f300n);
    expect(run(lsl, S.userData)).toBe(0xffffffffn);
    expect(run(lsl, S.tss)).toBe(0x67n);
  });
  it.each([['null', 0], ['beyond the GDT', 0x100]])('clear ZF for %s', (_what, selector) => {
    for (const bytes of [lar, lsl, verr, verw]) expect(run(bytes, selector)).toBeUndefined();
    expect(t.cpu.gpr(0)).toBe(0x1111n);
  });
  it('respect privilege: user code cannot see supervisor segments', () => {
    t.user();
    for (const bytes of [lar, lsl, verr, verw]) expect(run(bytes, S.data)).toBeUndefined();
    expect(run(lar, S.conforming64)).toBeDefined();
  });
  it('LAR knows call gates, LSL does not', () => {
    expect(run(lar, S.callGate)).toBeDefined();
    expect(run(lsl, S.callGate)).toBeUndefined();
  });
  it('VERR and VERW tell readable and writable', () => {
    expect([run(verr, S.userReadOnly), run(verw, S.userReadOnly), run(verr, S.executeOnly), run(verr, S.code64), run(verw, S.code64)].map(v => v !== undefined))
      .toEqual([true, false, false, true, false]);
  });
  it('are #UD in real mode', () => {
    t = new TestCore().realMode();
    expectFault(t.exec(lar), Vector.UD);
  });
});

describe('segment limits outside 64-bit code', () => {
  it('an operand beyond the limit is #GP(0), through SS #SS(0), through a null segment #GP(0)', () => {
    t.compatibility(0);
    t.cpu.setSegment(Seg.DS, S.data, 0x4093, 0xfff, 0x50000n);
    t.cpu.setGpr(3, 0xffbn);
    expectFault(t.exec([0x0f, 0x01, 0x13]), Vector.GP, 0); // lgdt [ebx]: 6 bytes from 0xffb
    t.cpu.setGpr(3, 0xffan);
    expect(t.exec([0x0f, 0x01, 0x13])).toBeUndefined();
    t.cpu.setSegment(Seg.DS, 0, 0, 0, 0n);
    expectFault(t.exec([0x0f, 0x01, 0x0b]), Vector.GP, 0);
    t.cpu.setSegment(Seg.SS, S.data, 0x4093, 0xfff, 0n);
    t.cpu.setGpr(5, 0x2000n);
    expectFault(t.exec([0x0f, 0x01, 0x4d, 0x00]), Vector.SS, 0); // sidt [ebp]
  });
  it('an expand-down segment is valid above its limit', () => {
    t.compatibility(0);
    expect(mov(Seg.DS, S.expandDown)).toBeUndefined();
    t.cpu.setGpr(3, 0xfffn);
    expectFault(t.exec([0x0f, 0x01, 0x0b]), Vector.GP, 0);
    t.cpu.setGpr(3, 0x1_0000n * 5n);
    expect(t.exec([0x0f, 0x01, 0x0b])).toBeUndefined();
  });
  it('linear addresses wrap at 4 GiB', () => {
    t.compatibility(3);
    t.cpu.setSegment(Seg.ES, S.userData, 0xc0f3, 0xffffffff, 0xffff_f000n);
    t.cpu.setGpr(3, 0x111000n);
    expect(t.exec([0x26, 0x0f, 0x01, 0x0b])).toBeUndefined(); // sidt es:[ebx] at 0x110000
    expect(t.memory.readU16(0x110000)).toBe(0xfff);
    updateMode(t, t.cpu);
  });
});

describe('I/O ports', () => {
  const io = () => {
    const log: string[] = [];
    t.io.add({ name: 'probe', first: 0x500, count: 4, byteWide: false, read: (offset, size) => { log.push(`in ${offset} ${size}`); return 0xaabbccdd; }, write: (offset, size, value) => { log.push(`out ${offset} ${size} ${value.toString(16)}`); } });
    t.cpu.setGpr(2, 0x500n);
    return log;
  };
  it('IN merges by size, OUT sends by size', () => {
    const log = io();
    t.cpu.setGpr(0, 0x1111_2222_3333_4444n);
    t.exec([0xec]);
    expect(t.cpu.gpr(0)).toBe(0x1111_2222_3333_44ddn);
    t.exec([0x66, 0xed]);
    expect(t.cpu.gpr(0)).toBe(0x1111_2222_3333_ccddn);
    t.exec([0xed]);
    expect(t.cpu.gpr(0)).toBe(0xaabbccddn);
    t.exec([0xee]);
    t.exec([0xef]);
    expect(log).toEqual(['in 0 1', 'in 0 2', 'in 0 4', 'out 0 1 dd', 'out 0 4 aabbccdd']);
  });
  it('user code needs IOPL or the bitmap of the TSS', () => {
    io();
    t.user();
    t.cpu.setGpr(2, 0x500n);
    expectFault(t.exec([0xec]), Vector.GP, 0);
    t.cpu.setSegment(Seg.TR, S.tss, 0x8b, 0x200, BigInt(TSS));
    t.memory.writeU16(TSS + 0x66, 0x68);
    t.memory.fill(TSS + 0x68, 0x198, 0xff);
    expectFault(t.exec([0xec]), Vector.GP, 0);
    t.memory.writeU8(TSS + 0x68 + 0xa0, 0xfe);
    expect(t.exec([0xec])).toBeUndefined();
    expectFault(t.exec([0x66, 0xed]), Vector.GP, 0);
    t.cpu.setInt(L.FLAGS, t.cpu.int(L.FLAGS) | Flag.IOPL);
    expect(t.exec([0x66, 0xed])).toBeUndefined();
  });
  it('a port without a device stops the machine and names port and place', () => {
    t.cpu.setGpr(2, 0xcf8n);
    expect(() => t.exec([0xef])).toThrow(/rip 0x10000: write to I\/O port 0xcf8 \(4 bytes\)/);
  });
});

describe('stack width', () => {
  it('a 16-bit stack wraps within SP', () => {
    t.compatibility(0);
    t.cpu.setSegment(Seg.SS, S.data, 0x0093, 0xffff, 0x50000n);
    updateMode(t, t.cpu);
    expect(t.cpu.int(L.MODE)).toBe(CodeMode.Code32);
    t.cpu.setGpr(4, 0xabcd_0000n);
    expect(t.exec([0x9c])).toBeUndefined();
    expect(t.cpu.gpr(4)).toBe(0xabcd_fffcn);
    expect(t.memory.readU32(0x5fffc)).toBe(2);
    expect(USER_STACK).toBeGreaterThan(0n);
  });
});
