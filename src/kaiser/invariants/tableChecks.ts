import { type CpuView, type Ground, KERNEL_SLOT, LDT_SLOT, SHADOW_OFFSET, slotAddress, type Violation, type Wanted } from './view.js';

/** Rules about the pairs of page tables. */

const PRESENT = 1, USER = 4, ACCESSED = 0x20, NX_HIGH = 0x8000_0000, INTERRUPTS = 0x200n;

/** All pairs that can be judged now. */
export function checkTables(ground: Ground, wants: Wanted): Violation[] {
  const busy = ground.cpus.some(cpu => cpu.cpl !== 3 && !((cpu.register('rflags') ?? 0n) & INTERRUPTS));
  const user = new Map(ground.cpus.filter(cpu => cpu.cpl === 3).map(cpu => [Number(ground.cr3(cpu).kernelRoot), cpu]));
  return ground.roots.flatMap(root => {
    const owner = user.get(root);
    // set_pgd stores into one half after the other, with interrupts off.
    return owner || !busy ? checkPair(ground, root, owner, wants) : [];
  });
}

/**
 * One pair.
 * @param owner the CPU that has it loaded in user mode: then nobody is changing it, and the poison is as this CPU needs it
 */
export function checkPair(ground: Ground, root: number, owner: CpuView | undefined, wants: Wanted): Violation[] {
  const kernel = ground.view.reader.page(root), shadow = ground.view.reader.page(root + SHADOW_OFFSET);
  if (!kernel || !shadow || root === ground.initRoot) return [];
  const { text } = ground;
  if (text && !ground.translate(root + SHADOW_OFFSET, text.start) && ground.translate(root, text.start) && !sharesTables(kernel, shadow)) {
    return wants('P16') ? [{ predicate: 'P16', hazard: 'H16', text: `The page at 0x${(root + SHADOW_OFFSET).toString(16)}, beside the kernel half, is no shadow half: it maps neither the entry text nor anything that the kernel half has for user mode` }] : [];
  }
  return [
    ...wants('P8') || wants('P9') ? checkUserHalf(ground, root, kernel, shadow, owner, wants) : [],
    ...wants('P16') ? checkKernelHalf(ground, root, kernel, shadow) : [],
  ];
}

/** P8: each half has the same user entries. P9: those of the kernel half are poisoned exactly while KAISER is on. */
function checkUserHalf(ground: Ground, root: number, kernel: Uint32Array, shadow: Uint32Array, owner: CpuView | undefined, wants: Wanted): Violation[] {
  const found: Violation[] = [];
  const poison = ground.view.toggling || !ground.view.features.noExecute || !wants('P9') ? undefined : wantedPoison(ground, owner);
  for (let slot = 0; slot < KERNEL_SLOT; slot++) {
    const low = kernel[slot * 2]!, high = kernel[slot * 2 + 1]!, shadowLow = shadow[slot * 2]!;
    if (low === 0 && shadowLow === 0) continue;
    // What the halves may differ in: the poison, and what the CPU notes of itself.
    if (((low ^ shadowLow) & ~ACCESSED) !== 0 || ((high ^ shadow[slot * 2 + 1]!) & ~NX_HIGH) !== 0) {
      const hole = owner && low & PRESENT && !(shadowLow & PRESENT);
      if (wants('P8')) found.push({ predicate: 'P8', ...(hole ? { hazard: 'H14' } : {}), text: `The halves of the pair at 0x${root.toString(16)} differ in slot ${slot}: ${entry(kernel, slot)} in the kernel half, ${entry(shadow, slot)} in the shadow half` });
    } else if (poison !== undefined && (low & (PRESENT | USER)) === (PRESENT | USER) && ((high & NX_HIGH) !== 0) !== poison) {
      found.push({ predicate: 'P9', text: `KAISER is ${poison ? 'on' : 'off'}, but slot ${slot} of the kernel half at 0x${root.toString(16)} is ${poison ? 'not ' : ''}poisoned` });
    }
  }
  return found;
}

/** Whether any entry is the same in both pages, but for the poison. */
function sharesTables(kernel: Uint32Array, shadow: Uint32Array): boolean {
  for (let slot = 0; slot < 512; slot++) if (kernel[slot * 2]! & PRESENT && ((kernel[slot * 2]! ^ shadow[slot * 2]!) & ~ACCESSED) === 0) return true;
  return false;
}

/** Whether the user entries of a pair are to be poisoned; undefined where that cannot be said. */
function wantedPoison(ground: Ground, owner: CpuView | undefined): boolean | undefined {
  const { design, enabled, flag } = owner ? ground.state(owner) : ground.view.guest.state();
  // With a state for each process the policy variable is that of the next one; deferred poison comes with the next way to user mode.
  if (design === 'per_process') return owner && flag !== undefined ? flag !== 0 : undefined;
  if (design === undefined || enabled === undefined || (design === 'deferred_poison' && !owner)) return undefined;
  return enabled !== 0;
}

/** P16: the kernel's own slots are the same everywhere, in each half; the LDT is the process's. */
function checkKernelHalf(ground: Ground, root: number, kernel: Uint32Array, shadow: Uint32Array): Violation[] {
  const found: Violation[] = [];
  const { reader } = ground.view;
  for (const [half, here, offset] of [['kernel', kernel, 0], ['shadow', shadow, SHADOW_OFFSET]] as const) {
    const wanted = reader.page(ground.initRoot! + offset);
    for (let slot = KERNEL_SLOT; wanted && slot < 512; slot++) {
      if (slot === LDT_SLOT || (((here[slot * 2]! ^ wanted[slot * 2]!) & ~ACCESSED) === 0 && here[slot * 2 + 1] === wanted[slot * 2 + 1])) continue;
      found.push({ predicate: 'P16', text: `Slot ${slot} (0x${slotAddress(slot).toString(16)}) of the ${half} half at 0x${(root + offset).toString(16)} is ${entry(here, slot)}; the kernel's own has ${entry(wanted, slot)}` });
    }
  }
  return found;
}

function entry(page: Uint32Array, slot: number): string {
  return `0x${(BigInt(page[slot * 2 + 1]!) << 32n | BigInt(page[slot * 2]!)).toString(16)}`;
}
