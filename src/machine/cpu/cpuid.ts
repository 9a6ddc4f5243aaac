import type { Core } from '../core.js';
import { CodeMode } from './layout.js';
import * as L from './layout.js';
import { SIGNATURE } from './signature.js';
import type { CpuState } from './state.js';

/** Bits of physical and linear addresses (leaf 80000008). */
export const PHYSICAL_BITS = 40, LINEAR_BITS = 48;

export interface CpuidResult { eax: number; ebx: number; ecx: number; edx: number; }

const MAX_BASIC = 0xb, MAX_EXTENDED = 0x80000008;
const BRAND = 'Kaiserscope emulated x86-64 CPU';

/** Sets bit n for each entry whose condition holds. */
function bits(entries: readonly (readonly [bit: number, present: boolean])[]): number {
  return entries.reduce((value, [bit, present]) => present ? value | 1 << bit : value, 0);
}

/**
 * CPUID (SDM Vol. 2A): tells what this machine executes and nothing else. There are no x87, MMX and SSE units, no caches
 * to describe and no performance counters. A leaf beyond the highest gives the highest basic one, as on Intel's processors.
 */
export function cpuid(core: Core, cpu: CpuState, leaf: number, subleaf: number): CpuidResult {
  leaf >>>= 0;
  const extended = leaf >>> 31 === 1 && leaf <= MAX_EXTENDED;
  return readLeaf(core, cpu, extended || leaf <= MAX_BASIC ? leaf : MAX_BASIC, subleaf >>> 0);
}

function readLeaf(core: Core, cpu: CpuState, leaf: number, subleaf: number): CpuidResult {
  const f = core.features, count = core.cpus.length, id = cpu.index;
  const none = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  switch (leaf) {
    case 0: return { eax: MAX_BASIC, ebx: 0x756e6547, edx: 0x49656e69, ecx: 0x6c65746e }; // GenuineIntel
    case 1: return {
      eax: SIGNATURE,
      ebx: count << 16 | id << 24,
      ecx: bits([[13, true /* CMPXCHG16B */], [17, f.pcid], [21, f.x2apic], [23, true /* POPCNT */]]),
      edx: bits([
        [2, true /* DE */], [3, true /* PSE */], [4, true /* TSC */], [5, true /* MSR */], [6, true /* PAE */], [7, true /* MCE */],
        [8, true /* CMPXCHG8B */], [9, core.apics[id]!.enabled], [13, f.pge], [15, true /* CMOV */], [16, true /* PAT */], [28, count > 1 /* HTT */],
      ]),
    };
    case 7: return subleaf !== 0 ? none : {
      ...none,
      ebx: bits([[0, f.fsgsbase], [7, f.smep], [10, f.invpcid], [20, f.smap]]),
      ecx: bits([[2, f.umip]]),
    };
    case 0xb: return topology(count, id, subleaf);
    case 0x80000000: return { ...none, eax: MAX_EXTENDED };
    case 0x80000001: return {
      ...none,
      ecx: bits([[0, true /* LAHF in 64-bit code */]]),
      // SYSCALL shows in 64-bit code only.
      edx: bits([[11, f.syscall && (cpu.int(L.MODE) & CodeMode.Long) !== 0], [20, f.nx], [26, f.pages1g], [27, f.rdtscp], [29, true /* LM */]]),
    };
    case 0x80000002: case 0x80000003: case 0x80000004: return brand((leaf - 0x80000002) * 16);
    case 0x80000007: return { ...none, edx: bits([[8, true /* invariant TSC */]]) };
    case 0x80000008: return { ...none, eax: PHYSICAL_BITS | LINEAR_BITS << 8 };
    default: return none;
  }
}

/** Leaf B: one thread in each core, all cores in one package. */
function topology(count: number, id: number, subleaf: number): CpuidResult {
  const shift = 32 - Math.clz32(count - 1);
  switch (subleaf) {
    case 0: return { eax: 0, ebx: 1, ecx: 1 << 8, edx: id };
    case 1: return { eax: shift, ebx: count, ecx: 2 << 8 | 1, edx: id };
    default: return { eax: 0, ebx: 0, ecx: subleaf & 0xff, edx: id };
  }
}

function brand(from: number): CpuidResult {
  const word = (n: number) => [0, 1, 2, 3].reduce((value, b) => value | (BRAND.charCodeAt(from + 4 * n + b) || 0) << 8 * b, 0);
  return { eax: word(0), ebx: word(1), ecx: word(2), edx: word(3) };
}
