import { type Ground, KERNEL_SLOT, LDT_SLOT, SHADOW_OFFSET, slotAddress, type Violation } from './view.js';

/** Rules about the pairs of page tables. */

const PRESENT = 1n, USER = 4n, ACCESSED = 0x20n, NX = 1n << 63n;

/** What two halves' entries may differ in: the poison, and what the CPU notes of itself. */
const LOOSE = NX | ACCESSED;

export function checkTables(ground: Ground): Violation[] {
  return ground.roots.flatMap(root => [...checkUserHalf(ground, root), ...checkKernelHalf(ground, root)]);
}

/** P8: each half has the same user entries. P9: those of the kernel half are poisoned exactly while KAISER is on. */
function checkUserHalf(ground: Ground, root: number): Violation[] {
  const found: Violation[] = [];
  const { enabled, design } = ground.view.guest.state();
  // With a state for each process the policy variable is that of the next one.
  const steady = !ground.view.toggling && design !== 'per_process' && design !== 'deferred_poison' && enabled !== undefined;
  for (let slot = 0; slot < KERNEL_SLOT; slot++) {
    const kernel = ground.entry(root, slot), shadow = ground.entry(root + SHADOW_OFFSET, slot);
    if ((kernel & ~LOOSE) !== (shadow & ~LOOSE)) {
      const hole = kernel & PRESENT && !(shadow & PRESENT);
      found.push({ predicate: 'P8', ...(hole ? { hazard: 'H14' } : {}), text: `The halves of the pair at 0x${root.toString(16)} differ in slot ${slot}: 0x${kernel.toString(16)} in the kernel half, 0x${shadow.toString(16)} in the shadow half` });
    } else if (steady && (kernel & (PRESENT | USER)) === (PRESENT | USER) && ((kernel & NX) !== 0n) !== (enabled !== 0) && ground.view.features.noExecute) {
      found.push({ predicate: 'P9', text: `KAISER is ${enabled ? 'on' : 'off'}, but slot ${slot} of the kernel half at 0x${root.toString(16)} is ${enabled ? 'not ' : ''}poisoned` });
    }
  }
  return found;
}

/** P16: the kernel's own slots are the same everywhere, in each half; the LDT is the process's. */
function checkKernelHalf(ground: Ground, root: number): Violation[] {
  const found: Violation[] = [];
  for (let slot = KERNEL_SLOT; slot < 512; slot++) {
    if (slot === LDT_SLOT) continue;
    for (const [half, offset] of [['kernel', 0], ['shadow', SHADOW_OFFSET]] as const) {
      const here = ground.entry(root + offset, slot) & ~ACCESSED, wanted = ground.entry(ground.initRoot! + offset, slot) & ~ACCESSED;
      if (here === wanted) continue;
      found.push({ predicate: 'P16', text: `Slot ${slot} (0x${slotAddress(slot).toString(16)}) of the ${half} half at 0x${(root + offset).toString(16)} is 0x${here.toString(16)}; the kernel's own has 0x${wanted.toString(16)}` });
    }
  }
  return found;
}
