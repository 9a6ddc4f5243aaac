/** The control flow of a region, as WebAssembly's structured branches need it. Blocks are named by their index. */
export interface RegionGraph {
  /** Blocks that the entry reaches, in reverse postorder: a block comes after all that lead to it, loops apart. */
  order: readonly number[];
  /** Place in `order`; undefined for blocks that are not reached. */
  place: readonly (number | undefined)[];
  /** For each block those that it dominates immediately and that more than one forward branch leads to, in the order of `order`. */
  merges: readonly (readonly number[])[];
  /** True for blocks that a branch leads back to. */
  isLoop: readonly boolean[];
  /** How many loops a block is in. */
  depth: readonly number[];
  /** False if a branch leads into the middle of a loop: then there is no order of nested blocks and loops. */
  reducible: boolean;
}

/**
 * Finds out by dominators how blocks nest (N. Ramsey, "Beyond Relooper: Recursive Translation of Unstructured Control Flow to
 * Structured Control Flow", ICFP 2022; dominators by Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm").
 * @param successors the blocks that each block branches to; two branches to the same block count twice
 */
export function analyseRegion(successors: readonly (readonly number[])[], entry: number): RegionGraph {
  const count = successors.length, order = reversePostorder(successors, entry), place: (number | undefined)[] = new Array<undefined>(count).fill(undefined);
  order.forEach((block, n) => { place[block] = n; });
  const predecessors: number[][] = successors.map(() => []);
  for (const block of order) for (const next of successors[block]!) predecessors[next]!.push(block);
  const dominator = dominators(order, place, predecessors);
  const dominates = (a: number, b: number): boolean => {
    while (place[b]! > place[a]!) b = dominator[b]!;
    return a === b;
  };
  const isLoop = new Array<boolean>(count).fill(false), merges: number[][] = successors.map(() => []), depth = new Array<number>(count).fill(0);
  let reducible = true;
  for (const block of order) {
    const forward = predecessors[block]!.filter(p => place[p]! < place[block]!), back = predecessors[block]!.filter(p => place[p]! >= place[block]!);
    if (forward.length > 1) merges[dominator[block]!]!.push(block);
    if (!back.length) continue;
    isLoop[block] = true;
    if (!back.every(p => dominates(block, p))) reducible = false;
    for (const member of loopBody(block, back, predecessors)) depth[member]!++;
  }
  return { order, place, merges, isLoop, depth, reducible };
}

function reversePostorder(successors: readonly (readonly number[])[], entry: number): number[] {
  const seen = new Set<number>([entry]), postorder: number[] = [], stack = [{ block: entry, next: 0 }];
  while (stack.length) {
    const top = stack[stack.length - 1]!, list = successors[top.block]!;
    if (top.next === list.length) {
      postorder.push(top.block);
      stack.pop();
      continue;
    }
    const block = list[top.next++]!;
    if (seen.has(block)) continue;
    seen.add(block);
    stack.push({ block, next: 0 });
  }
  return postorder.reverse();
}

/** The immediate dominator of each block; the entry is its own. */
function dominators(order: readonly number[], place: readonly (number | undefined)[], predecessors: readonly (readonly number[])[]): number[] {
  const dominator: number[] = [];
  dominator[order[0]!] = order[0]!;
  for (let changed = true; changed;) {
    changed = false;
    for (const block of order.slice(1)) {
      let common = -1;
      for (let other of predecessors[block]!) {
        if (dominator[other] === undefined) continue;
        if (common < 0) { common = other; continue; }
        while (common !== other) {
          if (place[common]! > place[other]!) common = dominator[common]!;
          else other = dominator[other]!;
        }
      }
      if (dominator[block] !== common) {
        dominator[block] = common;
        changed = true;
      }
    }
  }
  return dominator;
}

/** The blocks of the loop with that header: all that lead to its back branches without going through it. */
function loopBody(header: number, back: readonly number[], predecessors: readonly (readonly number[])[]): Set<number> {
  const body = new Set<number>([header]), work = [...back];
  for (let block = work.pop(); block !== undefined; block = work.pop()) {
    if (body.has(block)) continue;
    body.add(block);
    work.push(...predecessors[block]!);
  }
  return body;
}
