import { checkCpus } from './cpuChecks.js';
import { checkTables } from './tableChecks.js';
import { checkTlbs } from './tlbChecks.js';
import { Ground, type MachineView, type Violation } from './view.js';

export type { CpuView, MachineView, TlbView, Violation } from './view.js';

/** Which rules: about CPUs (cheap), page tables, TLBs. */
export type InvariantPart = 'cpus' | 'tables' | 'tlbs';

/**
 * Checks what must hold of a machine with KAISER between any two instructions, from its state alone (research/kaiser.md, section 6): P1 to
 * P9, P13, P16, P17. Empty while all do. Costs about as much as reading all PGDs and TLBs.
 * @param parts which rules; all unless said otherwise
 */
export function checkInvariants(view: MachineView, parts: readonly InvariantPart[] = ['cpus', 'tables', 'tlbs']): Violation[] {
  const ground = new Ground(view);
  if (ground.initRoot === undefined || view.guest.state().design === undefined) return [];
  return [
    ...parts.includes('cpus') ? checkCpus(ground) : [],
    ...parts.includes('tables') ? checkTables(ground) : [],
    ...parts.includes('tlbs') ? checkTlbs(ground) : [],
  ];
}
