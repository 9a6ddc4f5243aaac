import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { reciprocal, reciprocalRoot } from '../../../src/machine/instructions/sse/approximation.js';
import type { Machine } from '../../../src/machine/machine.js';
import { datum, binary32 } from '../../oracle/float/values.js';
import { Random } from '../../oracle/random.js';
import { compile, machineWith, run } from '../translate/code.js';
import { DATA } from '../../oracle/layout.js';

const view = new DataView(new ArrayBuffer(4));
const single = (bits: number) => {
  view.setUint32(0, bits);
  return view.getFloat32(0);
};

/** The vector that an instruction at CODE raises. */
function vectorOf(machine: Machine): number | undefined {
  let vector: number | undefined;
  machine.onException = record => {
    vector = record.vector;
    return true;
  };
  run(machine, 1);
  return vector;
}
function machineFor(bytes: number[], cr4: bigint, mxcsr = 0x1f80): Machine {
  const machine = machineWith({ 0: bytes }), cpu = machine.cpus[0]!;
  cpu.set(L.CR4, cr4);
  cpu.setInt(L.MXCSR, mxcsr);
  cpu.setGpr(4, BigInt(DATA));
  updateMode(machine, cpu);
  return machine;
}
const OSFXSR = 0x220n, OSXMMEXCPT = 0x400n, DIVSD = [0xf2, 0x0f, 0x5e, 0xc1], CVTTSD2SI_MEMORY = [0xf2, 0x48, 0x0f, 0x2c, 0x04, 0x24];

describe('unmasked exceptions of SSE', () => {
  it('raise #XM, or #UD while the system has not promised to handle it, and leave the destination', () => {
    for (const [cr4, expected] of [[OSFXSR | OSXMMEXCPT, 19], [OSFXSR, 6]] as const) {
      const machine = machineFor(DIVSD, cr4, 0x1d80), cpu = machine.cpus[0]!;
      cpu.set(L.XMM, 0x3ff0000000000000n);
      expect(vectorOf(machine)).toBe(expected);
      expect(cpu.get(L.XMM)).toBe(0x3ff0000000000000n);
      expect(cpu.int(L.MXCSR)).toBe(0x1d84);
    }
  });
  it('come in translated code as well', () => {
    const machine = machineFor(DIVSD, OSFXSR | OSXMMEXCPT, 0x1d80);
    machine.cpus[0]!.set(L.XMM, 0x3ff0000000000000n);
    compile(machine, 0);
    expect(vectorOf(machine)).toBe(19);
  });
});

describe('SSE that is switched off', () => {
  it('raises #UD without CR4.OSFXSR, also where only memory and a general register are operands', () => {
    for (const bytes of [DIVSD, CVTTSD2SI_MEMORY]) {
      expect(vectorOf(machineFor(bytes, 0x20n))).toBe(6);
      expect(vectorOf(machineFor(bytes, OSFXSR))).toBeUndefined();
    }
  });
});

describe('RCP and RSQRT', () => {
  it('are as exact as the manual promises, and no more exact than 12 bits', () => {
    const random = new Random(3);
    for (let n = 0; n < 3000; n++) {
      const bits = Number(datum(random, binary32)), x = single(bits);
      if (!Number.isFinite(x) || Math.abs(x) < 2 ** -126 || Math.abs(x) >= 2 ** 125) continue;
      expect(Math.abs(single(reciprocal(bits)) * x - 1)).toBeLessThanOrEqual(1.5 * 2 ** -12);
      expect(reciprocal(bits) & 0xfff).toBe(0);
      if (x > 0) expect(Math.abs(single(reciprocalRoot(bits)) * Math.sqrt(x) - 1)).toBeLessThanOrEqual(1.5 * 2 ** -12);
    }
  });
  it('take denormals for zeros, and roots of negative numbers are indefinite', () => {
    expect(single(reciprocal(1))).toBe(Infinity);
    expect(single(reciprocal(0x80000000))).toBe(-Infinity);
    expect(single(reciprocalRoot(0x80000001))).toBe(-Infinity);
    expect(reciprocalRoot(0xbf800000)).toBe(0xffc00000);
    expect(reciprocal(0x7f800001)).toBe(0x7fc00001);
    expect(reciprocal(0x7f7fffff)).toBe(0);
    expect(reciprocal(0xff800000)).toBe(0x80000000);
  });
});
