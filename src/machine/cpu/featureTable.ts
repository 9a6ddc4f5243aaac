import type { CpuidFeature } from 'iced-x86';
import type { CpuFeatures } from './features.js';

/**
 * The features of the processor, once: the CPUID bit of each, and the instructions that raise #UD without it (as iced's names of
 * what an instruction needs). CPUID and the decoder both read this table, so that they cannot contradict each other. What an
 * instruction needs and no row has (AVX, AES, SSE4, virtual machines, transactions ...) this processor lacks.
 *
 * `present`: always, where that option of the machine is on, or `unfinished`: CPUID denies it, and of its instructions those
 * that have no meaning yet stop the machine.
 */
export interface FeatureRow {
  /** The SDM's name. */
  name: string;
  leaf: number;
  register: 'ebx' | 'ecx' | 'edx';
  bit: number;
  present: true | 'unfinished' | keyof CpuFeatures;
  instructions: readonly (keyof typeof CpuidFeature)[];
}

function row(name: string, leaf: number, register: FeatureRow['register'], bit: number, present: FeatureRow['present'], ...instructions: FeatureRow['instructions']): FeatureRow {
  return { name, leaf, register, bit, present, instructions };
}

/** CPUID bits by leaf (subleaf 0): SDM Vol. 2A, CPUID, tables 3-8 to 3-11. */
export const featureTable: readonly FeatureRow[] = [
  row('SSE3', 1, 'ecx', 0, true, 'SSE3'),
  row('MONITOR', 1, 'ecx', 3, 'monitor', 'MONITOR'),
  row('SSSE3', 1, 'ecx', 9, 'ssse3', 'SSSE3'),
  row('CMPXCHG16B', 1, 'ecx', 13, 'cx16', 'CMPXCHG16B'),
  row('PCID', 1, 'ecx', 17, 'pcid'),
  row('x2APIC', 1, 'ecx', 21, 'x2apic'),
  row('MOVBE', 1, 'ecx', 22, 'movbe', 'MOVBE'),
  row('POPCNT', 1, 'ecx', 23, 'popcnt', 'POPCNT'),
  row('TSC-Deadline', 1, 'ecx', 24, 'tscDeadline'),
  row('XSAVE', 1, 'ecx', 26, 'xsave', 'XSAVE', 'XSAVEOPT'),
  row('RDRAND', 1, 'ecx', 30, 'rdrand', 'RDRAND'),
  row('FPU', 1, 'edx', 0, true, 'FPU', 'FPU287', 'FPU287XL_ONLY', 'FPU387', 'FPU387SL_ONLY'),
  row('DE', 1, 'edx', 2, true),
  row('PSE', 1, 'edx', 3, true),
  row('TSC', 1, 'edx', 4, true, 'TSC'),
  row('MSR', 1, 'edx', 5, true, 'MSR'),
  row('PAE', 1, 'edx', 6, true),
  row('MCE', 1, 'edx', 7, true),
  row('CX8', 1, 'edx', 8, true, 'CX8'),
  row('SEP', 1, 'edx', 11, 'sep', 'SEP'),
  row('PGE', 1, 'edx', 13, 'pge'),
  row('MCA', 1, 'edx', 14, true),
  row('CMOV', 1, 'edx', 15, true, 'CMOV'),
  row('PAT', 1, 'edx', 16, true),
  row('PSE-36', 1, 'edx', 17, true),
  row('CLFSH', 1, 'edx', 19, true, 'CLFSH'),
  row('MMX', 1, 'edx', 23, true, 'MMX'),
  row('FXSR', 1, 'edx', 24, true, 'FXSR'),
  row('SSE', 1, 'edx', 25, true, 'SSE'),
  row('SSE2', 1, 'edx', 26, true, 'SSE2'),
  row('FSGSBASE', 7, 'ebx', 0, 'fsgsbase', 'FSGSBASE'),
  row('BMI1', 7, 'ebx', 3, 'bmi1', 'BMI1'),
  // The x87 keeps its data pointer with unmasked exceptions only.
  row('FDP_EXCPTN_ONLY', 7, 'ebx', 6, true),
  row('SMEP', 7, 'ebx', 7, 'smep'),
  row('BMI2', 7, 'ebx', 8, 'bmi2', 'BMI2'),
  row('INVPCID', 7, 'ebx', 10, 'invpcid', 'INVPCID'),
  // The x87 keeps no selectors.
  row('FCS and FDS deprecated', 7, 'ebx', 13, true),
  row('RDSEED', 7, 'ebx', 18, 'rdseed', 'RDSEED'),
  row('SMAP', 7, 'ebx', 20, 'smap', 'SMAP'),
  row('UMIP', 7, 'ecx', 2, 'umip'),
  row('PKU', 7, 'ecx', 3, 'pku', 'PKU'),
  row('RDPID', 7, 'ecx', 22, 'rdpid', 'RDPID'),
  row('LAHF', 0x80000001, 'ecx', 0, true),
  row('LZCNT', 0x80000001, 'ecx', 5, 'lzcnt', 'LZCNT'),
  row('PREFETCHW', 0x80000001, 'ecx', 8, true),
  row('SYSCALL', 0x80000001, 'edx', 11, 'syscall', 'SYSCALL'),
  row('NX', 0x80000001, 'edx', 20, 'nx'),
  row('Page1GB', 0x80000001, 'edx', 26, 'pages1g'),
  row('RDTSCP', 0x80000001, 'edx', 27, 'rdtscp', 'RDTSCP'),
  row('LM', 0x80000001, 'edx', 29, true, 'X64'),
];

/**
 * Instructions that need no CPUID bit: those of older processors, and hints and landing pads that processors without their feature
 * execute as NOP (SDM Vol. 2B, NOP: the reserved NOPs).
 */
export const withoutBit: readonly (keyof typeof CpuidFeature)[] = [
  'INTEL8086', 'INTEL186', 'INTEL286', 'INTEL386', 'INTEL486', 'CPUID', 'RDPMC', 'SMM', 'MULTIBYTENOP', 'PAUSE', 'CET_IBT', 'CLDEMOTE', 'PREFETCHW',
  'PREFETCHWT1', 'PREFETCHITI',
];

/** The CPUID bits of a register of a leaf that this table decides. */
export function featureBits(features: CpuFeatures, leaf: number, register: FeatureRow['register']): number {
  let bits = 0;
  for (const row of featureTable) if (row.leaf === leaf && row.register === register && isPresent(features, row)) bits |= 1 << row.bit;
  return bits;
}

/** Does CPUID claim the feature? */
export function isPresent(features: CpuFeatures, row: FeatureRow): boolean {
  return row.present === true || row.present !== 'unfinished' && features[row.present];
}
