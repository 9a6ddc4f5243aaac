import { CYCLES, UNCOUNTED } from '../../machine/cycles/model.js';
import type { Costs } from './measure.js';
import { programs, published } from './published.js';
import { comparison, eventTable, markdownTable, overheadTable } from './report.js';

/** docs/cost.md: what `kaiserscope cost` measures, the model behind it, and what both are worth. */
export function costDocument(costs: Costs): string {
  return `# What KAISER costs

\`npx kaiserscope cost\` lets the guest measure itself with RDTSC: its program \`cost\` (\`guest/user/cost.c\`) makes system calls and page faults, with KAISER off and on,
with PCID and without. The time stamp counter follows a model of clock cycles (below), so the figures are the same on every host, and this page is written from a run
of that command. They say what the switches of address space and the walks after them cost; they are no prediction for a processor.

- "every write to CR3 flushes": the kernel uses PCIDs but never sets bit 63 of CR3 (\`nonoflush\` on its command line).
- Of each measurement the cheapest of five rounds counts. There is one CPU, the design is ${costs.design}, TLBs retain.

## A system call, a page fault

Clock cycles. The system call is getpid; the fault is the first write to a page, of which 4,096 cycles clear the page, a byte each: processors need some hundred for that, so
look at what KAISER adds ("more a fault").

${markdownTable(eventTable(costs))}

## By rate and working set

A program computes, reads one word in each of so many pages of 4 KiB, makes a system call, and begins anew: what KAISER adds to the time of a round.

${markdownTable(overheadTable(costs))}

With PCID the overhead is the fixed price of two writes to CR3 a call, whatever the program uses. Without PCID, or with PCID when every write flushes, each call also
makes the program find its translations again: the price grows with the pages that it touches between two calls, and PCID without bit 63 is worth nothing.

## Beside published figures

On to off, and the difference, of one system call:

${markdownTable(comparison(costs))}

${published.map(one => `- ${one.what}: ${one.source}.`).join('\n')}

Programs:

${programs.map(one => `- ${one.finding} (${one.source}).`).join('\n')}

Where the model departs from them, and why:

- The system call itself takes ${costs.syscall[0]} cycles: our kernel's path has more instructions than the one that was measured at 181, and an instruction is a cycle here. So the same
  difference is a smaller ratio. Compare differences: ${costs.syscall[1]! - costs.syscall[0]!} cycles with PCID beside 250 (the model's two writes to CR3 were taken from there) and beside 139 to 141 ns, which is
  420 to 560 cycles at 3 to 4 GHz; kernels of those days did more on each entry.
- What PCID is worth for one call (${costs.syscall[3]! - costs.syscall[1]!} cycles here, 122 ns or 370 to 490 cycles in Hansen's loop) is near. Our kernel and its user programs touch few pages, which makes it too small; a processor finds part of its walks in
  paging-structure caches, which makes it too large.
- With many pages the model is too dear: it reads every level of every walk and stalls for it (${CYCLES.walk.cycles + 4 * CYCLES.walkLevel.cycles} cycles), while processors keep the upper levels in paging-structure caches, walk for two accesses at a
  time and execute other instructions meanwhile. "The CPU is really good at hiding TLB fill latencies" (Hansen, December 2017).
- With very many pages it is too cheap: a TLB here holds 16,384 translations, that of a Skylake core 1,536. Programs of more than 6 MiB have misses there with KAISER off as well, and so lose less
  by it, or more when their walks miss the caches too.
- At equal rates Gregg's programs lose more than ours with PCID (2 % at 50,000 calls a second would be 400 ns a call): caches, branch predictors and what the calls themselves do are not in the model.
- The costs of speculation control (IBRS, retpolines), which were measured together with KAISER in 2018, are none of KAISER's and not here.

## The model

Cycles of each event (\`src/machine/cycles/model.ts\`), those of its step included where it is one. All other instructions take ${CYCLES.step.cycles}.

${markdownTable([['event', 'cycles', 'source'], ...Object.values(CYCLES).map(({ event, cycles, source }) => [event, String(cycles), source])]).replace('| --- | ---: | ---: |', '| --- | ---: | --- |')}

Costs no more than its step, although it does on a processor:

${UNCOUNTED.map(({ event, reason }) => `- ${event}: ${reason}.`).join('\n')}

All CPUs' counters show the same clock: the steps of all CPUs, the ticks in which all were halted, and what events have cost beyond their steps, on whichever CPU. On several busy CPUs
the clock therefore goes on while others run; measure on one. Timers go by steps and idle ticks alone ([machine.md](machine.md)). TLBs that forget (\`"tlb": "forget"\`) walk without a price.
`;
}
