import { Code, CodeExt, CpuidFeature, Instruction } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { cpuid } from '../../../src/machine/cpu/cpuid.js';
import { featureTable, type FeatureRow, isPresent } from '../../../src/machine/cpu/featureTable.js';
import { allFeatures, type CpuFeatures } from '../../../src/machine/cpu/features.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import type { Machine, MachineStop } from '../../../src/machine/machine.js';
import type { Insn } from '../../../src/machine/translate/insn.js';
import { InstructionSet, wholeInstructionSet } from '../../../src/machine/translate/instructionSet.js';
import { meaningOf, unimplemented } from '../../../src/machine/translate/meaning.js';
import { machineWith, run } from '../translate/code.js';

/** Instructions of each feature that has some, in 64-bit code: executed at CPL 0, with registers of zero. */
const SAMPLES: Record<string, string[]> = {
  FPU: ['d9 e8', 'db e3', 'dd 3c 24'],
  SSE: ['0f 58 c1', '0f 28 c1'],
  SSE2: ['66 0f 58 c1', 'f2 0f 2d c1'],
  SSE3: ['f2 0f d0 c1', '66 0f 7c c1'],
  SSSE3: ['66 0f 38 00 c1', '0f 38 1d c1'],
  MMX: ['0f fc c1', '0f 77'],
  FXSR: ['0f ae 04 24', '0f ae 0c 24'],
  XSAVE: ['0f 01 d0', '0f ae 24 24', '0f ae 34 24', '0f ae 2c 24'],
  CLFSH: ['0f ae 3c 24'],
  CMPXCHG16B: ['48 0f c7 0c 24'],
  MOVBE: ['0f 38 f0 04 24', '48 0f 38 f1 04 24'],
  POPCNT: ['f3 0f b8 c1'],
  RDRAND: ['0f c7 f0', '48 0f c7 f1'],
  TSC: ['0f 31'],
  MSR: ['0f 32', '0f 30'],
  CX8: ['0f c7 0c 24'],
  SEP: ['0f 34', '0f 35', '48 0f 35'],
  CMOV: ['0f 44 c1'],
  FSGSBASE: ['f3 48 0f ae c0'],
  BMI1: ['c4 e2 60 f2 c1', 'c4 e2 60 f7 c1', 'c4 e2 60 f3 c9'],
  BMI2: ['c4 e2 63 f6 c1', 'c4 e2 63 f5 c1', 'c4 e3 7b f0 c1 05', 'c4 e2 61 f7 c1'],
  INVPCID: ['66 0f 38 82 04 24'],
  RDSEED: ['0f c7 f8'],
  SMAP: ['0f 01 ca', '0f 01 cb'],
  RDPID: ['f3 0f c7 f8'],
  SYSCALL: ['0f 05', '0f 07'],
  LM: ['48 01 c1'],
  RDTSCP: ['0f 01 f9'],
};

const NOTHING: Insn = {
  linear: 0n, ip: 0n, next: 0n, length: 0, bytes: [], code: 0, mnemonic: 0, operands: [], immediate: 0n, immediate2: 0, target: 0n, farSelector: 0, lock: false, rep: 'none',
  operandSize: 0, mode: 0,
};

/** What an instruction does at first: the vector of its exception, how it stops the machine, or that it completes. */
function outcome(machine: Machine): number | 'stop' | 'done' {
  let vector: number | undefined;
  machine.onException = record => {
    vector = record.vector;
    return true;
  };
  const stop: MachineStop | undefined = run(machine, 1);
  return vector ?? (stop ? 'stop' : 'done');
}

function machineOf(text: string, features: Partial<CpuFeatures>): Machine {
  return machineWith({ 0: text.split(' ').map(byte => parseInt(byte, 16)) }, { machine: { features } });
}

/** EFER.SCE and CR4.FSGSBASE, without which SYSCALL and RDFSBASE are refused whatever CPUID says, are on. */
function enabled(machine: Machine, row: FeatureRow): Machine {
  const cpu = machine.cpus[0]!;
  if (row.name === 'SYSCALL') cpu.set(0x228, cpu.get(0x228) | 1n);
  if (row.name === 'FSGSBASE') cpu.set(0x218, cpu.get(0x218) | 1n << 16n);
  if (row.name.includes('SSE') || row.name === 'XSAVE') {
    cpu.set(0x218, cpu.get(0x218) | 1n << (row.name === 'XSAVE' ? 18n : 9n));
    updateMode(machine, cpu);
  }
  return machine;
}

const withInstructions = featureTable.filter(row => row.instructions.length && row.present !== 'unfinished' && SAMPLES[row.name]);
const switchable = featureTable.filter(row => typeof row.present === 'string' && row.present !== 'unfinished');

describe('features of the processor', () => {
  it.each(withInstructions.map(row => [row.name, row] as const))('%s: its instructions are accepted while CPUID shows it, and raise #UD without', (name, row) => {
    for (const text of SAMPLES[name]!) {
      const on = outcome(enabled(machineOf(text, {}), row));
      expect([text, on]).not.toEqual([text, 6]);
      expect([text, on]).not.toEqual([text, 'stop']);
      if (row.present === true) continue;
      expect([text, outcome(enabled(machineOf(text, { [row.present]: false }), row))]).toEqual([text, 6]);
    }
  });

  it.each(switchable.map(row => [row.name, row] as const))('%s: its CPUID bit follows the option of the machine', (_, row) => {
    const option = row.present as keyof CpuFeatures;
    for (const on of [true, false]) {
      const machine = machineWith({}, { machine: { features: { [option]: on } } });
      expect(cpuid(machine, machine.cpus[0]!, row.leaf, 0)[row.register] >>> row.bit & 1).toBe(on ? 1 : 0);
    }
  });

  it('have no CPUID bit and no option twice, and every option has its row', () => {
    const bits = featureTable.map(row => `${row.leaf} ${row.register} ${row.bit}`);
    expect(new Set(bits).size).toBe(bits.length);
    const options = switchable.map(row => row.present as string).sort();
    expect(options).toEqual(Object.keys(allFeatures).sort());
  });

  it('leave out of the instruction set what needs a feature without a row, and nothing else', () => {
    const has = new Set<CpuidFeature>(featureTable.flatMap(row => row.instructions.map(name => CpuidFeature[name]))), instruction = new Instruction();
    const refused = new Set<string>();
    for (const code of Object.values(Code).filter(c => typeof c === 'number')) {
      instruction.code = code;
      if (!CodeExt.opCode(code).isInstruction || wholeInstructionSet.has(instruction)) continue;
      const missing = Array.from(instruction.cpuidFeatures()).filter(feature => !has.has(feature));
      expect(missing.length).toBeGreaterThan(0);
      missing.forEach(feature => refused.add(CpuidFeature[feature]!));
    }
    instruction.free();
    for (const name of ['AVX', 'AVX2', 'AES', 'SSE4_1', 'SSE4_2', 'ADX', 'VMX', 'RTM', 'CLFLUSHOPT', 'WAITPKG', 'D3NOW']) expect(refused).toContain(name);
    for (const name of ['SSE2', 'INTEL386', 'CMOV', 'MULTIBYTENOP', 'CET_IBT']) expect(refused).not.toContain(name);
  });

  it('give every instruction that is not refused a meaning', () => {
    const instruction = new Instruction(), without: string[] = [];
    const classes = ['general', 'segment', 'control', 'debug', 'mmx', 'xmm', 'x87'] as const;
    for (const [name, code] of Object.entries(Code).filter((entry): entry is [string, Code] => typeof entry[1] === 'number')) {
      instruction.code = code;
      if (!CodeExt.opCode(code).isInstruction || !wholeInstructionSet.has(instruction)) continue;
      // The kind of operand decides which of two meanings a mnemonic has.
      const meanings = [undefined, ...classes].map(kind => meaningOf({ ...NOTHING, code, mnemonic: instruction.mnemonic, operands: kind ? [{ kind: 'register', register: { class: kind, number: 0, size: 8 } }] : [] }));
      if (meanings.every(meaning => !meaning.definition && meaning.handler === unimplemented)) without.push(name);
    }
    instruction.free();
    expect(without).toEqual([]);
  });

  it('claims nothing that is unfinished', () => {
    for (const row of featureTable) expect([row.name, isPresent(allFeatures, row)]).toEqual([row.name, row.present !== 'unfinished']);
    expect(new InstructionSet({ ...allFeatures, popcnt: false }).options).toBe(wholeInstructionSet.options);
  });

  it.each([['f3 90', 'PAUSE'], ['f3 0f 1e fa', 'ENDBR64'], ['f3 48 0f 1e c8', 'RDSSPQ'], ['0f 1c 04 24', 'CLDEMOTE'], ['0f 0d 0c 24', 'PREFETCHW'], ['f3 0f 09', 'WBINVD'], ['0f 1a 04 24', 'a reserved NOP']])(
    '%s is a NOP of processors without its feature (%s)', text => expect(outcome(machineOf(text, {}))).toBe('done'));
});

describe('RDRAND and RDSEED', () => {
  const draw = (seed: number | undefined, cpu: number): bigint[] => {
    const machine = machineWith({ 0: [0x48, 0x0f, 0xc7, 0xf0, 0x0f, 0xc7, 0xf9, 0x66, 0x0f, 0xc7, 0xf2] }, { cpus: 2, entries: [0, 0], machine: { seed } });
    for (let n = 0; n < 3; n++) machine.step(cpu);
    return [0, 1, 2].map(n => machine.cpus[cpu]!.gpr(n));
  };

  it('give the same numbers for the same seed, others for other seeds and CPUs, and fill their register', () => {
    expect(draw(undefined, 0)).toEqual(draw(1, 0));
    expect(new Set([draw(1, 0), draw(2, 0), draw(1, 1), draw(0, 0)].map(values => values.join())).size).toBe(4);
    const [wide, middle, short] = draw(7, 0) as [bigint, bigint, bigint];
    expect(wide >> 32n).not.toBe(0n);
    expect(middle >> 32n).toBe(0n);
    expect(short >> 16n).toBe(0n);
  });

  it('set CF, clear the other flags, and are the same in translated code', () => {
    const texts = [false, true].map(translated => {
      const machine = machineWith({ 0: [0x48, 0x0f, 0xc7, 0xf0, 0x0f, 0xc7, 0xf9, 0x73, 0xf7, 0xf4] }), cpu = machine.cpus[0]!;
      if (translated) machine.translator.compileNow(cpu, [cpu.rip]);
      run(machine, 3);
      return `${machine.stateHash()} ${cpu.rip}`;
    });
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]!.endsWith(`${machineWith({}).cpus[0]!.rip + 9n}`)).toBe(true);
  });

  it('refuse a seed that is no 32-bit number', () => expect(() => machineWith({}, { machine: { seed: 2 ** 32 } })).toThrow(/seed 4294967296/));
});
