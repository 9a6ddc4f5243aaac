/**
 * CR3 as KAISER uses it (research/kaiser.md 1.1; SDM Vol. 3A, 2.5 and 4.10.4.1). A process has two top-level tables in
 * one 8 KiB block: the kernel half below, the shadow half (what user mode runs on) above, so bit 12 tells them apart.
 * With CR4.PCIDE bits 11:0 are the PCID, whose bit 11 follows bit 12; bit 63 of a value that is written says "do not
 * flush" and reads back as zero.
 */

export type Half = 'kernel' | 'shadow' | 'none';

/** Bit 12 of CR3: set in the shadow half of a pair. */
export const SHADOW_BIT = 0x1000n;
/** Bit 11: set in the PCID that goes with the shadow half. */
export const SHADOW_PCID_BIT = 0x800n;
/** Bit 63 of a value written to CR3 while CR4.PCIDE is set: keep the TLB entries of that PCID. */
export const NO_FLUSH_BIT = 1n << 63n;

export interface Cr3Fields {
  value: bigint;
  /** Physical address of the top-level table in use: bits 51:12. */
  root: bigint;
  /** `none` where the kernel has no pairs: then bit 12 is an address bit like any other. */
  half: Half;
  /** Physical addresses of both halves of the pair; equal to `root` where there are no pairs. */
  kernelRoot: bigint;
  shadowRoot: bigint;
  /** 0 without CR4.PCIDE. */
  pcid: number;
  noFlush: boolean;
  /** For example `shadow CR3 · PCID 0x801`. */
  text: string;
}

export interface Cr3Settings {
  /** CR4.PCIDE. */
  pcidEnabled: boolean;
  /** Whether the kernel keeps its tables in pairs. True unless said otherwise. */
  paired?: boolean;
}

/** Takes a CR3 value apart. */
export function decodeCr3(value: bigint, settings: Cr3Settings): Cr3Fields {
  const root = value & 0x000f_ffff_ffff_f000n;
  const paired = settings.paired ?? true;
  const half: Half = !paired ? 'none' : (value & SHADOW_BIT) !== 0n ? 'shadow' : 'kernel';
  const pcid = settings.pcidEnabled ? Number(value & 0xfffn) : 0;
  const name = half === 'none' ? `CR3 0x${root.toString(16)}` : `${half} CR3`;
  return {
    value, root, half, pcid,
    kernelRoot: paired ? root & ~SHADOW_BIT : root,
    shadowRoot: paired ? root | SHADOW_BIT : root,
    noFlush: settings.pcidEnabled && (value & NO_FLUSH_BIT) !== 0n,
    text: settings.pcidEnabled ? `${name} · PCID 0x${pcid.toString(16)}` : name,
  };
}

/**
 * What is wrong with a CR3 value of a kernel with pairs, in words; empty when nothing is (predicate P3, and P23 as far
 * as the value alone tells).
 * @param ramSize bytes of RAM, to which the root must belong
 */
export function checkCr3(value: bigint, settings: Cr3Settings & { ramSize: number }): string[] {
  const { root, half, pcid } = decodeCr3(value, settings);
  const problems: string[] = [];
  if (root + 0x1000n > BigInt(settings.ramSize)) problems.push(`the root 0x${root.toString(16)} is outside RAM`);
  if (!settings.pcidEnabled) {
    if ((value & 0xfffn) !== 0n) problems.push(`bits 11 to 0 are 0x${(value & 0xfffn).toString(16)}, but PCIDs are off`);
    if (value & NO_FLUSH_BIT) problems.push('bit 63 is set, but PCIDs are off');
  } else if (half !== 'none' && (half === 'shadow') !== ((pcid & 0x800) !== 0)) {
    problems.push(`bit 12 says the ${half} half, but PCID 0x${pcid.toString(16)} is that of the ${half === 'shadow' ? 'kernel' : 'shadow'} half`);
  }
  return problems;
}
