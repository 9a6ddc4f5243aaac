import { beforeEach, describe, expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import { readArithmeticFlags, readFlags, writeArithmeticFlags, writeFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { ARITHMETIC_FLAGS, Flag, RunState } from '../../../src/machine/cpu/layout.js';
import { expectFault, KERNEL_STACK, TestCore, USER_STACK } from './testCore.js';

let t: TestCore;
beforeEach(() => { t = new TestCore().longMode(); });

/** Flags of an operation from its operands, by the definitions of SDM Vol. 1, 3.4.3.1, in exact integers. */
function oracle(kind: string, a: bigint, b: bigint, bits: bigint, oldCarry: boolean): { result: bigint; flags: number } {
  const mask = (1n << bits) - 1n, signed = (v: bigint) => BigInt.asIntN(Number(bits), v);
  const fits = (v: bigint) => v === signed(v & mask);
  let result = 0n, carry = false, overflow = false, auxiliary = false;
  switch (kind) {
    case 'add': result = a + b & mask; carry = a + b > mask; overflow = !fits(signed(a) + signed(b)); auxiliary = (a & 15n) + (b & 15n) > 15n; break;
    case 'sub': result = a - b & mask; carry = a < b; overflow = !fits(signed(a) - signed(b)); auxiliary = (a & 15n) < (b & 15n); break;
    case 'inc': result = a + 1n & mask; carry = oldCarry; overflow = !fits(signed(a) + 1n); auxiliary = (a & 15n) === 15n; break;
    case 'dec': result = a - 1n & mask; carry = oldCarry; overflow = !fits(signed(a) - 1n); auxiliary = (a & 15n) === 0n; break;
    case 'logic': result = a & b; break;
    // b is the shift count, at least 1 here; OF is defined for a count of 1.
    case 'shl': result = a << b & mask; carry = (a << b >> bits & 1n) === 1n; overflow = carry !== (result >> bits - 1n === 1n); break;
    case 'shr': result = a >> b; carry = (a >> b - 1n & 1n) === 1n; overflow = (a >> b - 1n >> bits - 1n ^ result >> bits - 1n) === 1n; break;
    case 'sar': result = signed(a) >> b & mask; carry = (signed(a) >> b - 1n & 1n) === 1n; break;
  }
  let ones = 0;
  for (let n = 0n; n < 8n; n++) if (result >> n & 1n) ones++;
  const flags = (carry ? Flag.CF : 0) | (ones % 2 === 0 ? Flag.PF : 0) | (auxiliary ? Flag.AF : 0) | (result === 0n ? Flag.ZF : 0)
    | (result >> bits - 1n ? Flag.SF : 0) | (overflow ? Flag.OF : 0);
  return { result, flags };
}

const kinds = ['flags', 'add', 'sub', 'logic', 'inc', 'dec', 'shl', 'shr', 'sar'];

/** Leaves CC_* as the operation does. */
function record(kind: string, log: number, a: bigint, b: bigint, result: bigint, carry: boolean): void {
  const bits = BigInt(8 << log), mask = (1n << bits) - 1n;
  const source = kind === 'add' || kind === 'sub' ? b : kind === 'inc' || kind === 'dec' ? (carry ? 1n : 0n) : kind === 'shl' ? a << b - 1n & mask
    : kind === 'shr' ? a >> b - 1n : kind === 'sar' ? BigInt.asIntN(Number(bits), a) >> b - 1n & mask : 0n;
  t.cpu.set(L.CC_DST, result);
  t.cpu.set(L.CC_SRC, source);
  t.cpu.setInt(L.CC_OP, kinds.indexOf(kind) * 4 + log);
}

describe('lazy arithmetic flags', () => {
  let seed = 12345;
  const random = () => { seed = Math.imul(seed, 1664525) + 1013904223 | 0; return seed >>> 0; };
  const value = (bits: bigint) => {
    const mask = (1n << bits) - 1n, edge = [0n, 1n, mask, mask >> 1n, (mask >> 1n) + 1n, 15n, 16n];
    return random() % 3 === 0 ? edge[random() % edge.length]! & mask : (BigInt(random()) << 32n | BigInt(random())) & mask;
  };
  for (const kind of kinds.slice(1)) {
    for (const log of [0, 1, 2, 3]) {
      it(`${kind} of ${1 << log} bytes`, () => {
        const bits = BigInt(8 << log), shift = kind.startsWith('s') && kind !== 'sub';
        for (let n = 0; n < 400; n++) {
          const a = value(bits), b = shift ? BigInt(1 + random() % Number(bits - 1n)) : value(bits), carry = random() % 2 === 0;
          const { result, flags } = oracle(kind, a, b, bits, carry);
          record(kind, log, a, b, result, carry);
          expect([a, b, readArithmeticFlags(t.cpu)]).toEqual([a, b, flags]);
        }
      });
    }
  }

  it('writing RFLAGS and reading it back gives every flag', () => {
    writeFlags(t.cpu, 0x247fd7);
    expect(readFlags(t.cpu)).toBe(0x247fd7);
    expect(t.cpu.int(L.FLAGS) & ARITHMETIC_FLAGS).toBe(0);
    writeArithmeticFlags(t.cpu, Flag.ZF);
    expect(readFlags(t.cpu)).toBe(0x247702 & ~ARITHMETIC_FLAGS | Flag.ZF);
  });
});

describe('PUSHF and POPF', () => {
  const pushfq = [0x9c], popfq = [0x9d], popfw = [0x66, 0x9d];
  const pop = (value: number, bytes = popfq) => {
    const stack = t.cpu.cpl === 3 ? USER_STACK : KERNEL_STACK;
    t.write64(Number(stack) - 8, BigInt(value));
    t.cpu.setGpr(4, stack - 8n);
    expect(t.exec(bytes)).toBeUndefined();
    return readFlags(t.cpu);
  };
  it('PUSHF hides RF and VM', () => {
    writeFlags(t.cpu, Flag.RF | Flag.IF | Flag.CF);
    t.exec(pushfq);
    expect(t.read64(KERNEL_STACK - 8n)).toBe(BigInt(Flag.IF | Flag.CF | 2));
  });
  it('at CPL 0 sets everything but VM and RF', () => {
    expect(pop(0xffffffff)).toBe(Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.TF | Flag.IF | Flag.DF | Flag.OF | Flag.IOPL | Flag.NT | Flag.AC | Flag.ID | 2);
  });
  it('at CPL 3 keeps IOPL, and IF unless IOPL allows it', () => {
    t.user();
    expect(pop(Flag.IOPL | Flag.CF)).toBe(Flag.IF | Flag.CF | 2);
    writeFlags(t.cpu, Flag.IF | Flag.IOPL);
    expect(pop(0)).toBe(Flag.IOPL | 2);
  });
  it('16 bits leave the upper flags', () => {
    writeFlags(t.cpu, Flag.AC | Flag.ID | Flag.CF);
    t.memory.writeU16(Number(KERNEL_STACK) - 2, Flag.ZF);
    t.cpu.setGpr(4, KERNEL_STACK - 2n);
    t.exec(popfw);
    expect([readFlags(t.cpu), t.cpu.gpr(4)]).toEqual([Flag.AC | Flag.ID | Flag.ZF | 2, KERNEL_STACK]);
  });
  it('a fault leaves the stack pointer', () => {
    t.cpu.setGpr(4, 0x1ff000n);
    const before = t.snapshot();
    expectFault(t.exec(popfq), Vector.PF, 0);
    expect(t.snapshot()).toBe(before);
  });
});

describe('CLI, STI, HLT, CLAC, STAC', () => {
  it('CLI and STI need CPL <= IOPL', () => {
    t.user();
    expectFault(t.exec([0xfa]), Vector.GP, 0);
    expectFault(t.exec([0xfb]), Vector.GP, 0);
    writeFlags(t.cpu, Flag.IOPL | Flag.IF);
    expect(t.exec([0xfa])).toBeUndefined();
    expect(readFlags(t.cpu) & Flag.IF).toBe(0);
  });
  it('STI casts its shadow only if IF was clear', () => {
    t.exec([0xfb]);
    expect(t.cpu.int(L.SHADOW)).toBe(1);
    t.cpu.setInt(L.SHADOW, 0);
    t.exec([0xfb]);
    expect(t.cpu.int(L.SHADOW)).toBe(0);
  });
  it('HLT is privileged and halts', () => {
    t.exec([0xf4]);
    expect(t.cpu.runState).toBe(RunState.Halted);
    t = new TestCore().longMode().user();
    expectFault(t.exec([0xf4]), Vector.GP, 0);
  });
  it('STAC opens user pages to the kernel under SMAP, CLAC closes them', () => {
    t.cpu.set(L.CR4, 0x200020n);
    t.kernel();
    expect(() => t.access.read8(t.cpu, 0x100000n)).toThrow();
    t.exec([0x0f, 0x01, 0xcb]);
    expect(t.access.read8(t.cpu, 0x100000n)).toBe(0);
    t.exec([0x0f, 0x01, 0xca]);
    expect(() => t.access.read8(t.cpu, 0x100000n)).toThrow();
    t.user();
    expectFault(t.exec([0x0f, 0x01, 0xcb]), Vector.UD);
    t = new TestCore({ features: { smap: false } }).longMode();
    expectFault(t.exec([0x0f, 0x01, 0xcb]), Vector.UD);
  });
});
