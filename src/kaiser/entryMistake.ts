import type { ExceptionRecord, Scene, Verdict } from './crash.js';
import type { EntryPath } from './entryPath.js';
import { lastDelivery } from './delivery.js';
import type { PageFaultView } from './pageFault.js';

/**
 * Ways to lose the kernel in its entry code that have a mark of their own: a table of the CPU that the shadow half does not map, a word that
 * is looked at with the wrong GS, and a path that switches more than once.
 */

const PF = 14;
const USER_END = 1n << 47n;
/** An LDT has at most so many bytes: its limit has 16 bits where selectors can reach it (SDM Vol. 3A, 3.4.2). */
const LDT_BYTES = 0x1_0000n;
const GS_PREFIX = 0x65;

/** H19: the CPU needs a descriptor of an LDT that only the kernel half maps, for a segment of user mode. */
export function judgeLdt(scene: Scene, view: PageFaultView): Verdict | undefined {
  const { record, address } = view;
  const base = scene.register('ldtr_base');
  if (!base || address < base || address >= base + LDT_BYTES) return undefined;
  if (view.half !== 'shadow' || !view.kernelAllows || view.shadowAllows || address === record.rip) return undefined;
  const selector = Number(address - base) & ~7 | 7;
  return {
    hazard: 'H19', predicate: 'P13', title: 'The LDT is not mapped in the shadow half', cause: record,
    text: `CPU ${record.cpu} ${record.cpl === 3 ? 'was in user mode' : 'was leaving for user mode'} on the shadow CR3, and to load selector 0x${selector.toString(16)} at ${scene.place(record.rip)} it needed ${scene.place(address)}, `
      + `in the LDT at 0x${base.toString(16)}, which only the kernel half maps. LDTR has been loaded for a kernel without a shadow half; it should lead to a place that both halves have.`,
  };
}

/** H22: entry code has looked at %gs while that was still the user's. */
export function judgeGsLook(scene: Scene): Verdict | undefined {
  const { facts } = scene;
  const cause = lastDelivery(facts.exceptions)[0];
  if (!cause || cause.vector !== PF || cause.cpl === 3 || cause.address === undefined || cause.address >= USER_END || !scene.inEntryText(cause.rip)) return undefined;
  if (facts.symbols?.bytesAt(cause.rip, 1)?.[0] !== GS_PREFIX && !facts.kaiser?.looksBeforeSwapgs) return undefined;
  return {
    hazard: 'H22', predicate: 'P18', title: 'Entry code looked at the user\u2019s GS', cause,
    text: `CPU ${cause.cpu} came in from user mode, and entry code read ${scene.place(cause.address)} at ${scene.place(cause.rip)}: its own word, but through a GS that is still the user's. The look should come after SWAPGS.`,
  };
}

/** What a missed switch is the mark of, where the path or the way in which it asks tells; with a sentence for the story. */
export function namePath(scene: Scene, record: ExceptionRecord, path: EntryPath): { hazard: string; predicate: string; title: string; text: string } | undefined {
  if (path.symbol?.startsWith('exit_espfix_')) {
    return {
      hazard: 'H20', predicate: 'P5', title: 'The espfix path was told not to go back to the kernel half',
      text: ' This way out switches three times: out, back to fill the stack for the IRET, and out again. It found kaiser on at the first, and off at the second; it should have gone by CR3, or asked once for all.',
    };
  }
  if (path.direction !== 'entering' || !scene.facts.kaiser?.looksBeforeSwapgs) return undefined;
  const base = scene.register('kernel_gs_base');
  // Behind SWAPGS the user's base is the one that is put away.
  const user = base !== undefined && base < USER_END ? base : undefined;
  return {
    hazard: 'H22', predicate: 'P18', title: 'User mode has decided that its entry does not switch',
    text: ` Entry code looks at the CPU's word before SWAPGS, so through the user's GS${user === undefined ? '' : `, which points at 0x${user.toString(16)}, memory of CPU ${record.cpu}'s program`}: what it found there said off. The look should come after SWAPGS.`,
  };
}
