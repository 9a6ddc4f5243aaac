/**
 * The interleaving of CPUs: who runs next and for how many steps. A schedule is a pure function of its description and
 * of its own state, so that the same machine with the same schedule takes the same course.
 */
export type ScheduleSpec =
  /** Each CPU in turn runs `quantum` steps. */
  | { kind: 'round-robin'; quantum: number }
  /** A CPU drawn at random runs 1 to 2 * quantum - 1 steps. */
  | { kind: 'random'; quantum: number; seed: number };

export const DEFAULT_QUANTUM = 1000;
export const MAX_QUANTUM = 1_000_000;

/** A turn: that CPU may complete `steps` steps, unless it halts before. */
export interface Turn { cpu: number; steps: number; }

/** Where a schedule is: the CPU of its last turn, its random number, and the CPUs that get none, a bit each. */
export type ScheduleState = readonly [last: number, random: number, held: number];

/** Draws turns. Its whole state is three numbers, for snapshots. */
export class Schedule {
  private last = -1;
  private random: number;
  private held = 0;

  constructor(readonly spec: ScheduleSpec, private readonly cpus: number) {
    this.random = spec.kind === 'random' ? spec.seed >>> 0 : 0;
  }

  /** A held CPU gets no turn until it is released: whoever holds it decides what the others do meanwhile. */
  hold(cpu: number, held: boolean): void { this.held = held ? this.held | 1 << cpu : this.held & ~(1 << cpu); }
  isHeld(cpu: number): boolean { return (this.held >> cpu & 1) !== 0; }

  /** The next turn among the CPUs that are not held and for which `ready` holds; undefined if there is none. */
  next(ready: (cpu: number) => boolean): Turn | undefined {
    const able: number[] = [];
    for (let n = 1; n <= this.cpus; n++) {
      const cpu = (this.last + n) % this.cpus;
      if (this.isHeld(cpu) || !ready(cpu)) continue;
      if (this.spec.kind === 'round-robin') {
        this.last = cpu;
        return { cpu, steps: this.spec.quantum };
      }
      able.push(cpu);
    }
    if (!able.length) return undefined;
    this.last = able[this.draw(able.length)]!;
    return { cpu: this.last, steps: 1 + this.draw(2 * this.spec.quantum - 1) };
  }

  get state(): ScheduleState { return [this.last, this.random, this.held]; }
  set state([last, random, held]: ScheduleState) {
    this.last = last;
    this.random = random;
    this.held = held;
  }

  /** A number from 0 to below `count`: mulberry32, good enough and 32 bits of state. */
  private draw(count: number): number {
    this.random = this.random + 0x6d2b79f5 >>> 0;
    let t = this.random;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) % count;
  }
}

/**
 * Reads a schedule as people write it: `round-robin[:QUANTUM]` or `random:SEED[:QUANTUM]`.
 * Throws an Error whose message names the text and what is wrong with it.
 */
export function parseSchedule(text: string): ScheduleSpec {
  const [kind, ...numbers] = text.split(':');
  const number = (value: string | undefined, name: string, low: number, high: number, otherwise?: number): number => {
    if (value === undefined && otherwise !== undefined) return otherwise;
    const parsed = /^\d+$/.test(value ?? '') ? Number(value) : NaN;
    if (!(parsed >= low && parsed <= high)) throw new Error(`Schedule '${text}': the ${name} '${value ?? ''}' is not a whole number from ${low} to ${high}.`);
    return parsed;
  };
  if (kind === 'round-robin' && numbers.length <= 1) return { kind, quantum: number(numbers[0], 'quantum', 1, MAX_QUANTUM, DEFAULT_QUANTUM) };
  if (kind === 'random' && numbers.length >= 1 && numbers.length <= 2) {
    return { kind, seed: number(numbers[0], 'seed', 0, 0xffffffff), quantum: number(numbers[1], 'quantum', 1, MAX_QUANTUM, DEFAULT_QUANTUM) };
  }
  throw new Error(`Schedule '${text}' is not known. Write round-robin, round-robin:QUANTUM, random:SEED or random:SEED:QUANTUM.`);
}
