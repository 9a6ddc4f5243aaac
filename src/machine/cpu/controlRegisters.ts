import { type Core, GuestFault, Vector } from '../core.js';
import { CR3_FLUSH_CYCLES, CR3_KEEP_CYCLES } from '../cycles/model.js';
import type { CpuFeatures } from './features.js';
import * as L from './layout.js';
import { Seg } from './layout.js';
import {
  CR0_AM, CR0_CD, CR0_EM, CR0_ET, CR0_MP, CR0_NE, CR0_NW, CR0_PE, CR0_PG, CR0_TS, CR0_WP, CR4_DE, CR4_FSGSBASE, CR4_MCE, CR4_OSFXSR, CR4_OSXMMEXCPT, CR4_OSXSAVE, CR4_PAE, CR4_PCE,
  CR4_PCIDE, CR4_PGE, CR4_PSE, CR4_PKE, CR4_SMAP, CR4_SMEP, CR4_TSD, CR4_UMIP, EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE, isLongMode, Rights, updateMode,
} from './modes.js';
import { PHYSICAL_BITS } from './cpuid.js';
import type { CpuState } from './state.js';

const CR0_DEFINED = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;

function refuse(): never { throw new GuestFault(Vector.GP, 0); }

/** MOV to CR0 (SDM Vol. 2B, MOV to control registers; Vol. 3A, 2.5 and 9.8.5): also switches long mode on and off. */
export function writeCr0(core: Core, cpu: CpuState, value: bigint): void {
  if (value >> 32n) refuse();
  if (value & CR0_PG && !(value & CR0_PE)) refuse();
  if (value & CR0_NW && !(value & CR0_CD)) refuse();
  const old = cpu.get(L.CR0), efer = cpu.get(L.EFER), cr4 = cpu.get(L.CR4);
  const paging = (value & CR0_PG) !== 0n, wasPaging = (old & CR0_PG) !== 0n;
  const long = (cpu.segRights(Seg.CS) & Rights.Long) !== 0;
  if (paging && !wasPaging) {
    if (efer & EFER_LME && (!(cr4 & CR4_PAE) || long || tssIs16Bit(cpu))) refuse();
  }
  if (!paging && wasPaging && (isLongMode(cpu) && long || cr4 & CR4_PCIDE)) refuse();
  if (paging && !(efer & EFER_LME) && cr4 & CR4_PAE && (old ^ value) & (CR0_PG | CR0_CD | CR0_NW)) loadPdptes(core, cpu, cpu.get(L.CR3));
  cpu.set(L.CR0, value & CR0_DEFINED | CR0_ET);
  if (paging !== wasPaging) {
    cpu.set(L.EFER, paging && efer & EFER_LME ? efer | EFER_LMA : efer & ~EFER_LMA);
    core.mmu.flushAll(cpu, { globals: true });
  }
  updateMode(core, cpu);
}

/** IA-32e mode cannot be entered with a 16-bit TSS in TR (SDM Vol. 3A, 9.8.5.4). */
function tssIs16Bit(cpu: CpuState): boolean { return (cpu.segRights(Seg.TR) & 0x1d) === 1; }

/** Is PAE paging in use? */
function isPae(cpu: CpuState): boolean { return (cpu.get(L.CR0) & CR0_PG) !== 0n && (cpu.get(L.CR4) & CR4_PAE) !== 0n && !isLongMode(cpu); }

/**
 * Loads the PDPTE registers from the table that `cr3` names, as PAE paging does when CR3, and when certain bits of CR0 and CR4 are
 * written (SDM Vol. 3A, 4.4.1). Throws #GP(0) if a present entry has a reserved bit set; nothing has changed then.
 */
function loadPdptes(core: Core, cpu: CpuState, cr3: bigint): void {
  const words = core.mmu.walker.pdptes(Number(cr3 & 0xffffffe0n));
  if (!words) refuse();
  cpu.i32.set(words, L.PDPTE >> 2);
  core.mmu.registersLoaded(cpu);
}

/**
 * MOV to CR3: bits above the physical address width are reserved; bit 63 is "keep the TLB" with CR4.PCIDE and reserved
 * without. Low bits that paging ignores are kept as written. Halves, since kernels with KAISER do this twice a system call.
 */
export function writeCr3(core: Core, cpu: CpuState, low: number, high: number): void {
  const pcide = (cpu.int(L.CR4) & 1 << 17) !== 0;
  if ((pcide ? high & 0x7fffffff : high) >>> PHYSICAL_BITS - 32) refuse();
  if ((cpu.int(L.CR4) & 1 << 5) !== 0 && isPae(cpu)) loadPdptes(core, cpu, BigInt(low >>> 0));
  core.mmu.loadCr3Halves(cpu, low, high);
  cpu.charge(pcide && high < 0 ? CR3_KEEP_CYCLES : CR3_FLUSH_CYCLES);
}

/** The bits of CR4 that this processor has; all others are reserved. */
export function definedCr4(features: CpuFeatures): bigint {
  let bits = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
  if (features.pge) bits |= CR4_PGE;
  if (features.umip) bits |= CR4_UMIP;
  if (features.fsgsbase) bits |= CR4_FSGSBASE;
  if (features.pcid) bits |= CR4_PCIDE;
  if (features.smep) bits |= CR4_SMEP;
  if (features.smap) bits |= CR4_SMAP;
  if (features.pku) bits |= CR4_PKE;
  if (features.xsave) bits |= CR4_OSXSAVE;
  return bits;
}

/** MOV to CR4 (SDM Vol. 2B), with the flushes of SDM Vol. 3A, 4.10.4.1. */
export function writeCr4(core: Core, cpu: CpuState, value: bigint): void {
  const old = cpu.get(L.CR4), changed = old ^ value;
  if (value & ~definedCr4(core.features)) refuse();
  if (isLongMode(cpu) && !(value & CR4_PAE)) refuse();
  if (changed & value & CR4_PCIDE && (!isLongMode(cpu) || cpu.get(L.CR3) & 0xfffn)) refuse();
  const pae = (cpu.get(L.CR0) & CR0_PG) !== 0n && !isLongMode(cpu) && (value & CR4_PAE) !== 0n;
  if (pae && changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) loadPdptes(core, cpu, cpu.get(L.CR3));
  cpu.set(L.CR4, value);
  // PAE, and SMEP when it comes on, need only drop the current PCID; a processor may drop more.
  if (changed & (CR4_PGE | CR4_PAE) || changed & old & CR4_PCIDE || changed & value & CR4_SMEP) core.mmu.flushAll(cpu, { globals: true });
  updateMode(core, cpu);
}

/** WRMSR to IA32_EFER (SDM Vol. 3A, 2.2.1): LMA follows CR0.PG, LME cannot change while paging is on. */
export function writeEfer(core: Core, cpu: CpuState, value: bigint): void {
  const old = cpu.get(L.EFER);
  let defined = EFER_LME | EFER_LMA;
  if (core.features.syscall) defined |= EFER_SCE;
  if (core.features.nx) defined |= EFER_NXE;
  if (value & ~defined) refuse();
  if ((old ^ value) & EFER_LME && cpu.get(L.CR0) & CR0_PG) refuse();
  cpu.set(L.EFER, value & ~EFER_LMA | old & EFER_LMA);
  updateMode(core, cpu);
}

/** MOV to CR8: the task priority class, bits 7:4 of the local APIC's TPR. */
export function writeCr8(core: Core, cpu: CpuState, value: bigint): void {
  if (value >> 4n) refuse();
  core.apics[cpu.index]!.setTaskPriority(Number(value) << 4);
}
