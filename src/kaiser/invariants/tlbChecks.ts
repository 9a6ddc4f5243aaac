import type { CpuView, Ground, TlbView, Violation } from './view.js';

/** Rules about what the TLBs hold: the tables may be right while a translation that they do not have any more still works. */

const KERNEL_HALF = 1n << 63n;
const SHADOW_PCID = 0x800;

export function checkTlbs(ground: Ground): Violation[] {
  return ground.cpus.flatMap(cpu => {
    const { flag } = ground.state(cpu);
    const kernel = cpu.tlb().filter(entry => entry.linear & KERNEL_HALF && !ground.mayBeExposed(entry.linear));
    const found: Violation[] = [];
    const report = (predicate: string, entry: TlbView | undefined, text: string, hazard?: string): void => {
      if (entry) found.push({ predicate, ...(hazard ? { hazard } : {}), cpu: cpu.index, text: `CPU ${cpu.index} ${text} ${ground.place(entry.linear)} (${describe(entry)}), which the shadow half does not show` });
    };
    // P6: in user mode no translation works that leads to what is hidden.
    const usable = kernel.find(entry => entry.global || entry.pcid === current(cpu));
    if (cpu.cpl === 3 && flag) report('P6', usable, 'is in user mode and can use a translation of', usable?.global ? 'H13' : undefined);
    // P7: nor is one kept that could.
    if (flag && !ground.view.toggling) report('P7', kernel.find(entry => entry.global), 'keeps a global translation of', 'H13');
    if (cpu.pcidEnabled) report('P7', kernel.find(entry => !entry.global && entry.pcid & SHADOW_PCID), 'keeps a translation under a user PCID of');
    return found;
  });
}

function current(cpu: CpuView): number { return cpu.pcidEnabled ? Number(cpu.cr3 & 0xfffn) : 0; }

function describe(entry: TlbView): string {
  return `${entry.global ? 'global' : `PCID 0x${entry.pcid.toString(16)}`}, frame 0x${entry.frame.toString(16)}`;
}
