import { type Core, Unimplemented } from '../core.js';
import { writeFlags } from './flags.js';
import { applyDebugRegisters } from './debug.js';
import * as L from './layout.js';
import { RunState, Seg } from './layout.js';
import { updateMode } from './modes.js';
import { armMonitor } from './monitor.js';
import { SIGNATURE } from './signature.js';
import type { CpuState } from './state.js';

/** IA32_MISC_ENABLE: string instructions go by blocks; MONITOR is on (SDM Vol. 4, table 2-2). */
export const MISC_FAST_STRINGS = 1n << 0n, MISC_MONITOR = 1n << 18n;
/** Physical address of the local APIC's page and its enable bit, in IA32_APIC_BASE. */
const APIC_BASE_RESET = 0xfee00800n;

/** State after power-up (SDM Vol. 3A, table 9-1). CPU 0 is the bootstrap processor and runs; the others wait for a SIPI. */
export function resetCpu(core: Core, cpu: CpuState): void {
  cpu.i32.fill(0, 0, L.STATE_END >> 2);
  cpu.setInt(L.CPU_INDEX, cpu.index);
  cpu.set(L.CR0, 0x60000010n);
  cpu.set(L.PAT, 0x0007040600070406n);
  cpu.set(L.MISC_ENABLE, MISC_FAST_STRINGS | (core.features.monitor ? MISC_MONITOR : 0n));
  cpu.set(L.APIC_BASE, APIC_BASE_RESET | (cpu.index === 0 ? 1n << 8n : 0n));
  cpu.setInt(L.MXCSR, 0x1f80);
  cpu.setInt(L.X87_CONTROL, 0x40);
  cpu.setInt(L.X87_TAGS, 0x5555); // all registers are zero
  cpu.set(L.XCR0, 1n);
  resetRegisters(core, cpu);
  core.apics[cpu.index]?.reset();
  cpu.runState = cpu.index === 0 ? RunState.Running : RunState.WaitForSipi;
}

/**
 * INIT: as power-up, except that the time stamp counter, MSRs, CR0.CD and CR0.NW keep their values (SDM Vol. 3A, 9.1.1
 * and table 9-1); then the CPU waits for a SIPI. The bootstrap processor would start at the reset vector, where this
 * machine has no firmware.
 */
export function initCpu(core: Core, cpu: CpuState): void {
  if (cpu.index === 0) {
    throw new Unimplemented('An INIT reached CPU 0, the bootstrap processor: it would restart in the firmware, and this machine has none.');
  }
  const cacheBits = cpu.get(L.CR0) & 0x60000000n;
  cpu.u64.fill(0n, L.GPR >> 3, (L.GPR >> 3) + 16);
  cpu.set(L.CR0, 0x10n | cacheBits);
  for (const field of [L.CR2, L.CR3, L.CR4, L.EFER]) cpu.set(field, 0n);
  cpu.setInt(L.NMI_BLOCKED, 0);
  cpu.setInt(L.NMI_PENDING, 0);
  cpu.setInt(L.SHADOW, 0);
  cpu.setInt(L.MWAIT, 0);
  cpu.setInt(L.PENDING_DEBUG, 0);
  cpu.setInt(L.MACHINE_CHECK, 0);
  resetRegisters(core, cpu);
  core.apics[cpu.index]?.reset();
  cpu.runState = RunState.WaitForSipi;
}

/** Start-up IPI: real mode at physical address `vector` << 12 (SDM Vol. 3A, 8.4.4). A CPU that does not wait for one ignores it. */
export function startCpu(core: Core, cpu: CpuState, vector: number): void {
  if (cpu.runState !== RunState.WaitForSipi) return;
  cpu.setInt(L.SIPI_VECTOR, vector);
  cpu.setSegment(Seg.CS, vector << 8, 0x93, 0xffff, BigInt(vector << 12));
  cpu.rip = 0n;
  cpu.runState = RunState.Running;
  updateMode(core, cpu);
}

/** What power-up and INIT have in common. */
function resetRegisters(core: Core, cpu: CpuState): void {
  cpu.rip = 0xfff0n;
  writeFlags(cpu, 2);
  cpu.setGpr(2, BigInt(SIGNATURE)); // EDX identifies the processor
  for (const seg of [Seg.ES, Seg.SS, Seg.DS, Seg.FS, Seg.GS]) cpu.setSegment(seg, 0, 0x93, 0xffff, 0n);
  cpu.setSegment(Seg.CS, 0xf000, 0x93, 0xffff, 0xffff0000n);
  cpu.setSegment(Seg.LDTR, 0, 0x82, 0xffff, 0n);
  cpu.setSegment(Seg.TR, 0, 0x8b, 0xffff, 0n);
  for (const field of [L.GDTR_BASE, L.IDTR_BASE]) cpu.set(field, 0n);
  for (const field of [L.GDTR_LIMIT, L.IDTR_LIMIT]) cpu.set(field, 0xffffn);
  armMonitor(core, cpu, undefined);
  for (let n = 0; n < 4; n++) cpu.set(L.DR + 8 * n, 0n);
  cpu.set(L.DR + 48, 0xffff0ff0n);
  cpu.set(L.DR + 56, 0x400n);
  applyDebugRegisters(core, cpu);
  cpu.setInt(L.FAULT_VECTOR, -1);
  updateMode(core, cpu);
  core.mmu.reset(cpu);
}
