import type { Scene, Verdict } from './crash.js';
import { describePageFault, PF_PRESENT, PF_USER } from './errorCode.js';
import type { TornWrite } from './history.js';
import type { PageFaultView } from './pageFault.js';

/**
 * Entries of a PGD that were written by what was no longer so. H9: set_pgd reads the policy and stores what follows from it, and KAISER is
 * switched in between; the walk that puts all entries right has been and gone. H10: the walk itself reads an entry and writes it
 * back with or without the poison, and somebody has changed the entry in between.
 */

/** The level-4 entry that the kernel half has for an address, if it was written so. */
function tornAt(scene: Scene, view: PageFaultView, kind: TornWrite['kind']): TornWrite | undefined {
  const step = view.kernel.steps[0];
  return step && scene.facts.history?.lastTornWrite(step.entryAddress, kind);
}

/** The poison that stopped user code is in an entry which set_pgd has poisoned by a policy that was over (H9). @param found what was found so far, as sentences */
export function judgeTornPolicy(scene: Scene, view: PageFaultView, found: string): Verdict | undefined {
  const { record } = view;
  const torn = scene.facts.kaiser?.enabled === 0 ? tornAt(scene, view, 'policy') : undefined;
  if (!torn) return undefined;
  return {
    hazard: 'H9', predicate: 'P9', title: 'An entry was poisoned by a policy that was over', cause: record,
    text: `${found} set_pgd had read the policy, on, at position ${torn.read}; KAISER was switched off, and the poison was taken out of all entries; then, at position ${torn.written}, CPU ${torn.cpu} stored this entry, poisoned. `
      + 'It should have been stored without: nothing may come between reading the policy and the store that follows from it.',
  };
}

/** User mode misses what the kernel half has, since the walk that poisons has brought back an entry that was cleared (H10). */
export function judgeResurrected(scene: Scene, view: PageFaultView): Verdict | undefined {
  const { record } = view;
  if (!(view.code & PF_USER) || view.code & PF_PRESENT) return undefined;
  const kernel = view.kernel.steps[0], shadow = view.shadow.steps[0];
  const torn = kernel?.present && shadow && !shadow.present ? tornAt(scene, view, 'entry') : undefined;
  if (!kernel || !torn) return undefined;
  return {
    hazard: 'H10', predicate: 'P8', title: 'An entry that was cleared has come back', cause: record,
    text: `CPU ${record.cpu}: ${describePageFault(view.code)}, ${scene.place(view.address)}, at ${scene.place(record.rip)}. The shadow half has no level-4 entry for it any more, the kernel half has 0x${kernel.entry.toString(16)}: `
      + `CPU ${torn.cpu}, on the walk that poisons, had read the entry at position ${torn.read}; it was cleared, and the tables below it freed; by position ${torn.written} the walk had written it back. `
      + 'The kernel now uses tables that belong to nobody, or to somebody else; the walk should have changed the one bit alone.',
  };
}
