import type { ExceptionInfo, Target } from '../target/target.js';

/** How many exceptions in a row, made of few different ones and with little between them, make a spin. */
const REPEATS = 2000;
const DISTINCT = 4;
/** Steps (machine-wide) from one exception to the next beyond which something useful may be going on. */
const STEPS_BETWEEN = 20_000;

/** The registers of a CPU as one number, the same for the same values. */
export type RegisterDigest = (cpu: number) => number;

type Seen = ExceptionInfo & { registers: number };

interface Track {
  /** The different exceptions of the current row: few, so that a new one is found among them by comparing. */
  seen: Seen[];
  count: number;
  position: number;
}

/**
 * Finds a CPU that takes the same few exceptions over and over: a machine that is not dead but will never do anything
 * else (predicate P19). Such a kernel loop does not stop by itself, so the watch must stop it. A program may well raise the same
 * exception thousands of times and handle it by signals; then it gets on, and its registers are not always the same.
 */
export class SpinWatch {
  private readonly tracks = new Map<number, Track>();
  /** The CPU found spinning, until `clear`. */
  spinning: { cpu: number; exceptions: number; distinct: number } | undefined;

  constructor(private readonly digest: RegisterDigest) {}

  /** Takes one exception that is about to be delivered; true if its CPU has just been found spinning. */
  observe(exception: ExceptionInfo): boolean {
    const one: Seen = { ...exception, registers: exception.cpl === 3 ? this.digest(exception.cpu) : 0 };
    let track = this.tracks.get(exception.cpu);
    if (!track) this.tracks.set(exception.cpu, (track = { seen: [], count: 0, position: exception.position }));
    let fresh = !track.seen.some(seen => isSame(seen, one));
    if (exception.position - track.position > STEPS_BETWEEN || (fresh && track.seen.length >= DISTINCT)) {
      track.seen = [];
      track.count = 0;
      fresh = true;
    }
    track.position = exception.position;
    if (fresh) track.seen.push(one);
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
function isSame(a: Seen, b: Seen): boolean {
  return (
    a.vector === b.vector && a.rip === b.rip && a.address === b.address && a.errorCode === b.errorCode && a.cpl === b.cpl && a.cr3 === b.cr3 && a.registers === b.registers
  );
}

const GENERAL = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];

/** Of the general registers. */
export function generalRegisters(target: Target): RegisterDigest {
  const sources = Array.from({ length: target.cpuCount }, (_, cpu) => GENERAL.flatMap(name => target.registerSource(cpu, name) ?? []));
  return cpu => sources[cpu]!.reduce((digest, source) => Math.imul(Math.imul(digest, 31) + source.low() | 0, 31) + source.high() | 0, 0);
}
