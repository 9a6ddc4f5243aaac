import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { RunState } from '../../../src/machine/cpu/layout.js';
import { Msr, readMsr, writeMsr } from '../../../src/machine/cpu/msrs.js';
import { CODE, machineWith, run } from '../translate/code.js';

const SYSTEM_AT = 0x60000, HANDLER = CODE + 0x2000;
function start(code: readonly number[], mce = true) {
  const machine = machineWith({ 0: code, 0x2000: [0x48, 0xcf] }), cpu = machine.cpus[0]!;
  machine.memory.writeU64(SYSTEM_AT + 18 * 16, BigInt(HANDLER & 0xffff) | 0x08n << 16n | 1n << 32n | 0x8en << 40n | BigInt(HANDLER >>> 16) << 48n);
  if (mce) cpu.set(L.CR4, cpu.get(L.CR4) | 0x40n);
  return { machine, cpu };
}

describe('a machine check', () => {
  it('is an exception without error code; the second one ahead of the end of the first shuts the CPU down', () => {
    const { machine, cpu } = start([0x90, 0xeb, 0xfd]);
    run(machine, 3);
    const rip = cpu.rip;
    machine.injectMachineCheck(0);
    run(machine, 1);
    expect(cpu.rip).toBe(BigInt(HANDLER));
    expect(machine.access.read64(cpu, cpu.gpr(4))).toBe(rip);
    expect([readMsr(machine, cpu, Msr.McgStatus), readMsr(machine, cpu, Msr.McgCap)]).toEqual([5n, 0n]);
    writeMsr(machine, cpu, Msr.McgStatus, 0n);
    expect(() => writeMsr(machine, cpu, Msr.McgStatus, 8n)).toThrow();
    expect(() => writeMsr(machine, cpu, Msr.McgCap, 0n)).toThrow();
    run(machine, 2);
    machine.injectMachineCheck(0);
    run(machine, 1);
    expect(cpu.rip).toBe(BigInt(HANDLER));
    machine.injectMachineCheck(0);
    expect(run(machine, 1)).toEqual({ kind: 'shutdown', cpu: 0 });
  });

  it('shuts the CPU down without CR4.MCE', () => {
    const { machine, cpu } = start([0x90, 0xeb, 0xfd], false);
    machine.injectMachineCheck(0);
    expect(run(machine, 1)).toEqual({ kind: 'shutdown', cpu: 0 });
    expect(cpu.runState).toBe(RunState.Shutdown);
  });

  it('wakes a halted CPU with interrupts off, and stops at a filter first', () => {
    const { machine, cpu } = start([0xf4, 0x90]);
    run(machine, 1);
    machine.injectMachineCheck(0);
    machine.onException = () => true;
    expect(run(machine, 1)).toMatchObject({ kind: 'exception', exception: { vector: 18, rip: BigInt(CODE + 1) } });
    expect(cpu.runState).toBe(RunState.Halted);
    expect(run(machine, 1)).toBeUndefined();
    expect([cpu.rip, cpu.runState]).toEqual([BigInt(HANDLER), RunState.Running]);
  });
});
