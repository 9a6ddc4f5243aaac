import { describe, expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import { Flag } from '../../../src/machine/cpu/layout.js';
import { Emulated } from '../../oracle/emulated.js';
import { type Case, DATA, DATA_END } from '../../oracle/layout.js';
import { batchImage } from '../../oracle/native.js';

const EBP = 5, EDI = 7, INT3 = 3;

/** `bound ebp, [edi]` in 32-bit code with RFLAGS.AC, or of 16-bit registers, with the bounds -5 and 9. */
function outcome(index: number, at: number, size: 2 | 4, way: 'interpret' | 'run', patch?: Case['patches'][number]) {
  const gpr = new Array<bigint>(16).fill(0n);
  gpr[EBP] = BigInt.asUintN(32, BigInt(index));
  gpr[EDI] = BigInt(at);
  const bounds = size === 4 ? 9n << 32n | BigInt.asUintN(32, -5n) : 9n << 16n | BigInt.asUintN(16, -5n);
  const one: Case = { code: Uint8Array.from([...size === 2 ? [0x66] : [], 0x62, 0x2f]), slot: 0, bits: 32, flags: Flag.AC, gpr, seed: 1, patches: [patch ?? { address: at, value: bounds }] };
  const machine = new Emulated();
  machine.loadCode(batchImage([one]));
  if (way === 'interpret') return machine.interpret(one).vector;
  machine.compile([one]);
  return machine.run(one, 1).vector;
}

describe.each(['interpret', 'run'] as const)('BOUND (%s)', way => {
  it('raises #BR for an index beyond its bounds, and for none within them', () => {
    for (const size of [2, 4] as const) for (const index of [-6, -5, 0, 9, 10]) expect(outcome(index, DATA + 0x108, size, way), `${size} ${index}`).toBe(index < -5 || index > 9 ? Vector.BR : INT3);
  });

  // Intel's processors; found by the random programs of test/oracle.
  it('wants each bound aligned by itself, not both together', () => {
    expect(outcome(10, DATA + 0x104, 4, way)).toBe(Vector.BR);
    expect(outcome(0, DATA + 0x104, 4, way)).toBe(INT3);
    expect(outcome(0, DATA + 0x106, 4, way)).toBe(Vector.AC);
    expect(outcome(0, DATA + 0x102, 2, way)).toBe(INT3);
    expect(outcome(0, DATA + 0x101, 2, way)).toBe(Vector.AC);
  });

  it('does not read the upper bound for an index below the lower one', () => {
    // The page behind is not mapped; the lower bound is -5.
    const patch = { address: DATA_END - 8, value: BigInt.asUintN(32, -5n) << 32n };
    expect(outcome(-6, DATA_END - 4, 4, way, patch)).toBe(Vector.BR);
    expect(outcome(-5, DATA_END - 4, 4, way, patch)).toBe(Vector.PF);
  });
});
