import { type InvariantPart, predicateById } from './predicates.js';
import { checkState } from './state.js';
import { Ground, type MachineView, type Violation, type Wanted } from './view.js';

export type { CpuView, MachineView, TlbView, Violation, Wanted } from './view.js';
export { type InvariantPart, invariantParts, type Predicate, predicateById, predicates } from './predicates.js';
export { InvariantWatch, LIVENESS_STEPS } from './watch.js';

/**
 * Checks on demand what must hold of a machine with KAISER between any two instructions, as far as its state alone tells: all predicates of the
 * parts cpus, tables and tlbs, and P17. Empty while all hold.
 * @param which parts, or predicates one by one; all unless said otherwise
 */
export function checkInvariants(view: MachineView, which: readonly InvariantPart[] | Wanted = ['cpus', 'tables', 'tlbs', 'toggles']): Violation[] {
  return checkState(new Ground(view), typeof which === 'function' ? which : predicate => which.includes(predicateById(predicate)!.part));
}
