import { type CpuView, describeEntry, type Ground, SHADOW_OFFSET, type TlbView, type Violation } from './view.js';

const USER_HALF_END = 1n << 47n;
const SHADOW_PCID = 0x800;

/** What of an entry does not agree with the tables, in words; undefined where nothing does. `executable` says whether a lost right to execute counts. */
export function disagreement(ground: Ground, root: number, entry: TlbView, executable = true): { text: string; lacksExecute: boolean } | undefined {
  const now = ground.translate(root, entry.linear);
  if (!now) return { text: 'the tables have nothing there any more', lacksExecute: false };
  if (now.physical !== entry.frame) return { text: `the tables lead to 0x${now.physical.toString(16)}`, lacksExecute: false };
  const { user, write, execute } = entry.rights;
  const more = [user && !now.user ? 'user mode may not touch it' : '', write && !now.write ? 'it may not be written' : '', executable && execute && !now.execute ? 'it may not be executed' : ''].filter(text => text);
  if (more.length) return { text: `by the tables ${more.join(', ')}`, lacksExecute: false };
  // Fewer rights cost a fault that is answered, but for the right to execute: a fetch that is refused kills the process.
  return executable && !execute && now.execute ? { text: 'by the tables it may be executed', lacksExecute: true } : undefined;
}

/**
 * P10: what the CPUs may use of the address space that `cpu` runs in user mode and that is not as the tables say. Its tables stand still: its
 * one task is in user mode, and has waited for the answers to its shootdowns. Only the walk that poisons can be at work on it, during a
 * toggle; then rights to execute are not compared.
 */
export function staleEntries(ground: Ground, cpu: CpuView): Violation[] {
  const root = Number(ground.cr3(cpu).kernelRoot);
  const mm = ground.mms.find(one => one.kernelRoot === root);
  const found: Violation[] = [];
  // Its own translations first: what another CPU has is for later.
  for (const other of [cpu, ...ground.cpus.filter(one => one.index !== cpu.index)]) {
    const entries = other.tlb();
    if (!entries.length) continue;
    const usable = usablePcids(ground, cpu, other, root, mm);
    const stale = entries.find(entry => {
      const base = entry.global ? (other === cpu ? ground.initRoot : undefined) : usable.get(entry.pcid);
      return base !== undefined && disagreement(ground, base, entry, !ground.view.toggling) !== undefined;
    });
    if (!stale) continue;
    const { text, lacksExecute } = disagreement(ground, stale.global ? ground.initRoot! : usable.get(stale.pcid)!, stale, !ground.view.toggling)!;
    const old = stale.pcid & SHADOW_PCID && stale.linear < USER_HALF_END;
    found.push({
      predicate: 'P10', ...(lacksExecute && !old ? { hazard: other === cpu ? 'H12' : 'H32' } : {}), cpu: other.index,
      text: `CPU ${other.index} can use a translation of ${ground.place(stale.linear)} (${describeEntry(stale)}) that is out of date: ${text}. No flush of it is pending`,
    });
  }
  return found;
}

/** The PCIDs under which a CPU may use translations of an address space, each with the root that they must agree with. What is to be flushed first is not among them. */
function usablePcids(ground: Ground, owner: CpuView, other: CpuView, root: number, mm: Ground['mms'][number] | undefined): Map<number, number> {
  const usable = new Map<number, number>();
  const { kernelRoot, root: loaded, pcid } = ground.cr3(other);
  const isOwner = other.index === owner.index, isLoaded = Number(kernelRoot) === root;
  if (!other.pcidEnabled) {
    // Each write to CR3 has dropped what belonged to another root.
    if (isLoaded && !owesAnswer(ground, other)) usable.set(0, Number(loaded));
    return usable;
  }
  const state = ground.tlbState(other);
  for (const [index, asid] of (state?.asids ?? []).entries()) {
    const kernel = index + 1, isCurrent = isLoaded && (pcid & 0x7ff) === kernel;
    if (!isCurrent && (mm === undefined || asid.context !== mm.context)) continue;
    // Behind in flushes: it catches up before it uses the address space again, or when it answers.
    const behind = mm !== undefined && asid.context === mm.context && asid.generation < mm.generation;
    if (isOwner ? owesAnswer(ground, other) : behind || owesAnswer(ground, other)) continue;
    usable.set(kernel, root);
    const flushed = state!.flushMask >> BigInt(kernel) & 1n;
    if (!flushed && usesUserPcids(ground, other, isOwner)) usable.set(kernel | SHADOW_PCID, root + SHADOW_OFFSET);
  }
  return usable;
}

/** Translations under user PCIDs are in use while KAISER is on; what was left while it was off is for the toggle to drop (P22). */
function usesUserPcids(ground: Ground, cpu: CpuView, isOwner: boolean): boolean {
  const { design, flag } = ground.state(cpu);
  if (isOwner) return ground.cr3(cpu).half === 'shadow';
  return design === 'per_process' || (flag !== 0 && !ground.view.toggling);
}

function owesAnswer(ground: Ground, cpu: CpuView): boolean { return (ground.view.guest.unanswered().shootdown >> cpu.index & 1) !== 0; }
