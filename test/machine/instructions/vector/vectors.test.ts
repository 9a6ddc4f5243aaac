import { describe, expect, it } from 'vitest';
import * as L from '../../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../../src/machine/cpu/modes.js';
import type { Machine } from '../../../../src/machine/machine.js';
import { CODE, CODE_AT, compile, le32, machineWith, run } from '../../translate/code.js';
import { NEVER_TRANSLATE } from '../../translate/tuning.js';

/** See test/machine/translate/program.ts. */
const DATA = 0x50000000, DATA_AT = 0x40000, DATA_TABLE = 0x5000;
const EM = 4n, TS = 8n, OSFXSR = 0x200n;

/** Bits of the way of execution: `translated` compiles the code at CODE first. */
const WAYS = ['interpreted', 'translated'] as const;
type Way = typeof WAYS[number];

function machineOf(way: Way, code: readonly number[], setUp: (machine: Machine) => void = () => {}): Machine {
  const machine = machineWith({ 0: code });
  setUp(machine);
  updateMode(machine, machine.cpus[0]!);
  if (way === 'translated') compile(machine, 0);
  else machine.translator.tuning = NEVER_TRANSLATE;
  return machine;
}

/** Runs one instruction and gives the vector of its exception, undefined if it completes. */
function vectorOf(machine: Machine): number | undefined {
  let vector: number | undefined;
  machine.onException = record => {
    vector = record.vector;
    return true;
  };
  expect(run(machine, 1)?.kind ?? 'steps').not.toBe('unimplemented');
  return vector;
}

const XMM_CODE = { movaps: [0x0f, 0x28, 0xc1], paddb: [0x66, 0x0f, 0xfc, 0xc1], movq2dq: [0xf3, 0x0f, 0xd6, 0xc1], cvtpi2ps: [0x0f, 0x2a, 0xc1], stmxcsr: [0x0f, 0xae, 0x1c, 0x24] };
const MMX_CODE = { paddb: [0x0f, 0xfc, 0xc1], pextrw: [0x0f, 0xc5, 0xc1, 0], emms: [0x0f, 0x77] };
const FXSR_CODE = { fxsave: [0x0f, 0xae, 0x04, 0x24], fxrstor: [0x0f, 0xae, 0x0c, 0x24] };
const FREE_CODE = { movnti: [0x0f, 0xc3, 0x04, 0x24], sfence: [0x0f, 0xae, 0xf8], prefetchnta: [0x0f, 0x18, 0x04, 0x24], clflush: [0x0f, 0xae, 0x3c, 0x24] };

describe.each(WAYS)('when vector instructions are allowed (%s)', way => {
  const outcome = (code: readonly number[], cr0: bigint, cr4: bigint) => vectorOf(machineOf(way, code, machine => {
    const cpu = machine.cpus[0]!;
    cpu.set(L.CR0, cpu.get(L.CR0) & ~(EM | TS) | cr0);
    cpu.set(L.CR4, cpu.get(L.CR4) & ~OSFXSR | cr4);
    cpu.setGpr(4, BigInt(DATA));
    // What FXRSTOR finds there must be valid.
    machine.memory.write(DATA_AT, new Uint8Array(512));
  }));

  // SDM Vol. 3A, tables 12-2 and 13-1, and the exceptions of each instruction in Vol. 2.
  it.each(Object.entries(XMM_CODE))('XMM: %s needs CR4.OSFXSR and CR0.EM = 0, else #UD, then CR0.TS = 0, else #NM', (_, code) => {
    expect(outcome(code, 0n, OSFXSR)).toBeUndefined();
    expect(outcome(code, TS, OSFXSR)).toBe(7);
    for (const [cr0, cr4] of [[0n, 0n], [TS, 0n], [EM, OSFXSR], [EM | TS, OSFXSR], [EM, 0n]] as const) expect(outcome(code, cr0, cr4)).toBe(6);
  });
  it.each(Object.entries(MMX_CODE))('MMX: %s does not ask for CR4.OSFXSR', (_, code) => {
    for (const cr4 of [0n, OSFXSR]) {
      expect(outcome(code, 0n, cr4)).toBeUndefined();
      expect(outcome(code, TS, cr4)).toBe(7);
      expect(outcome(code, EM, cr4)).toBe(6);
      expect(outcome(code, EM | TS, cr4)).toBe(6);
    }
  });
  it.each(Object.entries(FXSR_CODE))('%s follows CR0 alone', (_, code) => {
    for (const cr4 of [0n, OSFXSR]) {
      expect(outcome(code, 0n, cr4)).toBeUndefined();
      expect(outcome(code, TS, cr4)).toBe(7);
      expect(outcome(code, EM, cr4)).toBe(6);
    }
  });
  it.each(Object.entries(FREE_CODE))('%s is always allowed', (_, code) => {
    for (const cr0 of [0n, TS, EM]) expect(outcome(code, cr0, 0n)).toBeUndefined();
  });

  it('a change of CR0.TS counts from the next instruction on', () => {
    // clts; paddb xmm0, xmm1; mov rax, cr0; or al, 8; mov cr0, rax; paddb xmm0, xmm1
    const code = [0x0f, 0x06, ...XMM_CODE.paddb, 0x0f, 0x20, 0xc0, 0x0c, 0x08, 0x0f, 0x22, 0xc0, ...XMM_CODE.paddb];
    const machine = machineOf(way, code, m => m.cpus[0]!.set(L.CR0, m.cpus[0]!.get(L.CR0) | TS)), cpu = machine.cpus[0]!;
    if (way === 'translated') compile(machine, 0, 2, 14);
    const start = machine.position;
    let vector: number | undefined;
    machine.onException = record => {
      vector = record.vector;
      return true;
    };
    run(machine, 100);
    expect([vector, cpu.rip, machine.position - start]).toEqual([7, BigInt(CODE + 14), 5]);
  });

  it('#MF comes ahead of MMX instructions while an x87 exception waits, not of SSE ones', () => {
    const waits = (m: Machine) => {
      m.cpus[0]!.setInt(L.X87_STATUS, 0x8081);
      m.cpus[0]!.setInt(L.X87_CONTROL, 0x37e);
    };
    for (const code of Object.values(MMX_CODE)) expect(vectorOf(machineOf(way, code, waits))).toBe(16);
    expect(vectorOf(machineOf(way, XMM_CODE.movq2dq, waits))).toBe(16);
    for (const code of [XMM_CODE.movaps, XMM_CODE.paddb, XMM_CODE.stmxcsr]) expect(vectorOf(machineOf(way, code, m => {
      waits(m);
      m.cpus[0]!.setGpr(4, BigInt(DATA));
    }))).toBeUndefined();
  });
});

describe.each(WAYS)('accesses of 16 bytes (%s)', way => {
  const LOAD = [0xf3, 0x0f, 0x6f, 0x00], STORE = [0xf3, 0x0f, 0x7f, 0x00], bytes = Uint8Array.from({ length: 16 }, (_, n) => 0x11 * n);
  const setXmm = (machine: Machine) => bytes.forEach((byte, n) => machine.memory.u8[machine.cpus[0]!.base + L.XMM + n] = byte);
  const xmm = (machine: Machine) => machine.memory.u8.slice(machine.cpus[0]!.base + L.XMM, machine.cpus[0]!.base + L.XMM + 16);

  it('go across the border of two pages, in every place', () => {
    for (let n = 1; n < 16; n++) {
      const at = BigInt(DATA + 0x1000 - n);
      const store = machineOf(way, STORE, m => { m.cpus[0]!.setGpr(0, at); setXmm(m); });
      expect(vectorOf(store)).toBeUndefined();
      expect(store.memory.read(DATA_AT + 0x1000 - n, 16)).toEqual(bytes);
      const load = machineOf(way, LOAD, m => { m.cpus[0]!.setGpr(0, at); m.memory.write(DATA_AT + 0x1000 - n, bytes); });
      expect(vectorOf(load)).toBeUndefined();
      expect(xmm(load)).toEqual(bytes);
    }
  });

  it('write nothing if the second page cannot be written', () => {
    const at = 0x2000 - 8; // the third page is read-only
    const machine = machineOf(way, STORE, m => { m.cpus[0]!.setGpr(0, BigInt(DATA + at)); setXmm(m); }), before = machine.memory.read(DATA_AT, 0x3000);
    expect(vectorOf(machine)).toBe(14);
    expect(machine.cpus[0]!.get(L.FAULT_ADDRESS)).toBe(BigInt(DATA + 0x2000));
    expect(machine.memory.read(DATA_AT, 0x3000)).toEqual(before);
  });

  it('to no device give all ones, and vanish', () => {
    // A page table entry that leads behind RAM.
    const nowhere = (m: Machine) => {
      m.memory.writeU64(DATA_TABLE, 0xd0000003n);
      m.cpus[0]!.setGpr(0, BigInt(DATA + 0x20));
    };
    const load = machineOf(way, LOAD, nowhere);
    expect(vectorOf(load)).toBeUndefined();
    expect(xmm(load)).toEqual(new Uint8Array(16).fill(0xff));
    expect(load.mmu.bus.unclaimed).toBe(4);
    const store = machineOf(way, STORE, nowhere);
    expect(vectorOf(store)).toBeUndefined();
    expect(store.mmu.bus.unclaimed).toBe(4);
  });

  it('change code that the next instruction sees', () => {
    // movdqu [rax], xmm0; then 16 bytes of NOPs that it makes `mov ebx, 5; hlt...`
    const machine = machineOf(way, [...STORE, ...new Array<number>(16).fill(0x90), 0xf4], m => {
      m.cpus[0]!.setGpr(0, BigInt(CODE + 4));
      [0xbb, ...le32(5), ...new Array<number>(11).fill(0x90)].forEach((byte, n) => m.memory.u8[m.cpus[0]!.base + L.XMM + n] = byte);
    });
    run(machine, 2);
    expect(machine.cpus[0]!.gpr(3)).toBe(5n);
    expect(machine.memory.readU8(CODE_AT + 4)).toBe(0xbb);
  });

  it('must be aligned where the instruction says so, before the page is looked at', () => {
    const aligned = [0x66, 0x0f, 0x6f, 0x00], add = [0x66, 0x0f, 0xfc, 0x00];
    for (const code of [aligned, add]) {
      for (const at of [DATA + 8, 0x12345678, DATA + 1]) expect(vectorOf(machineOf(way, code, m => m.cpus[0]!.setGpr(0, BigInt(at))))).toBe(13);
      expect(vectorOf(machineOf(way, code, m => m.cpus[0]!.setGpr(0, 0x12345670n)))).toBe(14);
      expect(vectorOf(machineOf(way, code, m => m.cpus[0]!.setGpr(0, BigInt(DATA + 16))))).toBeUndefined();
    }
  });
});
