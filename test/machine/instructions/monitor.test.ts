import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { Flag, RunState } from '../../../src/machine/cpu/layout.js';
import { monitoredLine } from '../../../src/machine/cpu/monitor.js';
import type { Machine } from '../../../src/machine/machine.js';
import { compile, le32, machineWith, run } from '../translate/code.js';
import { DATA } from '../../oracle/layout.js';
import { DATA_AT } from '../translate/program.js';

const RAX = 0, RCX = 1, RBX = 3;
/** mov eax, imm32; xor ecx, ecx; monitor; mwait; inc ebx; hlt */
const WAIT = [0xb8, ...le32(DATA + 0x48), 0x31, 0xc9, 0x0f, 0x01, 0xc8, 0x0f, 0x01, 0xc9, 0xff, 0xc3, 0xf4];
/** mov [rdi], edx; jmp to itself */
const STORE = [0x89, 0x17, 0xeb, 0xfe];

/** CPU 0 waits for a store near DATA + 0x48, CPU 1 stores at `address`. */
function two(address: number, translated = false): Machine {
  const machine = machineWith({ 0: WAIT, 0x100: STORE }, { entries: [0, 0x100], cpus: 2, quantum: 20 });
  machine.cpus[1]!.setGpr(7, BigInt(address));
  if (translated) compile(machine, 0, 0x100);
  return machine;
}

function raises(machine: Machine): { vector: number; errorCode?: number } | undefined {
  let raised: { vector: number; errorCode?: number } | undefined;
  machine.onException = record => {
    raised = { vector: record.vector, errorCode: record.errorCode };
    return true;
  };
  run(machine, 10);
  return raised;
}

describe('MONITOR and MWAIT', () => {
  it.each([[0x40, true], [0x7f, true], [0x3c, false], [0x3d, true], [0x80, false], [0x7c, true], [0x440, false]])('a store of another CPU at line %i wakes (%s), interpreted and translated', (offset, wakes) => {
    const hashes = [false, true].map(translated => {
      const machine = two(DATA + offset, translated);
      run(machine, 100);
      expect([machine.cpus[0]!.gpr(RBX), machine.cpus[0]!.runState]).toEqual(wakes ? [1n, RunState.Halted] : [0n, RunState.Halted]);
      expect(monitoredLine(machine.cpus[0]!)).toBe(wakes ? -1 : DATA_AT + 0x40);
      return machine.stateHash();
    });
    expect(hashes[0]).toBe(hashes[1]);
  });

  it('takes the same course in turns of any length', () => {
    const reference = two(DATA + 0x40);
    run(reference, 60);
    for (const piece of [1, 3, 7]) {
      const machine = two(DATA + 0x40);
      while (machine.position < reference.position) machine.run(Math.min(machine.position + piece, reference.position));
      expect(machine.stateHash()).toBe(reference.stateHash());
    }
  });

  it('MWAIT goes on at once if the line has been written since MONITOR, or none is watched', () => {
    // mov eax, DATA; monitor; mov [rax], ecx; mwait; inc ebx; mwait; inc ebx; hlt
    const machine = machineWith({ 0: [0xb8, ...le32(DATA), 0x0f, 0x01, 0xc8, 0x89, 0x08, 0x0f, 0x01, 0xc9, 0xff, 0xc3, 0x0f, 0x01, 0xc9, 0xff, 0xc3, 0xf4] });
    run(machine, 8);
    expect(machine.cpus[0]!.gpr(RBX)).toBe(2n);
  });

  it('a store before, to the page, in translated code and by REP MOVS, is seen as well', () => {
    const machine = machineWith({ 0: WAIT, 0x100: [0xfc, 0xbf, ...le32(DATA), 0xbe, ...le32(DATA + 0x200), 0xb9, ...le32(0x20), 0xf3, 0x48, 0xa5, 0xeb, 0xfe] }, { entries: [0, 0x100], cpus: 2, quantum: 10 });
    run(machine, 100);
    expect(machine.cpus[0]!.gpr(RBX)).toBe(1n);
  });

  it('HLT after MWAIT waits for interrupts alone', () => {
    // As WAIT, but CPU 0 has its line watched when it executes HLT.
    const machine = machineWith({ 0: [0xb8, ...le32(DATA + 0x48), 0x0f, 0x01, 0xc8, 0xf4, 0xff, 0xc3, 0xf4], 0x100: STORE }, { entries: [0, 0x100], cpus: 2, quantum: 20 });
    machine.cpus[1]!.setGpr(7, BigInt(DATA + 0x40));
    run(machine, 100);
    expect([machine.cpus[0]!.gpr(RBX), monitoredLine(machine.cpus[0]!)]).toEqual([0n, -1]);
  });

  it.each([[0, Flag.IF, 'delivered'], [0, 0, 'asleep'], [1, 0, 'awake'], [1, Flag.IF, 'delivered']] as const)('with ECX %i and RFLAGS %i a pending interrupt leaves the CPU %s', (extensions, flags, expected) => {
    // monitor; mov ecx, extensions; mwait; inc ebx; jmp to itself
    const machine = machineWith({ 0: [0xb8, ...le32(DATA), 0x0f, 0x01, 0xc8, 0xb9, ...le32(extensions), 0x0f, 0x01, 0xc9, 0xff, 0xc3, 0xeb, 0xfe] }, { cpus: 2, entries: [0, 0x12], quantum: 50 });
    const cpu = machine.cpus[0]!, apic = machine.apics[0]!;
    cpu.setInt(L.FLAGS, cpu.int(L.FLAGS) & ~Flag.IF | flags);
    apic.write(0x0f, 0x1ff);
    run(machine, 10);
    expect(cpu.runState).toBe(RunState.Halted);
    apic.accept(0x20 - 0x0f);
    let interrupted = false;
    machine.onException = () => interrupted = true;
    run(machine, 100);
    expect(cpu.gpr(RBX) === 1n ? 'awake' : cpu.runState === RunState.Halted && !interrupted ? 'asleep' : 'delivered').toBe(expected);
  });

  it('a snapshot keeps what is watched', () => {
    const machine = two(DATA + 0x40), cpu = machine.cpus[0]!;
    machine.step(0); machine.step(0); machine.step(0);
    const snapshot = machine.takeSnapshot(), line = monitoredLine(cpu);
    expect(line).toBe(DATA_AT + 0x40);
    run(machine, 50);
    const hash = machine.stateHash();
    expect(cpu.gpr(RBX)).toBe(1n);
    machine.restore(snapshot);
    expect(monitoredLine(cpu)).toBe(line);
    run(machine, 50);
    expect(machine.stateHash()).toBe(hash);
  });

  // That they raise #UD outside CPL 0 is compared with the processor (test/oracle/bytes).
  it('raise #GP(0) for extensions that do not exist, and MONITOR what a load of the byte raises', () => {
    const of = (code: number[], prepare: (machine: Machine) => void = () => {}) => {
      const machine = machineWith({ 0: code });
      prepare(machine);
      return raises(machine);
    };
    const MONITOR = [0x0f, 0x01, 0xc8], MWAIT = [0x0f, 0x01, 0xc9];
    expect(of(MONITOR, m => m.cpus[0]!.setGpr(RAX, 0x7777_0000n))).toEqual({ vector: 14, errorCode: 0 });
    expect(of(MONITOR, m => m.cpus[0]!.setGpr(RAX, 1n << 47n))).toEqual({ vector: 13, errorCode: 0 });
    expect(of(MONITOR, m => m.cpus[0]!.setGpr(RCX, 1n))).toEqual({ vector: 13, errorCode: 0 });
    expect(of(MWAIT, m => m.cpus[0]!.setGpr(RCX, 2n))).toEqual({ vector: 13, errorCode: 0 });
    // With prefix 67 the address is EAX.
    expect(of([0x67, ...MONITOR, 0x90], m => m.cpus[0]!.setGpr(RAX, BigInt(DATA) | 1n << 40n))).toBeUndefined();
  });
});
