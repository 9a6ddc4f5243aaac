import { checkCr3, SHADOW_BIT } from '../cr3.js';
import { canEnter } from './entryNeeds.js';
import type { Check, CpuView, Ground, Violation, Wanted } from './view.js';

/** Rules about what a CPU has in its registers and where it is. Each is about the CPU that it is given, as it is between two instructions. */

/** P1 and P2: user mode runs on the half that this CPU's exits would choose, while no toggle is under way. */
const userHalf = (wanted: 'shadow' | 'kernel'): Check => (ground, cpu) => {
  if (cpu.cpl !== 3 || ground.view.toggling) return undefined;
  const { flag, design, entryByCr3 } = ground.state(cpu);
  // Where entries believe CR3, a CPU may stay on the shadow half until it next comes into the kernel; nothing waits for it, and it does no harm.
  if (wanted === 'kernel' && entryByCr3 && design !== 'per_process') return undefined;
  if (design === undefined || flag === undefined || (flag !== 0) !== (wanted === 'shadow')) return undefined;
  const { half } = ground.cr3(cpu);
  return half === wanted ? undefined : `runs user code at ${ground.place(cpu.rip)} on the ${half} half, though KAISER is ${flag ? 'on' : 'off'} for it`;
};

/**
 * P3: the value in CR3 is in order by itself. Bits 12 and 11 are written together by every path; where they disagree, each was decided by a
 * look of its own, and the answer changed in between (H21). Of a root that is no pair (H16) bit 12 says nothing.
 */
const cr3Fields: Check = (ground, cpu) => {
  const problems = checkCr3(cpu.cr3, { pcidEnabled: cpu.pcidEnabled, ramSize: ground.view.ramSize });
  if (!problems.length) return undefined;
  const { half, pcid } = ground.cr3(cpu), wanted = ground.view.guest.loadedRoot(cpu.index) ?? 0n;
  const torn = cpu.pcidEnabled && (half === 'shadow') !== ((pcid & 0x800) !== 0) && !(wanted & SHADOW_BIT);
  return { ...(torn ? { hazard: 'H21' } : {}), text: `has 0x${cpu.cr3.toString(16)} in CR3: ${problems.join('; ')}${torn ? '. One look at what is on has decided about the one, and another about the other' : ''}` };
};

/** P4: CR3 names the pair of the address space that the kernel thinks it has loaded. The kernel itself is between the two for a moment. */
const loadedRoot: Check = (ground, cpu) => {
  if (cpu.cpl !== 3) return undefined;
  const root = ground.cr3(cpu).kernelRoot, wanted = ground.view.guest.loadedRoot(cpu.index)!;
  if (root === wanted) return undefined;
  // A value that was kept from earlier leads to a table of this kernel, if only a dead one's (H27); others come from elsewhere.
  const kept = !(wanted & SHADOW_BIT) && ground.text !== undefined && ground.translate(Number(root), ground.text.start) !== undefined;
  return { ...(kept ? { hazard: 'H27' } : {}), text: `has the pair at 0x${root.toString(16)} in CR3 and should have that at 0x${wanted.toString(16)}` };
};

/** P5: kernel code other than entry code runs on the kernel half. */
const kernelHalf: Check = (ground, cpu) =>
  cpu.cpl === 3 || ground.inEntryText(cpu.rip) || ground.cr3(cpu).half !== 'shadow' ? undefined
    : `runs kernel code at ${ground.place(cpu.rip)} on the shadow half`;

/** P11: the flush of the user's PCID that the kernel has asked for has been made. */
const flushDone: Check = (ground, cpu) => {
  if (cpu.cpl !== 3 || !cpu.pcidEnabled) return undefined;
  const { half, pcid } = ground.cr3(cpu);
  if (half !== 'shadow' || !((ground.tlbState(cpu)?.flushMask ?? 0n) >> BigInt(pcid & 0x7ff) & 1n)) return undefined;
  return { hazard: 'H11', text: `is in user mode under PCID 0x${pcid.toString(16)}, whose flush the kernel has asked for and which has not been made` };
};

/**
 * P15: what user mode is about to execute can be fetched, unless neither half has it, which the kernel answers by a page or a
 * signal. The kernel half without the poison says what the process has.
 */
const canFetch: Check = (ground, cpu) => {
  if (cpu.cpl !== 3) return undefined;
  const { half, kernelRoot, root } = ground.cr3(cpu);
  const own = ground.translate(Number(kernelRoot), cpu.rip);
  if (!own?.user || !own.executeBelowTop || half === 'none') return undefined;
  const place = `is to execute user code at ${ground.place(cpu.rip)} on the ${half} half`;
  if (half === 'kernel') return own.execute ? undefined : `${place}, which is poisoned there: it can only fault`;
  const shadow = ground.translate(Number(root), cpu.rip);
  return shadow?.user && shadow.execute ? undefined : { hazard: 'H14', text: `${place}, which does not map it: only the kernel half does` };
};

const checks: readonly (readonly [string, Check])[] = [
  ['P1', userHalf('shadow')], ['P2', userHalf('kernel')], ['P3', cr3Fields], ['P4', loadedRoot], ['P5', kernelHalf], ['P11', flushDone], ['P13', canEnter], ['P15', canFetch],
];

/** What one CPU breaks of P1 to P5, P11, P13 and P15. */
export function checkCpu(ground: Ground, cpu: CpuView, wants: Wanted): Violation[] {
  const found: Violation[] = [];
  for (const [predicate, check] of checks) {
    const broken = wants(predicate) ? check(ground, cpu) : undefined;
    if (broken === undefined) continue;
    const { text, ...hazard } = typeof broken === 'string' ? { text: broken } : broken;
    found.push({ predicate, ...hazard, cpu: cpu.index, text: `CPU ${cpu.index} ${text}` });
  }
  return found;
}

/**
 * P17: between toggles all CPUs that are used find the same, unless the design has a state for each process.
 * @param leftOut the CPUs that were out of use when the last toggle had come to its end: such a CPU was not told of it (H28); why another
 * one finds something else, the state does not tell
 */
export function checkFlags(ground: Ground, leftOut: ReadonlySet<number> = new Set()): Violation[] {
  if (ground.view.toggling) return [];
  const { cpus } = ground, found = (cpu: CpuView): number | undefined => ground.state(cpu).flag;
  const words = (cpu: CpuView): string => (found(cpu) ? 'on' : 'off');
  const first = cpus[0] && ground.state(cpus[0]);
  if (!first || first.design === 'per_process' || cpus.every(cpu => found(cpu) === first.flag)) return [];
  // Who is wrong is who does not find what the last toggle wanted, which is the policy.
  const policy = first.enabled === undefined ? first.flag : Number(first.enabled !== 0);
  const right = cpus.find(cpu => Number(found(cpu) !== 0) === policy) ?? cpus[0]!;
  return cpus.filter(cpu => found(cpu) !== found(right)).map(cpu => ({
    predicate: 'P17', ...(leftOut.has(cpu.index) ? { hazard: 'H28' } : {}), cpu: cpu.index, text: `CPU ${cpu.index} finds KAISER ${words(cpu)}, CPU ${right.index} finds it ${words(right)}`,
  }));
}
