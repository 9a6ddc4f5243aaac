import { hazardName } from '../../dap/scenario.js';
import { measureColumns } from './columns.js';
import { type DesignReport, hazardsOf, mark, switchingWords } from './compare.js';

/** docs/designs.md: the comparison as it was measured, what follows from it, and what designs have been soaked in. */
export function designsDocument(reports: readonly DesignReport[]): string {
  const hazards = hazardsOf(reports);
  const cells = ({ trials }: DesignReport): string[] => hazards.map(hazard => mark(trials.filter(one => one.hazard === hazard), hazardName));
  const all = (name: string): DesignReport | undefined => reports.find(one => one.design === name);
  /** How many times as long a switch off takes with 8 CPUs. */
  const ratio = (one: string, other: string): string => ((all(one)?.switches[1]?.off ?? NaN) / (all(other)?.switches[1]?.off ?? NaN)).toFixed(0);
  const exploding = (name: string): string => {
    const report = all(name);
    const found = report ? hazards.filter((_, n) => !['✓', '–'].includes(cells(report)[n]!)).map(hazardName) : [];
    return found.length ? found.join(', ') : 'none';
  };
  return `# Designs compared

<!-- Measured and written by \`npx vitest run test/cli/designs.test.ts -u\`: change what is measured, or src/cli/designs/document.ts. -->

\`npx kaiserscope designs\` runs the scenario of each hazard ([hazards.md](hazards.md)) on each design as it is, with none of its cures taken away, and prints what is below.
[guest/README.md](../guest/README.md) lists the designs; each is one file of \`guest/kaiser/designs\`. \`--story\` tells what happened in each cell.

✓ safe: the scenario came about and nothing happened. ✗ explodes: the machine's state names this hazard. H4: it names that hazard, which came before. ?: it dies, or ends a program, without a
name. – not applicable: the kernel refuses the switch, or the design has no such moment, so that the scenario did not come about.

${table(['design', ...hazards.map(hazardName)], reports.map(report => [`\`${report.design}\``, ...cells(report)]))}

${table(['design', 'switched', ...measureColumns.map(column => column.title)], reports.map(report => [`\`${report.design}\``, switchingWords[report.switching], ...measureColumns.map(column => column.value(report))]))}

\`syscall\`: cycles of a system call that does nothing, booted with KAISER off and on ([cost.md](cost.md)). The times of a switch off and on are thousands of steps of each CPU from the beginning of the design's protocol to its end, with a program on every CPU and two more processes; a tick of the guest's timer is a million steps of the
whole machine. The tables are those of the first process.

## What was argued about in 2017, and what the tables say

- **The patch explodes, in both directions.** \`naive\` explodes in ${exploding('naive')}. Off: a CPU in user mode comes back by an entry that has been told not to switch (H1). On: the
  poison comes before the next exit (H4). Waiting for quiescent states, and IPIs that are sent so that every CPU passes an entry, do not help: the IPI is the entry that explodes.
- **Text patching does not change that.** \`static_branch_one_key\` explodes in ${exploding('static_branch_one_key')}: its sites change one after the other. Two keys in an order are enough (\`static_branch\`: ${exploding('static_branch')}): an
  entry that switches is right whatever CR3 has, an exit that switches is right only if every entry does.
- **stop_machine() is the right tool, but not by itself.** \`stop_machine\` explodes in ${exploding('stop_machine')}. What it stands on are the cures of \`guest/kaiser/cures.h\`: shadow halves that are kept at all times (H14), NMIs that
  go by CR3 (H6, H8), a flush of everything (H12), one who switches at a time (H29), set_pgd that cannot be torn apart (H9), the CPUs that are not running (H28). Take one away and its scenario explodes; hazards.md shows each.
- **Nobody has to be stopped, though.** Entries that believe CR3 (\`cr3_driven\`: ${exploding('cr3_driven')}) cannot be wrong at any moment; they pay for reading CR3 while KAISER is off (${all('cr3_driven')?.syscall.off ?? '?'} cycles for a system call, ${all('stop_machine')?.syscall.off ?? '?'} with the flag), and a switch takes ${ratio('cr3_driven', 'stop_machine')} times as long as one that stops the machine
  (8 CPUs, off), since it waits for CPUs to come by. Nobody stands still meanwhile.
- **Poison may be late on the way on, and must not be on the way off.** \`deferred_poison\` (${exploding('deferred_poison')}) leaves it to each task on its way to user mode; then a switch takes a ${ratio('stop_machine', 'deferred_poison')}th of
  the time (8 CPUs, off): the walk over all tables is not in it.
- **A word for each CPU** (\`per_cpu_word\`: ${exploding('per_cpu_word')}) is what distributions shipped: the same conditions, and the words of CPUs that are not running besides (H28).
- **Off for good needs no way back** (\`one_way\`: ${exploding('one_way')}), and **a state for each process needs no switch at all** (\`per_process\`: ${exploding('per_process')}): at exec nobody is in user mode in the new address space.
- **Decided at boot, next to nothing can go wrong**: \`boot_flag\` explodes in ${exploding('boot_flag')}, \`alternatives\` in ${exploding('alternatives')}. H31 is the debugger's own: it writes the flag behind the kernel's back, and no design with a flag survives that.
- **What it costs to be able to**: the second page of the root, ${kibOf(all('stop_machine'))} KiB for each process, whether KAISER is on or off, and the store that keeps it; a test of the flag at each entry and exit, or code that is patched.

## Soaks

The table shows that the known hazards do not happen. \`npx kaiserscope soak --design NAME\` looks for what nobody has thought of: all programs of the guest at once on 8 CPUs, turns of random length in random order, NMIs at random moments (many of them in
entry code, some in the handler of the last one), and the rules of KAISER checked meanwhile. It stops at the first failure with the command and the launch configuration that repeat it. \`npm test\` runs a short form.

${soaks}
`;
}

/** The long form as far as it was run, by hand. */
const soaks = `What was run: \`kaiserscope soak --design NAME --toggles 1252 --seeds 1,2 --quantum 20,1000 --check 400000 --windows 100 --nmis 30000\`, with 8 CPUs; half of the runs booted with KAISER off, half of
them with TLBs that retain and half with TLBs that forget.

| design | runs | switches | million steps | NMIs | in entry code | during a switch | looks | at tables and TLBs too | windows |
|---|---|---|---|---|---|---|---|---|---|
| \`stop_machine\` | 8 | 10,012 | 9,682 | 368,764 | 21,566 | 275,974 | 34,126 | 11,516 | 176 |
| \`per_cpu_word\` | 8 | 10,012 | 9,678 | 368,632 | 21,796 | 275,904 | 34,042 | 11,510 | 148 |
| \`per_cpu_cr3\` | 8 | 10,012 | 9,704 | 369,628 | 21,706 | 276,664 | 34,178 | 11,518 | 164 |
| \`static_branch_stopped\` | 8 | 10,012 | 9,763 | 371,906 | 21,996 | 279,222 | 34,304 | 11,526 | 188 |
| \`static_branch\` | 8 | 10,012 | 11,537 | 440,094 | 48,662 | 375,220 | 38,662 | 11,800 | 160 |
| \`cr3_driven\` | 8 | 10,012 | 11,334 | 432,322 | 47,948 | 366,892 | 38,128 | 11,766 | 192 |
| \`deferred_poison\` | 8 | 10,012 | 3,729 | 141,630 | 12,012 | 26,610 | 19,316 | 10,590 | 138 |
| \`per_process\` | 8 | 10,012 | 2,519 | 95,834 | 10,098 | 8 | 16,194 | 10,396 | 64 |
| \`one_way\` | 24 | 24 | 514 | 18,952 | 1,818 | 1,340 | 1,350 | 96 | 0 |
| \`boot_flag\` | 16 | 0 | 485 | 18,452 | 1,840 | 0 | 1,276 | 72 | 0 |
| \`alternatives\` | 16 | 0 | 487 | 18,532 | 1,900 | 0 | 1,280 | 72 | 0 |

In these no rule was broken and no process was ended. A look is at all CPUs by all rules that the state alone tells; a window is a stretch around a switch in which every entry and exit is looked at. 10,000 switches of a design take two
to ten minutes on two cores. Designs that cannot be switched, or once only, are booted more often instead.
Each pair of runs that differ in the TLBs alone took the same course to the last step: nothing that the kernel does leans on a translation that a TLB happens to keep, or to have dropped.

Found by soaks and mended, in the kernel: an NMI returned to a 16-bit stack of the LDT without espfix; the count of users of an open file could lose one (fork took no lock, exit did), until the
console was given away; \`help\` lost its last lines. In the rules: programs that handle thousands of their own exceptions were called a spin; P6 was asked of a CPU in user mode while \`cr3_driven\` was being
switched on, which nobody stops and P1 allows to be on the kernel half.`;

function kibOf(report: DesignReport | undefined): string {
  return String((report?.tables.on?.shadow ?? 0) / 1024);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
