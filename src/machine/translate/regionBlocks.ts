import { Mnemonic } from 'iced-x86';
import { CodeMode } from '../cpu/layout.js';
import { type Decoded, neverFalls } from './decoded.js';
import type { RegionBlock } from './regionEmitter.js';

/** The most runs of a region. */
const REGION_BLOCKS = 24;

/**
 * Runs of instructions by the instruction pointer they start at: from `first`, at linear address `linear`, and from what
 * direct branches reach from there inside the page.
 * @param decodeRun gives the run that starts at an instruction pointer and its linear address; empty if there is none to take in
 */
export function reachable(first: Decoded, linear: bigint, decodeRun: (ip: bigint, linear: bigint) => Decoded[]): Map<bigint, Decoded[]> {
  const linearOf = (ip: bigint) => first.mode & CodeMode.Long ? ip : BigInt.asUintN(32, ip + linear - first.ip);
  const runs = new Map<bigint, Decoded[]>(), work = [first.ip];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const at = linearOf(next);
    if (runs.has(next) || runs.size >= REGION_BLOCKS || at >> 12n !== linear >> 12n) continue;
    const run = decodeRun(next, at);
    if (!run.length) continue;
    runs.set(next, run);
    const last = run[run.length - 1]!;
    if (!last.meaning.definition) continue;
    const direct = last.operands[0]?.kind === 'branch';
    if (direct) work.push(last.target);
    // Behind a call execution goes on soon if the callee is here; else a region of its own serves it with fewer registers.
    const falls = last.mnemonic === Mnemonic.Call ? direct && linearOf(last.target) >> 12n === linear >> 12n : !neverFalls(last);
    if (falls) work.push(last.next);
  }
  return runs;
}

/** The blocks of a region, in the order of their addresses: runs cut where another begins, and before what only the interpreter does. */
export function blocksOf(runs: ReadonlyMap<bigint, readonly Decoded[]>): RegionBlock[] {
  return [...runs.keys()].sort((a, b) => a < b ? -1 : 1).map(start => {
    const run = runs.get(start)!;
    let count = 1;
    while (count < run.length && !runs.has(run[count]!.ip)) count++;
    const interpretNext = count === run.length && !run[count - 1]!.meaning.definition;
    return { start, insns: run.slice(0, interpretNext ? count - 1 : count), interpretNext };
  });
}
