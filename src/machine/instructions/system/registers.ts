import { Mnemonic } from 'iced-x86';
import { GuestFault, Vector } from '../../core.js';
import { cpuid } from '../../cpu/cpuid.js';
import * as L from '../../cpu/layout.js';
import { CR4_TSD } from '../../cpu/modes.js';
import { readMsr, timeStamp, writeMsr } from '../../cpu/msrs.js';
import type { CpuState } from '../../cpu/state.js';
import { handle, handlePrivileged, requireCpl0 } from './registry.js';

const RAX = 0, RCX = 1, RDX = 2, RBX = 3;

/** A 64-bit value into EDX:EAX; the upper halves of both registers are cleared. */
function setPair(cpu: CpuState, value: bigint): void {
  cpu.setGpr(RAX, value & 0xffffffffn);
  cpu.setGpr(RDX, value >> 32n);
}
const low = (cpu: CpuState, n: number): number => Number(cpu.gpr(n) & 0xffffffffn);

handlePrivileged(Mnemonic.Rdmsr, (core, cpu) => setPair(cpu, readMsr(core, cpu, low(cpu, RCX))));
handlePrivileged(Mnemonic.Wrmsr, (core, cpu) =>
  writeMsr(core, cpu, low(cpu, RCX), (cpu.gpr(RDX) & 0xffffffffn) << 32n | cpu.gpr(RAX) & 0xffffffffn));

/** There are no performance counters: whatever ECX names does not exist (SDM Vol. 2B, RDPMC). */
handle(Mnemonic.Rdpmc, () => { throw new GuestFault(Vector.GP, 0); });

/** With CR4.TSD only CPL 0 may read the time stamp counter. */
function requireTime(cpu: CpuState): void {
  if (cpu.get(L.CR4) & CR4_TSD) requireCpl0(cpu);
}
handle(Mnemonic.Rdtsc, (core, cpu) => {
  requireTime(cpu);
  setPair(cpu, timeStamp(core, cpu));
});
handle(Mnemonic.Rdtscp, (core, cpu) => {
  if (!core.features.rdtscp) throw new GuestFault(Vector.UD);
  requireTime(cpu);
  setPair(cpu, timeStamp(core, cpu));
  cpu.setGpr(RCX, cpu.get(L.TSC_AUX) & 0xffffffffn);
});

handle(Mnemonic.Cpuid, (core, cpu) => {
  const result = cpuid(core, cpu, low(cpu, RAX), low(cpu, RCX));
  cpu.setGpr(RAX, BigInt(result.eax >>> 0));
  cpu.setGpr(RBX, BigInt(result.ebx >>> 0));
  cpu.setGpr(RCX, BigInt(result.ecx >>> 0));
  cpu.setGpr(RDX, BigInt(result.edx >>> 0));
});
