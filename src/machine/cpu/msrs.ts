import type { Core } from '../core.js';
import { GuestFault, Unimplemented, Vector } from '../core.js';
import { clockCycles } from '../cycles/clock.js';
import { APIC_BASE_BSP, APIC_BASE_ENABLE, APIC_BASE_EXTD, APIC_PHYSICAL } from '../devices/apicRegisters.js';
import { readX2apic, writeX2apic } from '../devices/x2apicMsrs.js';
import { writeEfer } from './controlRegisters.js';
import { readMachineCheckStatus, writeMachineCheckStatus } from './machineCheck.js';
import * as L from './layout.js';
import { Seg } from './layout.js';
import { isCanonical } from './modes.js';
import type { CpuState } from './state.js';

/** Model-specific registers by index (SDM Vol. 4, table 2-2). */
export const enum Msr {
  PlatformId = 0x17, BiosSignature = 0x8b, DebugControl = 0x1d9, TscDeadline = 0x6e0,
  McgCap = 0x179, McgStatus = 0x17a,
  Tsc = 0x10, ApicBase = 0x1b, SysenterCs = 0x174, SysenterEsp = 0x175, SysenterEip = 0x176, MiscEnable = 0x1a0, Pat = 0x277,
  X2apicFirst = 0x800, X2apicLast = 0x8ff,
  Efer = 0xc0000080, Star = 0xc0000081, Lstar = 0xc0000082, Cstar = 0xc0000083, Sfmask = 0xc0000084,
  FsBase = 0xc0000100, GsBase = 0xc0000101, KernelGsBase = 0xc0000102, TscAux = 0xc0000103,
}

function refuse(): never { throw new GuestFault(Vector.GP, 0); }

const base = (seg: Seg): number => L.SEG + seg * L.SEG_SIZE + L.SEG_BASE;

/** MSRs that are fields of the CPU state, with the check that a written value must pass. */
const anything = (): boolean => true;
const low32 = (value: bigint): boolean => value >> 32n === 0n;
const fields = new Map<number, { field: number; valid: (value: bigint, core: Core) => boolean }>([
  [Msr.SysenterCs, { field: L.SYSENTER_CS, valid: low32 }],
  [Msr.SysenterEsp, { field: L.SYSENTER_ESP, valid: isCanonical }],
  [Msr.SysenterEip, { field: L.SYSENTER_EIP, valid: isCanonical }],
  // Only "fast strings" can be changed: it has no effect here.
  [Msr.MiscEnable, { field: L.MISC_ENABLE, valid: (value, core) => (value & ~1n) === (core.features.monitor ? 1n << 18n : 0n) }],
  [Msr.Pat, { field: L.PAT, valid: validPat }],
  [Msr.Star, { field: L.STAR, valid: anything }],
  [Msr.Lstar, { field: L.LSTAR, valid: isCanonical }],
  [Msr.Cstar, { field: L.CSTAR, valid: isCanonical }],
  [Msr.Sfmask, { field: L.SFMASK, valid: low32 }],
  [Msr.FsBase, { field: base(Seg.FS), valid: isCanonical }],
  [Msr.GsBase, { field: base(Seg.GS), valid: isCanonical }],
  [Msr.KernelGsBase, { field: L.KERNEL_GS_BASE, valid: isCanonical }],
  [Msr.TscAux, { field: L.TSC_AUX, valid: (value, core) => hasTscAux(core) && low32(value) }],
]);

/** RDTSCP and RDPID read IA32_TSC_AUX. */
function hasTscAux(core: Core): boolean { return core.features.rdtscp || core.features.rdpid; }

/** Memory types 2 and 3 and those above 7 do not exist (SDM Vol. 3A, 11.12.2). */
function validPat(value: bigint): boolean {
  for (let n = 0n; n < 8n; n++) {
    const type = value >> 8n * n & 0xffn;
    if (type > 7n || type === 2n || type === 3n) return false;
  }
  return true;
}

/** The time stamp counter. */
export function timeStamp(core: Core, cpu: CpuState): bigint {
  return BigInt.asUintN(64, BigInt(clockCycles(core)) + cpu.get(L.TSC_OFFSET));
}

/** RDMSR without its privilege check. Throws #GP(0) for an MSR that does not exist. */
export function readMsr(core: Core, cpu: CpuState, index: number): bigint {
  index >>>= 0;
  const entry = fields.get(index);
  if (entry) {
    if (index === Msr.TscAux && !hasTscAux(core)) refuse();
    return cpu.get(entry.field);
  }
  if (index >= Msr.X2apicFirst && index <= Msr.X2apicLast) return readX2apic(core, cpu, index - Msr.X2apicFirst);
  switch (index) {
    case Msr.Tsc: return timeStamp(core, cpu);
    case Msr.TscDeadline:
      if (!core.features.tscDeadline) refuse();
      core.apics[cpu.index]!.advance(core.now());
      return cpu.get(L.TSC_DEADLINE);
    // No platform that would be told apart, no microcode that could be loaded, nothing of the debug controls.
    case Msr.PlatformId: case Msr.BiosSignature: case Msr.DebugControl: return 0n;
    case Msr.ApicBase: return cpu.get(L.APIC_BASE);
    case Msr.Efer: return cpu.get(L.EFER);
    // No banks of machine-check registers.
    case Msr.McgCap: return 0n;
    case Msr.McgStatus: return readMachineCheckStatus(cpu);
    default: refuse();
  }
}

/** WRMSR without its privilege check. Throws #GP(0) for an MSR that does not exist, reserved bits and non-canonical addresses. */
export function writeMsr(core: Core, cpu: CpuState, index: number, value: bigint): void {
  index >>>= 0;
  const entry = fields.get(index);
  if (entry) {
    if (!entry.valid(value, core)) refuse();
    cpu.set(entry.field, value);
    return;
  }
  if (index >= Msr.X2apicFirst && index <= Msr.X2apicLast) { writeX2apic(core, cpu, index - Msr.X2apicFirst, value); return; }
  switch (index) {
    case Msr.Tsc:
      cpu.set(L.TSC_OFFSET, BigInt.asUintN(64, value - BigInt(clockCycles(core))));
      if (cpu.get(L.TSC_DEADLINE)) core.apics[cpu.index]!.setTscDeadline(cpu.get(L.TSC_DEADLINE), value);
      return;
    case Msr.TscDeadline:
      if (!core.features.tscDeadline) refuse();
      core.apics[cpu.index]!.setTscDeadline(value, timeStamp(core, cpu));
      return;
    // Software writes 0 before it asks for the microcode's revision by CPUID (SDM Vol. 3A, 9.11.7.1).
    case Msr.BiosSignature: return;
    case Msr.DebugControl:
      if (value & ~0x1dfc3n) refuse();
      if (value) throw new Unimplemented(`CPU ${cpu.index}, rip 0x${cpu.rip.toString(16)}: IA32_DEBUGCTL = 0x${value.toString(16)}; this machine has neither branch records nor `
        + 'traps on branches.');
      return;
    case Msr.McgStatus:
      if (!writeMachineCheckStatus(cpu, value)) refuse();
      return;
    case Msr.ApicBase: writeApicBase(core, cpu, value); return;
    case Msr.Efer: writeEfer(core, cpu, value); return;
    default: refuse();
  }
}

/** IA32_APIC_BASE (SDM Vol. 3A, 10.4.4 and 10.12.5): off, xAPIC, x2APIC; x2APIC is left only by way of off. */
function writeApicBase(core: Core, cpu: CpuState, value: bigint): void {
  const flags = APIC_BASE_BSP | APIC_BASE_ENABLE | (core.features.x2apic ? APIC_BASE_EXTD : 0n);
  const address = value & 0xff_ffff_f000n;
  if (value & ~(flags | 0xff_ffff_f000n)) refuse();
  const old = cpu.get(L.APIC_BASE), enable = value & APIC_BASE_ENABLE, extended = value & APIC_BASE_EXTD;
  if (extended && !enable) refuse();
  if (extended && !(old & APIC_BASE_ENABLE)) refuse();
  if (enable && !extended && old & APIC_BASE_EXTD) refuse();
  if (address !== BigInt(APIC_PHYSICAL)) {
    throw new Unimplemented(`CPU ${cpu.index}, rip 0x${cpu.rip.toString(16)}: IA32_APIC_BASE moves the local APIC to 0x${address.toString(16)}; on this machine it stays at 0x${APIC_PHYSICAL.toString(16)}.`);
  }
  // The BSP flag is a fact, not a setting.
  cpu.set(L.APIC_BASE, value & ~APIC_BASE_BSP | old & APIC_BASE_BSP);
  if (!enable && old & APIC_BASE_ENABLE) core.apics[cpu.index]!.reset();
}
