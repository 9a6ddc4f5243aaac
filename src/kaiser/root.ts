import { readWord } from '../paging/index.js';
import type { Scene, Verdict } from './crash.js';
import { entryText } from './entryPoints.js';
import { lastDelivery } from './delivery.js';
import { unsavedCr3 } from './transition.js';

/** Bits 51:12 of an entry: where it leads. */
const ADDRESS = 0x000f_ffff_ffff_f000n;

/**
 * Whether CR3 names a page table of this kernel at all. Both halves of every pair map the entry text, or no entry and no
 * exit could be survived; a root that does not is a wrong one.
 */
export function judgeRoot(scene: Scene): Verdict | undefined {
  const { facts } = scene;
  const text = facts.symbols && facts.paired ? entryText(facts.symbols) : undefined;
  const cause = lastDelivery(facts.exceptions)[0];
  if (!text || !cause) return undefined;
  const cr3 = scene.cr3(cause);
  const reaches = (root: bigint): boolean => scene.walk(root, text.start).result.kind === 'mapped';
  if (reaches(cr3.root)) return undefined;
  const at = `CPU ${cause.cpu} has the root 0x${cr3.root.toString(16)} in CR3`;
  if (cr3.half === 'shadow' && reaches(cr3.kernelRoot)) {
    const mirrored = sharesUserTables(scene, cr3.kernelRoot, cr3.shadowRoot);
    return {
      hazard: mirrored ? 'H14' : 'H16', predicate: mirrored ? 'P16' : 'P23', title: mirrored ? 'The shadow half lacks the entry text' : 'The shadow half is no page table', cause,
      text: `${at}, the shadow half of its pair, which does not map the entry text: ${reason(scene, cr3.root, text.start)}. `
        + (mirrored ? 'The instruction behind the switch cannot be fetched.' : 'It has nothing of its kernel half either: the page beside that one belongs to something else.'),
    };
  }
  const unsaved = unsavedCr3(scene, cause.cpu);
  return {
    hazard: unsaved?.hazard ?? 'H6', predicate: 'P23', title: 'CR3 names no page table of this kernel', cause,
    text: `${at}, which is no page table of this kernel: it does not map even the entry text (${reason(scene, cr3.root, text.start)}). `
      + (unsaved?.text ?? 'So it is when a path restores a CR3 that it never saved: the flag was off on its way in and on on its way out.'),
  };
}

function reason(scene: Scene, root: bigint, address: bigint): string {
  const { result } = scene.walk(root, address);
  return result.kind === 'mapped' ? 'it is mapped' : result.text;
}

/** Whether any entry of the user half leads from both roots to the same table. */
function sharesUserTables(scene: Scene, kernelRoot: bigint, shadowRoot: bigint): boolean {
  const { reader } = scene.facts;
  for (let index = 0; index < 256; index++) {
    const kernel = readWord(reader, Number(kernelRoot) + index * 8);
    const shadow = readWord(reader, Number(shadowRoot) + index * 8);
    if (kernel === undefined || shadow === undefined) return false;
    if (kernel & 1n && shadow & 1n && (kernel & ADDRESS) === (shadow & ADDRESS)) return true;
  }
  return false;
}
