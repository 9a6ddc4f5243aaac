import { expect, it } from 'vitest';
import { analyseRegion } from '../../../src/machine/translate/regionGraph.js';
import { Random } from '../../oracle/random.js';

/** Blocks that can be reached without going through `without`. */
function reached(successors: readonly number[][], entry: number, without = -1): Set<number> {
  const seen = new Set<number>(), work = entry === without ? [] : [entry];
  for (let block = work.pop(); block !== undefined; block = work.pop()) {
    if (seen.has(block)) continue;
    seen.add(block);
    work.push(...successors[block]!.filter(s => s !== without));
  }
  return seen;
}

/** Reducible by the definition with T1 and T2: taking self-loops away and merging blocks into their only predecessor leaves one block. */
function collapses(successors: readonly number[][], entry: number): boolean {
  const live = reached(successors, entry), next = new Map([...live].map(b => [b, new Set(successors[b]!.filter(s => s !== b))]));
  for (let changed = true; changed;) {
    changed = false;
    for (const block of [...next.keys()]) {
      const before = [...next].filter(([, s]) => s.has(block)).map(([b]) => b);
      if (block === entry || before.length !== 1) continue;
      const into = next.get(before[0]!)!;
      into.delete(block);
      for (const s of next.get(block)!) if (s !== before[0]) into.add(s);
      next.delete(block);
      changed = true;
    }
  }
  return next.size === 1;
}

it('agrees with the definitions of dominance, loops and reducibility on random graphs', () => {
  const random = new Random(11);
  let reducible = 0, loops = 0, merges = 0;
  for (let n = 0; n < 3000; n++) {
    const count = random.between(1, 9), entry = random.below(count);
    const successors = Array.from({ length: count }, () => Array.from({ length: random.below(3) }, () => random.below(count)));
    const graph = analyseRegion(successors, entry), live = reached(successors, entry), what = JSON.stringify({ successors, entry });
    expect(new Set(graph.order), what).toEqual(live);
    expect(graph.order[0]).toBe(entry);
    expect(graph.reducible, what).toBe(collapses(successors, entry));
    const dominates = (a: number, b: number) => a === b || !reached(successors, entry, a).has(b);
    const merged = graph.merges.flat();
    expect(new Set(merged).size).toBe(merged.length);
    for (const block of live) {
      const incoming = [...live].flatMap(p => successors[p]!.filter(s => s === block).map(() => p));
      const forward = incoming.filter(p => graph.place[p]! < graph.place[block]!);
      expect(graph.isLoop[block], what).toBe(forward.length < incoming.length);
      expect(graph.depth[block]! > 0 || !graph.isLoop[block], what).toBe(true);
      expect(merged.includes(block), what).toBe(forward.length > 1);
      if (block !== entry) expect(forward.length, what).toBeGreaterThan(0);
      for (const merge of graph.merges[block]!) {
        expect(dominates(block, merge), what).toBe(true);
        expect([...live].every(d => d === merge || d === block || !dominates(d, merge) || dominates(d, block)), what).toBe(true);
      }
    }
    // In a loop is what can come back to itself, if every loop has one entry.
    if (graph.reducible) for (const block of live) expect(graph.depth[block]! > 0, what).toBe(successors[block]!.some(s => reached(successors, s).has(block)));
    reducible += Number(graph.reducible);
    loops += graph.isLoop.filter(Boolean).length;
    merges += merged.length;
  }
  expect(reducible).toBeGreaterThan(1000);
  expect(3000 - reducible).toBeGreaterThan(50);
  expect(loops).toBeGreaterThan(500);
  expect(merges).toBeGreaterThan(500);
});
