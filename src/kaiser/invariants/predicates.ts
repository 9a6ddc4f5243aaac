/**
 * What a predicate is about, which is also what it costs: a few registers of a CPU; the top level of its pair of tables; its TLB; how a CPU came into the kernel
 * and leaves it; a toggle from its beginning to its end; an exception, which is judged when it is raised.
 */
export type InvariantPart = 'cpus' | 'tables' | 'tlbs' | 'paths' | 'toggles' | 'exceptions';

export const invariantParts: readonly InvariantPart[] = ['cpus', 'tables', 'tlbs', 'paths', 'toggles', 'exceptions'];

export interface Predicate {
  id: string;
  part: InvariantPart;
  /** What holds, in one sentence. */
  rule: string;
  /** Where it is looked at when checks run at entries and exits. */
  at: string;
  /** What stands in the way of checking it always, and how it is decided. */
  note?: string;
}

/** P1 to P24, in their order: what must hold of a machine with KAISER. `npx vitest run test/kaiser/invariants -u` writes docs/invariants.md from it. */
export const predicates: readonly Predicate[] = [
  { id: 'P1', part: 'cpus', rule: 'While KAISER is on for a CPU, user mode runs on the shadow half.', at: 'entries, exits', note: 'Not while a toggle is under way.' },
  { id: 'P2', part: 'cpus', rule: 'While KAISER is off for a CPU, user mode runs on the kernel half.', at: 'entries, exits', note: 'Not while a toggle is under way, nor where entries believe CR3: such a CPU may stay on the shadow half until it next comes into the kernel.' },
  { id: 'P3', part: 'cpus', rule: 'CR3 is in order by itself: bits 11 and 12 agree, without PCIDs bits 11 to 0 are clear, the root is in RAM.', at: 'entries, CR3 writes, exits' },
  { id: 'P4', part: 'cpus', rule: 'In user mode CR3 names the pair of the address space that the kernel has loaded.', at: 'entries, exits', note: 'The kernel itself is between the two for a moment when it changes address spaces.' },
  { id: 'P5', part: 'cpus', rule: 'Kernel code outside the entry text runs on the kernel half.', at: 'entries, exits', note: 'At an entry: the code that was interrupted. At a return: the code that is returned to.' },
  { id: 'P6', part: 'tlbs', rule: 'While KAISER is on, user mode can use no translation of a kernel page that the shadow half hides.', at: 'exits', note: 'While a toggle is under way, not for who is on the kernel half.' },
  { id: 'P7', part: 'tlbs', rule: 'While KAISER is on no such translation is global, and none is ever kept under a user PCID.', at: 'exits', note: 'Global ones: not while a toggle is under way.' },
  { id: 'P8', part: 'tables', rule: 'Both halves of a pair have the same user entries, but for the poison and the accessed bit.', at: 'exits', note: 'A pair that is loaded in user mode is settled, as a process has one thread; others are looked at while no CPU is in the kernel with interrupts off, where set_pgd stores the two.' },
  { id: 'P9', part: 'tables', rule: 'User entries of the kernel half are poisoned while KAISER is on, and are not while it is off.', at: 'exits', note: 'Not while a toggle is under way. Designs that defer the poison, or have a state for each process: only the pairs of CPUs in user mode.' },
  { id: 'P10', part: 'tlbs', rule: 'Every translation that a CPU may use agrees with the tables: the same frame, no right more, and no right to execute less; or its flush is pending.', at: 'exits',
    note: 'Of address spaces that are in user mode on some CPU: their tables do not change, since a process has one thread and it waits for its shootdowns. Pending is what the bit in the user flush mask, a generation that lags behind, or an unanswered shootdown says. A PCID whose address space has gone cannot be used again without a flush (switch_mm).' },
  { id: 'P11', part: 'cpus', rule: 'When a CPU goes to user mode on the shadow half, no flush of its PCID is left to be done.', at: 'exits' },
  { id: 'P12', part: 'paths', rule: 'The frame of an event that comes from user mode lies on the entry stack or an IST stack of its CPU.', at: 'entries by a gate' },
  { id: 'P13', part: 'cpus', rule: 'In user mode all that the next event needs translates: IDT, GDT, TSS, LDT, the stacks of the TSS, the targets of SYSCALL, SYSENTER and every gate.', at: 'exits' },
  { id: 'P14', part: 'paths', rule: 'A paranoid entry leaves with the CR3 with which it came: what is restored is what was saved.', at: 'paranoid entries, CR3 writes, exits' },
  { id: 'P15', part: 'cpus', rule: 'Where user mode goes on can be fetched, or is mapped in neither half.', at: 'exits' },
  { id: 'P16', part: 'tables', rule: 'The kernel’s slots of every pair are those of the kernel’s own pair, half by half, but for the LDT’s.', at: 'exits' },
  { id: 'P17', part: 'toggles', rule: 'Between toggles all CPUs find the same when they ask whether KAISER is on.', at: 'entries, exits', note: 'Not for a design with a state for each process, nor for CPUs that are out of use.' },
  { id: 'P18', part: 'cpus', rule: 'A CPU’s own word is read with the kernel’s GS.', at: 'the sites of entry code that ask it' },
  { id: 'P19', part: 'exceptions', rule: 'No exception repeats without end.', at: 'exceptions' },
  { id: 'P20', part: 'exceptions', rule: 'Kernel code does not miss a kernel page because the shadow half is loaded.', at: 'exceptions' },
  { id: 'P21', part: 'exceptions', rule: 'User code does not run into the poison.', at: 'exceptions' },
  { id: 'P22', part: 'toggles', rule: 'After KAISER was switched on, no CPU goes to user mode with a translation under its user PCID that is older than that and wrong.', at: 'the first exit with each PCID', note: 'Not for a design with a state for each process.' },
  { id: 'P23', part: 'paths', rule: 'What is written to CR3 has no reserved bits and names half of a pair that the kernel has.', at: 'CR3 writes of entry code, exceptions' },
  { id: 'P24', part: 'toggles', rule: 'A toggle comes to its end.', at: 'a number of steps after its beginning' },
];

/** A predicate by its name; undefined for a name that is none. */
export function predicateById(id: string): Predicate | undefined { return predicates.find(one => one.id === id); }
