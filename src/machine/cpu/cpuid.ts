import type { Core } from '../core.js';
import { CodeMode } from './layout.js';
import { featureBits } from './featureTable.js';
import * as L from './layout.js';
import { MONITOR_LINE } from './monitor.js';
import { SIGNATURE } from './signature.js';
import type { CpuState } from './state.js';
import { xsaveLeaf } from './xstate.js';

/** Bits of physical and linear addresses (leaf 80000008). */
export const PHYSICAL_BITS = 40, LINEAR_BITS = 48;

export interface CpuidResult { eax: number; ebx: number; ecx: number; edx: number; }

const MAX_BASIC = 0xd, MAX_EXTENDED = 0x80000008;
const BRAND = 'Kaiserscope emulated x86-64 CPU';

/** Sets bit n for each entry whose condition holds. */
function bits(entries: readonly (readonly [bit: number, present: boolean])[]): number {
  return entries.reduce((value, [bit, present]) => present ? value | 1 << bit : value, 0);
}

/**
 * CPUID (SDM Vol. 2A): tells what this machine executes and nothing else. There are no caches to describe and no
 * performance counters. A leaf beyond the highest gives the highest basic one, as on Intel's processors.
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
      // Lines of 64 bytes for CLFLUSH.
      ebx: 8 << 8 | count << 16 | id << 24,
      ecx: featureBits(f, 1, 'ecx') | bits([[27 /* OSXSAVE */, (cpu.int(L.CR4) & 1 << 18) !== 0]]),
      edx: featureBits(f, 1, 'edx') | bits([[9, core.apics[id]!.enabled], [28, count > 1 /* HTT */]]),
    };
    case 5: return f.monitor ? { eax: MONITOR_LINE, ebx: MONITOR_LINE, ecx: 3 /* extensions; masked interrupts end MWAIT */, edx: 0x20 /* hints for C1 */ } : none;
    case 7: return subleaf !== 0 ? none : {
      ...none, ebx: featureBits(f, 7, 'ebx'), ecx: featureBits(f, 7, 'ecx') | bits([[4 /* OSPKE */, (cpu.int(L.CR4) & 1 << 22) !== 0]]), edx: featureBits(f, 7, 'edx'),
    };
    case 0xd: return f.xsave ? xsaveLeaf(f, cpu, subleaf) : none;
    case 0xb: return topology(count, id, subleaf);
    case 0x80000000: return { ...none, eax: MAX_EXTENDED };
    case 0x80000001: return {
      ...none,
      ecx: featureBits(f, leaf, 'ecx'),
      // SYSCALL shows in 64-bit code only.
      edx: featureBits(f, leaf, 'edx') & (cpu.int(L.MODE) & CodeMode.Long ? -1 : ~(1 << 11)),
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
