import type { Core } from '../core.js';
import * as L from './layout.js';
import { CodeMode, Seg } from './layout.js';
import type { CpuState } from './state.js';

/** Bits of a segment's access rights (SEG_RIGHTS: descriptor bits 40-55 shifted down; SDM Vol. 3A, 3.4.5). */
export const enum Rights {
  /** Data: writable. Code: readable. */
  ReadWrite = 1 << 1,
  /** Data: expand-down. Code: conforming. */
  DownConforming = 1 << 2,
  Code = 1 << 3,
  /** S: code or data; clear for system segments and gates. */
  CodeData = 1 << 4,
  Present = 1 << 7,
  /** L: 64-bit code. */
  Long = 1 << 13,
  /** D/B. */
  Big = 1 << 14,
  Granularity = 1 << 15,
  Accessed = 1 << 0,
}

/** CR0 bits (SDM Vol. 3A, 2.5). */
export const CR0_PE = 1n << 0n, CR0_MP = 1n << 1n, CR0_EM = 1n << 2n, CR0_TS = 1n << 3n, CR0_ET = 1n << 4n, CR0_NE = 1n << 5n,
  CR0_WP = 1n << 16n, CR0_AM = 1n << 18n, CR0_NW = 1n << 29n, CR0_CD = 1n << 30n, CR0_PG = 1n << 31n;
/** CR4 bits (SDM Vol. 3A, 2.5). */
export const CR4_VME = 1n << 0n, CR4_PVI = 1n << 1n, CR4_TSD = 1n << 2n, CR4_DE = 1n << 3n, CR4_PSE = 1n << 4n, CR4_PAE = 1n << 5n,
  CR4_MCE = 1n << 6n, CR4_PGE = 1n << 7n, CR4_PCE = 1n << 8n, CR4_OSFXSR = 1n << 9n, CR4_OSXMMEXCPT = 1n << 10n, CR4_UMIP = 1n << 11n,
  CR4_FSGSBASE = 1n << 16n, CR4_PCIDE = 1n << 17n, CR4_OSXSAVE = 1n << 18n, CR4_SMEP = 1n << 20n, CR4_SMAP = 1n << 21n, CR4_PKE = 1n << 22n;
/** CR0.EM, CR0.TS and CR4.OSFXSR in the low half of their registers. */
const EM = 1 << 2, TS = 1 << 3, OSFXSR = 1 << 9;
/** CR0.AM in the low half of the register. */
const AM = 1 << 18;
/** EFER bits (SDM Vol. 3A, 2.2.1). */
export const EFER_SCE = 1n << 0n, EFER_LME = 1n << 8n, EFER_LMA = 1n << 10n, EFER_NXE = 1n << 11n;

export function isProtected(cpu: CpuState): boolean { return (cpu.int(L.CR0) & 1) !== 0; }
/** IA-32e mode is active: 64-bit or compatibility mode. */
export function isLongMode(cpu: CpuState): boolean { return (cpu.int(L.EFER) & 1 << 10) !== 0; }

/**
 * To be called after every change of CS, SS, CPL, CR0, CR4, EFER or RFLAGS.AC: derives MODE, by which decoded code is
 * keyed, and lets the MMU choose the fast table for the new privilege.
 */
export function updateMode(core: Core, cpu: CpuState): void {
  cpu.setInt(L.MODE, codeMode(cpu));
  core.mmu.setContext(cpu);
}

/** The `CodeMode` bits that the registers ask for. */
export function codeMode(cpu: CpuState): number {
  const cs = cpu.segRights(Seg.CS);
  let mode = 0;
  if (isLongMode(cpu) && cs & Rights.Long) mode |= CodeMode.Long;
  else if (cs & Rights.Big) mode |= CodeMode.Code32;
  if (cpu.segRights(Seg.SS) & Rights.Big) mode |= CodeMode.Stack32;
  const cpl = cpu.cpl;
  if (cpl === 1 || cpl === 2) mode |= CodeMode.Middle;
  if (cpl === 3) {
    mode |= CodeMode.User;
    if (cpu.int(L.FLAGS) & L.Flag.AC && cpu.int(L.CR0) & AM) mode |= CodeMode.AlignmentCheck;
  }
  if (!isProtected(cpu)) mode |= CodeMode.Real;
  if (cpu.int(L.CR0) & (EM | TS)) mode |= CodeMode.FpuOff;
  else if (cpu.int(L.CR4) & OSFXSR) mode |= CodeMode.SseOn;
  return mode | cpu.int(L.WATCHED);
}

/** `isCanonical` of an address whose high half is `high`. */
export function isCanonicalHigh(high: number): boolean { return high + 0x8000 >>> 16 === 0; }

/** Linear addresses have 48 bits: bits 63:47 must be equal (SDM Vol. 1, 3.3.7.1). */
export function isCanonical(address: bigint): boolean {
  const top = BigInt.asUintN(64, address) >> 47n;
  return top === 0n || top === 0x1ffffn;
}
