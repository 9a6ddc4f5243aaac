/**
 * The places in the guest's entry code that ask whether KAISER is on (guest/kaiser/sites.h). How one asks is read from its bytes, as
 * they are in memory now: designs patch them, at boot or at run time.
 */
export interface Site {
  address: bigint;
  kind: 'to kernel' | 'to user' | 'save' | 'restore' | 'cr3';
  /** What it does: tests the flag, tests the CPU's word, has that tested before SWAPGS has made GS the kernel's, switches or skips by itself, believes CR3, traps because it is being patched. */
  form: 'flag' | 'cpu word' | 'user GS' | 'switches' | 'skips' | 'by CR3' | 'ignores CR3' | 'trap' | 'unknown';
}

const KINDS: readonly Site['kind'][] = ['to kernel', 'to user', 'save', 'restore', 'cr3'];

/** Bytes of one entry of the guest's table: address, where it skips to, kind, length. */
export const SITE_ENTRY_SIZE = 24;
/** Bytes that tell the form. */
export const SITE_BYTES = 5;

/** The kind of a site by the number that the guest gives it; undefined for one that this debugger does not know. */
export function siteKind(number: number): Site['kind'] | undefined { return KINDS[number]; }

/** How a site asks, by its first SITE_BYTES bytes. */
export function siteForm(kind: Site['kind'], bytes: Uint8Array): Site['form'] {
  const starts = (...wanted: number[]): boolean => wanted.every((byte, i) => bytes[i] === byte);
  if (starts(0xcc)) return 'trap';
  if (kind === 'cr3') return (bytes[0]! & 0xfe) === 0x48 && starts(bytes[0]!, 0x0f, 0xba) ? 'by CR3' : starts(0x0f, 0x1f) ? 'ignores CR3' : 'unknown';
  if (starts(0xf6, 0x05)) return 'flag';
  if (starts(0x65, 0xf6)) return 'cpu word';
  // The test begins three bytes before the site, where SWAPGS stood: what follows is the rest of `testb $1, %gs:disp32` (guest/kaiser/sites.c).
  if (kind === 'to kernel' && starts(0x25)) return 'user GS';
  if (starts(0x0f, 0x1f)) return 'switches';
  return starts(0xe9) ? 'skips' : 'unknown';
}

/** What a form comes to, given what the flag and the CPU's word are; undefined while that cannot be said. */
export function siteAnswer(form: Site['form'], flag: number | undefined, cpuWord: number | undefined): number | undefined {
  switch (form) {
    case 'flag': return flag;
    case 'cpu word': return cpuWord;
    case 'switches': return 1;
    case 'skips': return 0;
    default: return undefined;
  }
}

/** A site is at most so many bytes in front of the write to CR3 that it decides about. */
const REACH = 96n;

/**
 * How the code in front of a write to CR3 decides whether to make it; undefined for one that belongs to no site. The last site in front
 * of it counts, but for a look at CR3 that is patched away.
 */
export function siteBefore(sites: readonly Site[], address: bigint): Site['form'] | undefined {
  let best: Site | undefined;
  for (const site of sites) {
    if (site.form === 'ignores CR3' || site.address > address || address - site.address > REACH) continue;
    if (!best || site.address > best.address) best = site;
  }
  // Paranoid entries have another question in front of theirs, which a design may answer for good.
  return best?.kind === 'save' || best?.kind === 'restore' ? undefined : best?.form;
}
