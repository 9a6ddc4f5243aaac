import { describe, expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import { Emulated } from '../../oracle/emulated.js';
import { type Case, DATA, READ_ONLY } from '../../oracle/layout.js';
import { batchImage } from '../../oracle/native.js';

const ESP = 4, ESI = 6, EDI = 7;

function outcome(code: readonly number[], registers: Record<number, number>, patches: Case['patches'] = []) {
  const gpr = new Array<bigint>(16).fill(0n);
  for (const [n, value] of Object.entries(registers)) gpr[Number(n)] = BigInt(value);
  const one: Case = { code: Uint8Array.from(code), slot: 0, bits: 32, flags: 0, gpr, seed: 1, patches }, machine = new Emulated();
  machine.loadCode(batchImage([one]));
  return machine.interpret(one);
}

// Intel's processors; found by the random programs of test/oracle.
describe('an instruction that accesses memory several times and faults', () => {
  it('has loaded registers ahead of the fault, if it is POPA, and left the stack pointer', () => {
    const { vector, gpr } = outcome([0x61], { [ESP]: DATA + 0x2ffc }, [{ address: DATA + 0x2ff8, value: 0x1234_5678n << 32n }]);
    expect(vector).toBe(Vector.PF);
    expect([gpr[EDI], gpr[ESI], gpr[ESP]]).toEqual([0x1234_5678n, 0n, BigInt(DATA + 0x2ffc)]);
  });

  it('has stored 8 bytes of 10, if it is FSTP or FBSTP and they are before the fault', () => {
    for (const modrm of [[0xdb, 0x3f], [0xdf, 0x37]]) {
      // fldpi; then the store to [edi]
      const patches = [0, 8].map(n => ({ address: READ_ONLY - 16 + n, value: 0n })), at = (offset: number) => outcome([0xd9, 0xeb, ...modrm], { [EDI]: READ_ONLY + offset }, patches);
      const stored = (offset: number) => at(offset).memory.slice(0x2000 - 16, 0x2000).some(byte => byte !== 0);
      expect([-10, -9, -8, -7].map(offset => at(offset).vector)).toEqual([3, Vector.PF, Vector.PF, Vector.PF]);
      expect([-9, -8, -7].map(stored)).toEqual([true, true, false]);
    }
  });
});
