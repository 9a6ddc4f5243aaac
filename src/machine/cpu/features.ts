/**
 * Optional parts of the processor (their CPUID bits and instructions stand in `featureTable.ts`). CPUID tells exactly these, and what is off raises the exception that a processor
 * without it raises: a guest can be tried with and without each.
 */
export interface CpuFeatures {
  /** CR4.PCIDE, CR3 bit 63 (SDM Vol. 3A, 4.10.1). */
  pcid: boolean;
  /** The INVPCID instruction. */
  invpcid: boolean;
  /** CR4.PGE: global pages. */
  pge: boolean;
  /** EFER.NXE: execute-disable. */
  nx: boolean;
  /** CR4.SMEP. */
  smep: boolean;
  /** CR4.SMAP, STAC, CLAC. */
  smap: boolean;
  /** CR4.UMIP. */
  umip: boolean;
  /** CR4.FSGSBASE and its four instructions. */
  fsgsbase: boolean;
  /** SYSCALL and SYSRET with EFER.SCE. */
  syscall: boolean;
  /** TSC-deadline mode of the local APIC's timer, IA32_TSC_DEADLINE. */
  tscDeadline: boolean;
  /** x2APIC mode of the local APIC. */
  x2apic: boolean;
  /** RDTSCP and IA32_TSC_AUX. */
  rdtscp: boolean;
  /** 1 GiB pages. */
  pages1g: boolean;
  /** CR4.PKE, RDPKRU, WRPKRU: protection keys of user pages. */
  pku: boolean;
  /** SYSENTER and SYSEXIT. */
  sep: boolean;
  /** MONITOR and MWAIT. */
  monitor: boolean;
  /** CMPXCHG16B. */
  cx16: boolean;
  /** POPCNT. */
  popcnt: boolean;
  ssse3: boolean;
  /** CR4.OSXSAVE, XSAVE and its kin with XSAVEOPT, CPUID leaf D. */
  xsave: boolean;
  /** RDRAND: numbers that the machine's `seed` decides. */
  rdrand: boolean;
  /** RDSEED. */
  rdseed: boolean;
  /** RDPID. */
  rdpid: boolean;
  /** LZCNT; without it BSR. */
  lzcnt: boolean;
  movbe: boolean;
  /** TZCNT (without it BSF), ANDN, BEXTR, BLSI, BLSMSK, BLSR. */
  bmi1: boolean;
  /** BZHI, MULX, PDEP, PEXT, RORX, SARX, SHLX, SHRX. */
  bmi2: boolean;
}

/** Everything that the machine has. */
export const allFeatures: Readonly<CpuFeatures> = {
  pcid: true, invpcid: true, pge: true, nx: true, smep: true, smap: true, umip: true, fsgsbase: true, syscall: true, x2apic: true, tscDeadline: true,
  rdtscp: true, pages1g: true, pku: true, sep: true, monitor: true, cx16: true, popcnt: true, rdrand: true, rdseed: true, rdpid: true, ssse3: true, xsave: true,
  lzcnt: true, movbe: true, bmi1: true, bmi2: true,
};

/** The features of a machine: everything it has, except where `changes` says otherwise. */
export function cpuFeatures(changes: Partial<CpuFeatures> = {}): CpuFeatures { return { ...allFeatures, ...changes }; }
