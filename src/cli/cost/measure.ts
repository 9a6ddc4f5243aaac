import type { Io } from '../option.js';
import { guestCycles } from './guest.js';

/** A kernel that is measured. The first one is what the others are compared with. */
export interface Configuration { id: 'off' | 'pcid' | 'nonoflush' | 'nopcid'; title: string; append: string }

export const configurations: readonly Configuration[] = [
  { id: 'off', title: 'off', append: 'kaiser=off' },
  { id: 'pcid', title: 'on, PCID', append: '' },
  { id: 'nonoflush', title: 'on, PCID, every write to CR3 flushes', append: 'nonoflush' },
  { id: 'nopcid', title: 'on, no PCID', append: 'nopcid' },
];

/** Cycles that a program computes between two system calls, and pages of 4 KiB that it reads in that time. */
export const WORK = [3_000, 15_000, 60_000, 300_000] as const;
export const PAGES = [8, 128, 1024] as const;
/** Cycles of a round of the empty loop of `cost work`, and of reading one page: only to come near WORK. */
const LOOP = 3, PAGE = 4;
/** How often each is done in a round. */
const TIMES = 10;

export interface Point {
  pages: number;
  /** Cycles between two system calls with KAISER off, the call included. */
  cycles: number;
  /** What the other configurations take longer, as a part of that, in their order. */
  overhead: number[];
}

/** Everything that `kaiserscope cost` measures; cycles in the order of `configurations`. */
export interface Costs {
  design: string;
  syscall: number[];
  fault: number[];
  points: Point[];
}

/** The pairs of WORK and PAGES in which reading the pages leaves time to compute. */
const combinations = PAGES.flatMap(pages => WORK.filter(work => pages * PAGE < work).map(work => ({ pages, work })));

/** Measures a design in all configurations. */
export async function measureCosts(design: string, io: Io): Promise<Costs> {
  const lines = ['syscall 100', 'fault 64', ...combinations.map(({ pages, work }) => `work ${pages} ${Math.floor((work - pages * PAGE) / LOOP)} ${TIMES}`)];
  const results: number[][] = [];
  for (const { append } of configurations) results.push(await guestCycles(`kaiser_design=${design} ${append}`.trim(), lines, io));
  return {
    design, syscall: results.map(one => one[0]!), fault: results.map(one => one[1]!),
    points: combinations.map(({ pages }, n) => {
      const [off, ...on] = results.map(one => one[n + 2]!);
      return { pages, cycles: off!, overhead: on.map(cycles => cycles / off! - 1) };
    }),
  };
}
