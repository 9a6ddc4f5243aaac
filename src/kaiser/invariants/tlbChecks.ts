import { staleEntries } from './coherence.js';
import { type CpuView, describeEntry, type Ground, type TlbView, type Violation, type Wanted } from './view.js';

/** Rules about what the TLBs hold: the tables may be right while a translation that they do not have any more still works. */

const KERNEL_HALF = 1n << 63n;
const SHADOW_PCID = 0x800;

/** What one CPU's TLB breaks of P6 and P7, and if the CPU is in user mode, what any TLB has of its address space that breaks P10. */
export function checkTlb(ground: Ground, cpu: CpuView, wants: Wanted): Violation[] {
  const found: Violation[] = [];
  if (wants('P6') || wants('P7')) {
    const { flag } = ground.state(cpu);
    const kernel = cpu.tlb().filter(entry => entry.linear & KERNEL_HALF && !ground.mayBeExposed(entry.linear));
    const report = (predicate: string, entry: TlbView | undefined, text: string, hazard?: string): void => {
      if (!entry || !wants(predicate)) return;
      found.push({ predicate, ...(hazard ? { hazard } : {}), cpu: cpu.index, text: `CPU ${cpu.index} ${text} ${ground.place(entry.linear)} (${describeEntry(entry)}), which the shadow half does not show` });
    };
    // P6: in user mode no translation works that leads to what is hidden. A CPU that nobody has stopped may be on the kernel half while a toggle
    // is under way, which P1 allows it; then it has those of the kernel's PCID.
    const between = ground.view.toggling && ground.cr3(cpu).half === 'kernel';
    const usable = kernel.find(entry => entry.global || !between && entry.pcid === current(cpu));
    if (cpu.cpl === 3 && flag) report('P6', usable, 'is in user mode and can use a translation of', usable?.global ? 'H13' : undefined);
    // P7: nor is one kept that could.
    if (flag && !ground.view.toggling) report('P7', kernel.find(entry => entry.global), 'keeps a global translation of', 'H13');
    if (cpu.pcidEnabled) report('P7', kernel.find(entry => !entry.global && entry.pcid & SHADOW_PCID), 'keeps a translation under a user PCID of');
  }
  return wants('P10') && cpu.cpl === 3 ? [...found, ...staleEntries(ground, cpu)] : found;
}

function current(cpu: CpuView): number { return cpu.pcidEnabled ? Number(cpu.cr3 & 0xfffn) : 0; }
