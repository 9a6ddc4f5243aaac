import type { Scene, Verdict } from './crash.js';
import type { PageFaultView } from './pageFault.js';

/**
 * Poison that is still there when it should be gone: in a table that the walk has not come by (H15), or in the TLB of a CPU that was not told (H32).
 */

/** @param found what was found so far, as sentences */
export function judgeUnlisted(scene: Scene, view: PageFaultView, found: string): Verdict | undefined {
  const { record } = view;
  const { history, kaiser } = scene.facts;
  const walk = history?.poison.lastWalk, root = Number(scene.cr3(record).kernelRoot);
  const stored = history?.poison.lastStore(root);
  if (kaiser?.enabled !== 0 || !walk || walk.poison || walk.roots.has(root) || !stored || stored.position > walk.position) return undefined;
  return {
    hazard: 'H15', predicate: 'P9', title: 'The walk that took the poison out has missed a table', cause: record,
    text: `${found} CPU ${stored.cpu} had filled this table by the policy of its time, on, at position ${stored.position}. At position ${walk.position} CPU ${walk.cpu} took the poison out of every table on the list, and this one was not on it yet: `
      + 'a copy that is being made. A table should be on the list before it has its first entry.',
  };
}

/** The table is in order by now, and the CPU has refused by what it held from before: was that a matter of one table alone? */
export function judgeUntold(scene: Scene, view: PageFaultView): Verdict | undefined {
  const { record } = view;
  const poison = scene.facts.history?.poison;
  const step = poison?.lastStep(Number(scene.cr3(record).kernelRoot));
  if (!step || step.poison || step.cpu === record.cpu || (poison?.lastWalk && poison.lastWalk.position > step.position)) return undefined;
  return {
    hazard: 'H32', predicate: 'P10', title: 'Stale poison: one CPU has taken it out, another was not told', cause: record,
    text: `CPU ${record.cpu}: user code ran on the kernel CR3 at ${scene.place(record.rip)} and was refused, but the table allows it now. CPU ${step.cpu} had taken the poison out of this one table at position ${step.position}, `
      + `on the task's way to user mode, and CPU ${record.cpu} has kept the poisoned entry from before, under the PCID that it still has for this address space. Every CPU that may have it should be flushed before the task goes on.`,
  };
}
