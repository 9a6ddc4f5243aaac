import type { ExceptionRecord, Scene } from './crash.js';

/** What a verdict is called, in place of what it would be by itself, with a sentence for its story. */
export interface Naming { hazard: string; predicate: string; title: string; text: string }

/**
 * Hazards of who switches, not of when. The policy, which C code reads, and the word, which entry code reads, are the two halves of one state,
 * and only a toggle may have them differ. H29: two toggles ran at the same time, each with its half. H31: the word was written by the debugger.
 * H26: the last toggle has set the word, and it has been put back to what it was, with a task that had been put to sleep before. H28: it has set
 * the words of other CPUs only.
 */
export function nameToggling(scene: Scene, record: ExceptionRecord): Naming | undefined {
  const { history, kaiser, toggling } = scene.facts;
  const { enabled, flag, design } = kaiser ?? {};
  // With a state for each process the policy is that of the next one, and every switch of tasks writes the word.
  if (!history || enabled === undefined || flag === undefined || (enabled !== 0) === (flag !== 0) || design === 'per_process') return undefined;
  const split = ` The policy says ${enabled ? 'on' : 'off'}, and the word that entry code tests says ${flag ? 'on' : 'off'}`;
  const { overlap } = history.toggles;
  if (overlap) {
    const [first, second] = overlap;
    const words = (to: number): string => (to ? 'on' : 'off');
    return {
      hazard: 'H29', predicate: 'P17', title: 'Two toggles at the same time',
      text: `${split}. CPU ${first.cpu} began to switch ${words(first.to)} at position ${first.position}, and before that had come to its end, CPU ${second.cpu} began to switch ${words(second.to)} at position ${second.position}: `
        + 'each undid a part of what the other had done. Toggles should be one at a time.',
    };
  }
  const flip = history.lastFlip(record.cpu, record.position + 1);
  if (toggling !== undefined) return undefined;
  const newest = history.newestFlip;
  if (kaiser?.asks === 'cpu word' && newest?.only !== undefined && newest.to !== flag && (flip?.to ?? flag) === flag) {
    return {
      hazard: 'H28', predicate: 'P17', title: 'A CPU was not told of the toggle',
      text: `${split}: the toggle at position ${newest.position} has set the words of other CPUs, and not that of CPU ${record.cpu}, which was out of use then. Every CPU that could ever run should be told.`,
    };
  }
  if (!flip) return undefined;
  if (flip.byHand && flip.to === flag) {
    return {
      hazard: 'H31', predicate: 'P17', title: 'The flag was written by hand',
      text: `${split}, though no toggle is under way: the debugger wrote it at position ${flip.position}, and nothing else. A toggle is more than that word: the poison, the translations, and the moment at which no CPU is between the two.`,
    };
  }
  if (kaiser?.asks !== 'cpu word' || flip.only === undefined || flip.to === flag) return undefined;
  return {
    hazard: 'H26', predicate: 'P17', title: 'An old decision has come back with a task',
    text: `${split}, though the toggle at position ${flip.position} had set it ${flip.to ? 'on' : 'off'} for CPU ${record.cpu}. It has been put back since: what user mode gets was kept with the task from before. It should be decided on the way out.`,
  };
}
