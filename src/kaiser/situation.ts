import type { Half } from './cr3.js';
import { type EntryPoint, pathInWords, pointBefore } from './entryPoints.js';
import type { Site } from './sites.js';

/**
 * Where a CPU is on its way between user mode and the kernel, as far as a change of what entry code asks for concerns it.
 *
 * - `user`: in user mode.
 * - `entering`: in entry code, still on the shadow half: its entry has yet to switch.
 * - `kernel`: in the kernel, with no question of this way in open, and none of the way out asked yet.
 * - `leaving`: in exit code behind the question whether to switch: what it does was decided by the old answer.
 */
export interface Situation {
  cpu: number;
  where: 'user' | 'entering' | 'kernel' | 'leaving';
  half: Half;
  rip: bigint;
  /** The way in or out, in words, where the code tells: `SYSRET`. */
  path?: string;
  /** Of `entering`: the question has been asked already, with the old answer. */
  decided: boolean;
  /** The handler that has interrupted all this, at any instruction whatever: `an NMI`. */
  handler?: string;
}

/** What a kernel's entry code consists of. */
export interface EntryCode {
  text: { start: bigint; end: bigint } | undefined;
  points: readonly EntryPoint[];
  sites: readonly Site[];
}

/** Places a CPU by its RIP, CPL and the half that CR3 has. */
export function situationOf(code: EntryCode, cpu: { index: number; rip: bigint; cpl: number; half: Half }): Situation {
  const { rip, half } = cpu;
  const found = (where: Situation['where'], more: Partial<Situation> = {}): Situation => ({ cpu: cpu.index, where, half, rip, decided: false, ...more });
  if (cpu.cpl === 3) return found('user');
  if (!code.text || rip < code.text.start || rip >= code.text.end) return found('kernel');
  const point = pointBefore(code.points, rip);
  const asked = behindSite(code, 'to user', 'exit', rip);
  if (asked) return found('leaving', { path: pathInWords(asked.path) });
  if (half !== 'shadow') return found('kernel');
  // Behind the write that loads it, or in what follows the instruction that leaves, the shadow half is there by right.
  if (point && (point.kind === 'exit' || /^exit_/.test(point.symbol))) return found('leaving', { path: pathInWords(point.path) });
  return found('entering', { decided: behindSite(code, 'to kernel', 'cr3', rip) !== undefined, ...(point ? { path: pathInWords(point.path) } : {}) });
}

/** The first point of a kind behind a site, if RIP is between the two: past the site's first instruction and not past the point's. */
function behindSite(code: EntryCode, site: Site['kind'], kind: EntryPoint['kind'], rip: bigint): EntryPoint | undefined {
  let last: Site | undefined;
  for (const one of code.sites) if (one.kind === site && one.address < rip && (!last || one.address > last.address)) last = one;
  if (!last) return undefined;
  let next: EntryPoint | undefined;
  for (const one of code.points) if (one.kind === kind && one.address > last.address && (!next || one.address < next.address)) next = one;
  return next && rip <= next.address ? next : undefined;
}
