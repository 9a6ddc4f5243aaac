import { checkCpu, checkFlags } from './cpuChecks.js';
import { checkTables } from './tableChecks.js';
import { checkTlb } from './tlbChecks.js';
import type { Ground, Violation, Wanted } from './view.js';

/** What the whole machine breaks of the predicates that its state alone tells. */
export function checkState(ground: Ground, wants: Wanted): Violation[] {
  if (ground.initRoot === undefined || ground.view.guest.state().design === undefined) return [];
  return [
    ...ground.cpus.flatMap(cpu => checkCpu(ground, cpu, wants)),
    ...wants('P17') ? checkFlags(ground) : [],
    ...['P8', 'P9', 'P16'].some(wants) ? checkTables(ground, wants) : [],
    ...['P6', 'P7', 'P10'].some(wants) ? ground.cpus.flatMap(cpu => checkTlb(ground, cpu, wants)) : [],
  ];
}
