/** Decides by how many times a breakpoint has been reached (counted from 1) whether it stops. */
export type HitCondition = (hits: number) => boolean;

const pattern = /^\s*(>=|<=|==|=|>|<|%)?\s*([0-9]+)\s*$/;

/**
 * Parses a hit count: `N` and `==N` stop at the Nth time, `>=N`, `>N`, `<N`, `<=N` as they read, `%N` at every Nth time.
 * Throws an Error that names the text and the forms.
 */
export function parseHitCondition(text: string): HitCondition {
  const match = pattern.exec(text);
  if (!match)
    throw new Error(
      `The hit count "${text}" is not understood. Write N (the Nth time), >=N, >N, <=N, <N or %N (every Nth time).`,
    );
  const count = Number(match[2]);
  if (!Number.isSafeInteger(count) || (match[1] === '%' && count === 0))
    throw new Error(`The hit count "${text}" is out of range: N must be 1 or more.`);
  switch (match[1]) {
    case '>=':
      return hits => hits >= count;
    case '>':
      return hits => hits > count;
    case '<=':
      return hits => hits <= count;
    case '<':
      return hits => hits < count;
    case '%':
      return hits => hits % count === 0;
    default:
      return hits => hits === count;
  }
}
