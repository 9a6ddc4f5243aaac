import type { InvariantPart, Predicate } from '../kaiser/index.js';
import { LIVENESS_STEPS, predicates } from '../kaiser/index.js';

/** What each part is about, and what its rules cost: by how many times the busy guest became slower (bench/invariants.ts). */
interface PartCost { part: InvariantPart | 'all'; about: string; entries: string; instructions: string }

const partNames: Record<InvariantPart, string> = {
  cpus: 'CPU', tables: 'tables', tlbs: 'TLB', paths: 'path', toggles: 'toggle', exceptions: 'exception',
};

/** What `npm run bench` gave, on two cores that were busy with other work: the order of magnitude is what counts. */
const costs: readonly PartCost[] = [
  { part: 'all', about: '', entries: '27', instructions: '5,200' },
  { part: 'cpus', about: 'registers, and what an entry needs to be mapped', entries: '14', instructions: '2,400' },
  { part: 'tables', about: 'the top level of the pair that is loaded', entries: '9', instructions: '2,200' },
  { part: 'tlbs', about: 'all that the CPU’s TLB holds, and for P10 what every TLB does', entries: '36', instructions: '3,900' },
  { part: 'paths', about: 'frames and values of CR3', entries: '7', instructions: '1,500' },
  { part: 'toggles', about: 'flags of all CPUs', entries: '10', instructions: '2,100' },
];

/** docs/invariants.md, from the table of predicates and the figures that the benchmark has given. */
export function invariantsDocument(): string {
  const row = ({ id, part, rule, at, note }: Predicate): string => `| ${id} | ${partNames[part]} | ${rule} | ${at} | ${note ?? ''} |`;
  return `# Rules of KAISER

P1 to P24 are what must hold of a machine with KAISER, between any two instructions or at certain ones. \`src/kaiser/invariants\` checks them; the
table below is written from \`predicates.ts\` there (\`npx vitest run test/cli/invariants -u\`). A broken rule is told with the CPU, what was
found and what should be, and with the hazard (H1 to H32, [hazards.md](hazards.md)) where the state alone tells which it is. A check changes nothing of a
machine's course: positions and state hashes are those of a run without it.

## When they are checked

| | how |
|---|---|
| at entries and exits | \`kaiserscope run --check entries\`; in the editor the exception filter **KAISER Invariant Broken**; a scenario with \`"check": { "rate": "entries" }\`. A CPU is looked at before the first instruction of each entry, each MOV to CR3 of entry code and each SYSRET, SYSEXIT and IRET: at an entry as the code that it has interrupted, at an exit as the code that it goes to. When a toggle ends, the whole machine is. |
| at instructions | \`--check instructions\`, or the launch attribute \`checkInvariants\`: after every instruction and event of any CPU that CPU as well, wherever it stands. |
| on demand | \`checkInvariants\` of \`src/kaiser\`: the whole machine, as far as its state tells: the rules of CPUs, tables and TLBs, and P17. A scenario's \`"every": 5000\` asks so. |
| off | Nothing is installed: no probe, no steps. |

\`--rules\`, the filter's condition and a scenario's \`rules\` or \`parts\` choose predicates; those that are not chosen cost nothing.

## What they are

| | about | rule | looked at | |
|---|---|---|---|---|
${predicates.map(row).join('\n')}

P19 to P21 and P23 are verdicts as well: \`judge\` (\`src/kaiser/verdict.ts\`) finds them in the exceptions that follow. P24 allows a toggle ${LIVENESS_STEPS / 1e6} million steps for each
CPU, and ends sooner when it sees that CPUs wait for each other: one that is stopped with interrupts off and owes an answer to a call.

The entry text is the code in which CR3 may have either half (P5). ALLOWED, the kernel pages that the shadow half is meant to show (P6, P7), is what the kernel's own
shadow half maps, which nothing changes after the boot, and the slot of a process's LDT.

## What they cost

By how many times the guest becomes slower, two CPUs with programs that enter the kernel all the time, forks, page faults and toggles; processor time for a step against the same machine
running free in between (\`npm run bench -- check-entries check-instructions\`; each part has a name of its own, such as \`check-entries-tlbs\`).

| | at entries and exits | at instructions |
|---|---|---|
${costs.map(({ part, about, entries, instructions }) => `| ${part === 'all' ? '**all**' : `${partNames[part]}: ${about}`} | ${entries} | ${instructions} |`).join('\n')}
`;
}
