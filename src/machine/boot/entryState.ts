import type { Core } from '../core.js';
import * as L from '../cpu/layout.js';
import { RunState, Seg } from '../cpu/layout.js';
import { updateMode } from '../cpu/modes.js';
import { ApicRegister } from '../devices/apicRegisters.js';

/** How firmware leaves the local APIC of the first processor ("virtual wire mode"): LINT0 brings the 8259s' interrupts, LINT1 NMIs. */
const SPURIOUS = 0x1ff, LINT0_EXTERNAL = 0x8700, LINT1_NMI = 0x8400;

/** CPU 0 in 32-bit protected mode with flat segments and paging off, about to run `entry`; PVH and multiboot have that in common. */
export function enterFlat(core: Core, entry: number, registers: { eax: number; ebx: number }): void {
  const cpu = core.cpus[0]!, apic = core.apics[0]!;
  cpu.set(L.CR0, 0x11n);
  cpu.set(L.CR4, 0n);
  cpu.setSegment(Seg.CS, 8, 0xc09b, 0xffffffff, 0n);
  for (const seg of [Seg.DS, Seg.ES, Seg.SS, Seg.FS, Seg.GS]) cpu.setSegment(seg, 0x10, 0xc093, 0xffffffff, 0n);
  cpu.setSegment(Seg.TR, 0, 0x8b, 0x67, 0n);
  cpu.setGpr(0, BigInt(registers.eax));
  cpu.setGpr(3, BigInt(registers.ebx));
  cpu.rip = BigInt(entry);
  cpu.runState = RunState.Running;
  updateMode(core, cpu);
  apic.write(ApicRegister.Svr, SPURIOUS);
  apic.write(ApicRegister.LvtLint0, LINT0_EXTERNAL);
  apic.write(ApicRegister.LvtLint1, LINT1_NMI);
}
