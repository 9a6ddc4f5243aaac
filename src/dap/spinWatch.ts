import type { ExceptionInfo } from '../target/target.js';

/** How many exceptions in a row, made of few different ones and with little between them, make a spin. */
const REPEATS = 2000;
const DISTINCT = 4;
/** Steps (machine-wide) from one exception to the next beyond which something useful may be going on. */
const STEPS_BETWEEN = 20_000;

interface Track {
  /** The different exceptions of the current row: few, so that a new one is found among them by comparing. */
  seen: ExceptionInfo[];
  count: number;
  position: number;
}

/**
 * Finds a CPU that takes the same few exceptions over and over: a machine that is not dead but will never do anything
 * else (predicate P19). Such a kernel loop does not stop by itself, so the watch must stop it.
 */
export class SpinWatch {
  private readonly tracks = new Map<number, Track>();
  /** The CPU found spinning, until `clear`. */
  spinning: { cpu: number; exceptions: number; distinct: number } | undefined;

  /** Takes one exception; true if its CPU has just been found spinning. */
  observe(exception: ExceptionInfo): boolean {
    let track = this.tracks.get(exception.cpu);
    if (!track) this.tracks.set(exception.cpu, (track = { seen: [], count: 0, position: exception.position }));
    let fresh = !track.seen.some(one => isSame(one, exception));
    if (exception.position - track.position > STEPS_BETWEEN || (fresh && track.seen.length >= DISTINCT)) {
      track.seen = [];
      track.count = 0;
      fresh = true;
    }
    track.position = exception.position;
    if (fresh) track.seen.push(exception);
    if (++track.count < REPEATS) return false;
    this.spinning = { cpu: exception.cpu, exceptions: track.count, distinct: track.seen.length };
    track.seen = [];
    track.count = 0;
    return true;
  }

  clear(): void {
    this.spinning = undefined;
  }
}

/** Whether two exceptions differ in nothing but their positions. */
function isSame(a: ExceptionInfo, b: ExceptionInfo): boolean {
  return (
    a.vector === b.vector && a.rip === b.rip && a.address === b.address && a.errorCode === b.errorCode && a.cpl === b.cpl && a.cr3 === b.cr3
  );
}
