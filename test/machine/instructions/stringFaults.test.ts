import { describe, expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import { Flag } from '../../../src/machine/cpu/layout.js';
import { Emulated } from '../../oracle/emulated.js';
import type { Case } from '../../oracle/layout.js';
import { batchImage } from '../../oracle/native.js';

const SI = 6, DI = 7;

/** The exception of MOVSW in 16-bit code with RFLAGS.AC. The data segments end behind 0x2fff, the last page is read-only. */
function movsw(si: number, di: number): number {
  const gpr = new Array<bigint>(16).fill(0n);
  gpr[SI] = BigInt(si);
  gpr[DI] = BigInt(di);
  const one: Case = { code: Uint8Array.of(0xa5), slot: 0, bits: 16, flags: Flag.AC, gpr, seed: 1, patches: [] }, machine = new Emulated();
  machine.loadCode(batchImage([one]));
  return machine.interpret(one).vector;
}

// Intel's processors; found by the random programs of test/oracle.
describe('MOVS where both operands are wrong', () => {
  it('judges the source first: its alignment ahead of the limit of the destination', () => {
    expect(movsw(0x101, 0xb000)).toBe(Vector.AC);
    expect(movsw(0x100, 0xb000)).toBe(Vector.GP);
    expect(movsw(0xb000, 0x101)).toBe(Vector.GP);
    expect(movsw(0x100, 0x101)).toBe(Vector.AC);
    expect(movsw(0x100, 0x2000)).toBe(Vector.PF);
    expect(movsw(0xb000, 0x2000)).toBe(Vector.GP);
  });
});
