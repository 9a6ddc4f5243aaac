import { describe, expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { expectFault, TestCore, UNMAPPED } from '../cpu/testCore.js';

const TS = 8n, EM = 4n, MP = 2n, NE = 0x20n;
const FLD1 = [0xd9, 0xe8], FLDZ = [0xd9, 0xee], FDIVP = [0xde, 0xf9], FNINIT = [0xdb, 0xe3], FNSTSW_AX = [0xdf, 0xe0], FWAIT = [0x9b], FNCLEX = [0xdb, 0xe2];
/** [RBX] as operand of an opcode with this ModRM.reg. */
const memory = (opcode: number, reg: number) => [opcode, reg << 3 | 3];
const FLDCW = memory(0xd9, 5), FSTP64 = memory(0xdd, 3), FNSTENV = memory(0xd9, 6), FLDENV = memory(0xd9, 4), FNSAVE = memory(0xdd, 6), FRSTOR = memory(0xdd, 4);
const DATA = 0x50000;

function core(): TestCore {
  const test = new TestCore().longMode();
  test.cpu.setGpr(3, BigInt(DATA));
  run(test, FNINIT);
  return test;
}
function run(test: TestCore, ...instructions: number[][]): void {
  for (const bytes of instructions) {
    const fault = test.exec(bytes);
    if (fault) throw new Error(`exception ${fault.vector}`);
  }
}
const setCr0 = (test: TestCore, bits: bigint) => test.cpu.set(L.CR0, test.cpu.get(L.CR0) | bits);
/** Leaves a division by zero pending. */
function pending(test: TestCore): void {
  test.write64(DATA, 0x37bn);
  run(test, FLDCW, FLD1, FLDZ, FDIVP);
}

describe('x87 instructions', () => {
  it('raise #NM with CR0.EM or CR0.TS, FWAIT with TS and MP together', () => {
    for (const bits of [EM, TS]) {
      const test = core();
      setCr0(test, bits);
      expectFault(test.exec(FLD1), Vector.NM);
      expectFault(test.exec(FNSTSW_AX), Vector.NM);
      expect(test.exec(FWAIT)).toBeUndefined();
      setCr0(test, MP);
      if (bits === TS) expectFault(test.exec(FWAIT), Vector.NM);
      else expect(test.exec(FWAIT)).toBeUndefined();
    }
  });

  it('report an unmasked exception at the next instruction that waits', () => {
    const test = core();
    setCr0(test, NE);
    pending(test);
    expect(test.exec(FNSTSW_AX)).toBeUndefined();
    // ES, B, ZE; nothing has been popped.
    expect(test.cpu.gpr(0) & 0xffffn).toBe(0xb084n);
    expectFault(test.exec(FLD1), Vector.MF);
    expectFault(test.exec(FWAIT), Vector.MF);
    run(test, FNCLEX, FWAIT, FLD1);
  });

  it('FSCALE by zero leaves a denormal alone, whatever is unmasked', () => {
    const test = core();
    test.write64(DATA, 0x36fn);
    test.write64(DATA + 8, 5n);
    test.write64(DATA + 16, 0n);
    // Unmask underflow; FLDZ, FLD m80, FSCALE.
    run(test, FLDCW, FLDZ);
    test.cpu.setGpr(3, BigInt(DATA + 8));
    run(test, memory(0xdb, 5), [0xd9, 0xfd]);
    expect(test.cpu.int(L.X87_STATUS) & 0xff).toBe(2);
    test.cpu.setGpr(3, BigInt(DATA + 32));
    run(test, memory(0xdb, 7));
    expect([test.read64(DATA + 32), test.read64(DATA + 40) & 0xffffn]).toEqual([5n, 0n]);
  });

  it('stop the machine where the exception would go through the interrupt controller', () => {
    const test = core();
    test.cpu.set(L.CR0, test.cpu.get(L.CR0) & ~NE);
    pending(test);
    expect(() => test.exec(FWAIT)).toThrow(/CR0\.NE/);
  });

  it('unmasking an exception that has been flagged makes it wait', () => {
    const test = core();
    setCr0(test, NE);
    run(test, FLD1, FLDZ, FDIVP);
    test.write64(DATA, 0x37bn);
    run(test, FLDCW);
    expectFault(test.exec(FWAIT), Vector.MF);
  });

  it('a store that faults leaves stack and status as they were', () => {
    const test = core();
    run(test, FLD1);
    test.cpu.setGpr(3, UNMAPPED - 4n);
    const before = test.cpu.i32.slice(L.X87 >> 2, L.EXTRA_CYCLES >> 2);
    expectFault(test.exec(FSTP64), Vector.PF, 2);
    expectFault(test.exec(FNSAVE), Vector.PF, 2);
    expect(test.cpu.i32.slice(L.X87 >> 2, L.EXTRA_CYCLES >> 2)).toEqual(before);
  });

  it('FNSAVE and FRSTOR keep everything, FNSTENV masks all exceptions', () => {
    const test = core();
    setCr0(test, NE);
    pending(test);
    const before = test.cpu.i32.slice(L.X87 >> 2, L.X87_CS >> 2);
    run(test, FNSAVE);
    expect(test.cpu.int(L.X87_CONTROL)).toBe(0x37f);
    expect(test.cpu.int(L.X87_TAGS)).toBe(0xffff);
    run(test, FRSTOR);
    expect(test.cpu.i32.slice(L.X87 >> 2, L.X87_CS >> 2)).toEqual(before);
    run(test, FNSTENV, FWAIT);
    expect(test.cpu.int(L.X87_CONTROL)).toBe(0x37f);
    run(test, FLDENV);
    expectFault(test.exec(FWAIT), Vector.MF);
  });

  it('the environment has a 16-bit form, and forms with linear addresses in real mode', () => {
    const test = new TestCore().protectedMode();
    test.cpu.setGpr(3, BigInt(DATA));
    run(test, FNINIT);
    // As 32-bit protected mode leaves it: control, status, tags, pointer, selector and opcode, data pointer, selector.
    test.cpu.set(L.X87_IP, 0x12345n);
    test.cpu.set(L.X87_DATA, 0xabcden);
    test.cpu.setInt(L.X87_OPCODE, 0x5a5);
    run(test, FNSTENV);
    const words = (count: number, size: 2 | 4) => Array.from({ length: count }, (_, n) => Number(test.read64(DATA + n * size) & (size === 2 ? 0xffffn : 0xffffffffn)));
    expect(words(7, 4)).toEqual([0xffff037f, 0xffff0000, 0xffffffff, 0x12345, 0x5a50000, 0xabcde, 0xffff0000]);
    run(test, [0x66, ...FNSTENV]);
    expect(words(7, 2)).toEqual([0x37f, 0, 0xffff, 0x2345, 0, 0xbcde, 0]);

    test.cpu.set(L.CR0, test.cpu.get(L.CR0) & ~1n);
    test.realMode();
    test.cpu.setSegment(Seg.DS, DATA >> 4, 0x93, 0xffff, BigInt(DATA));
    updateMode(test, test.cpu);
    test.cpu.setGpr(3, 0n);
    // [BX]
    const bx = (bytes: readonly number[]) => [bytes[0]!, bytes[1]! & 0x38 | 7];
    run(test, bx(FNSTENV));
    expect(words(7, 2)).toEqual([0x37f, 0, 0xffff, 0x2345, 0x15a5, 0xbcde, 0xa000]);
    run(test, [0x66, ...bx(FNSTENV)]);
    expect(words(7, 4)).toEqual([0xffff037f, 0xffff0000, 0xffffffff, 0xffff2345, 0x15a5, 0xffffbcde, 0xa000]);
    test.cpu.set(L.X87_IP, 0n);
    test.cpu.set(L.X87_DATA, 0n);
    test.cpu.setInt(L.X87_OPCODE, 0);
    run(test, [0x66, ...bx(FLDENV)]);
    expect([test.cpu.get(L.X87_IP), test.cpu.get(L.X87_DATA), test.cpu.int(L.X87_OPCODE)]).toEqual([0x12345n, 0xabcden, 0x5a5]);
  });
});
