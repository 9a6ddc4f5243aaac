import { readWord } from '../paging/index.js';
import { SHADOW_BIT } from './cr3.js';
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
  if (facts.loadedRoot !== undefined && facts.loadedRoot & SHADOW_BIT && cr3.kernelRoot === (facts.loadedRoot & ~SHADOW_BIT)) {
    return {
      hazard: 'H16', predicate: 'P23', title: 'The PGD is no pair', cause,
      text: `CPU ${cause.cpu} has the root 0x${cr3.root.toString(16)} in CR3, and should have the PGD at 0x${facts.loadedRoot.toString(16)}, which is one page and not the first of a pair: the switch to the kernel half has cleared bit 12 of its address, `
        + `and what is there is no page table (${reason(scene, cr3.root, text.start)}). It has nothing of its kernel half either: the page beside that one belongs to something else.`,
    };
  }
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

/**
 * H27: user mode on the tables of another address space than the one that the kernel has loaded for it. The half that user mode
 * gets is always that of the kernel's own CR3; a value that was kept from earlier need not be.
 */
export function judgeForeignRoot(scene: Scene): Verdict | undefined {
  const { facts } = scene;
  const cause = lastDelivery(facts.exceptions)[0];
  if (!facts.paired || facts.loadedRoot === undefined || cause?.cpl !== 3) return undefined;
  const { kernelRoot, half } = scene.cr3(cause);
  // A root that is no pair (H16) has bit 12 as it comes.
  if (kernelRoot === facts.loadedRoot || facts.loadedRoot & SHADOW_BIT) return undefined;
  return {
    hazard: 'H27', predicate: 'P4', title: 'User mode runs on the tables of another process', cause,
    text: `CPU ${cause.cpu} is in user mode at ${scene.place(cause.rip)} on the ${half} half of the pair at 0x${kernelRoot.toString(16)}, and the address space that it should be in has the pair at `
      + `0x${facts.loadedRoot.toString(16)}. The exit has loaded a CR3 that was kept from earlier, and nobody has brought it up to date when the address space was changed.`,
  };
}

const PRESENT = 1n, USER = 4n, POISON = 1n << 63n;

/** H30: the kernel executes at a low address of its own, by an entry that is not for user mode, and the entry is poisoned. */
export function judgeBootTables(scene: Scene): Verdict | undefined {
  const { facts } = scene;
  const cause = lastDelivery(facts.exceptions)[0];
  if (!cause || cause.vector !== 14 || cause.cpl === 3 || cause.address === undefined || cause.address !== cause.rip || cause.address >> 47n !== 0n) return undefined;
  // Bit 12 of a root that is no pair means nothing.
  const { root } = scene.cr3(cause), slot = Number(cause.address >> 39n);
  const entry = readWord(facts.reader, Number(root) + slot * 8);
  if (entry === undefined || (entry & (PRESENT | USER | POISON)) !== (PRESENT | POISON)) return undefined;
  const reserved = (cause.errorCode ?? 0) & 8;
  return {
    hazard: 'H30', predicate: 'P9', title: 'Tables that are no process\u2019s have been poisoned', cause,
    text: `CPU ${cause.cpu} executes code of the kernel's own at ${scene.place(cause.rip)}, on the tables at 0x${root.toString(16)}, whose slot ${slot} leads there, is not for user mode, and is poisoned all the same: `
      + `bit 63 of the entry ${reserved ? 'is reserved as long as EFER.NXE is 0' : 'forbids execution'}. The poison is for entries with USER only.`,
  };
}
