/**
 * The timer of a local APIC (SDM Vol. 3A, 10.5.4): counts down from the initial count at the bus clock divided by the
 * divide configuration. Nothing counts here step by step: the moment it started decides everything.
 */
export class ApicTimer {
  initialCount = 0;
  /** Divide configuration register: bits 0, 1 and 3. */
  divideConfiguration = 0;
  /** Machine time at which the running countdown began; only meaningful while `running`. */
  private start = 0;
  private running = false;
  periodic = false;

  /** Machine clocks for one decrement: 1, 2, 4 ... 128. */
  get divisor(): number {
    const code = this.divideConfiguration & 3 | (this.divideConfiguration & 8) >> 1;
    return code === 7 ? 1 : 2 << code;
  }

  /** Machine time of the next expiry, Infinity if the timer stands. */
  get deadline(): number { return this.running ? this.start + this.initialCount * this.divisor : Infinity; }

  /** Writes the initial count: starts over, or stops if it is 0. */
  load(count: number, now: number): void {
    this.initialCount = count;
    this.start = now;
    this.running = count !== 0;
  }

  /** Writes the divide configuration; a running countdown goes on from its current count at the new speed. */
  setDivide(value: number, now: number): void {
    const left = this.current(now);
    this.divideConfiguration = value & 0xb;
    if (this.running) this.start = now - (this.initialCount - left) * this.divisor;
  }

  /** The current count register. */
  current(now: number): number {
    if (!this.running) return 0;
    return Math.max(0, this.initialCount - Math.floor((now - this.start) / this.divisor));
  }

  /** Moves on to `now`; true if the timer has expired since (once, however many periods went by). */
  advance(now: number): boolean {
    if (now < this.deadline) return false;
    if (this.periodic) {
      const period = this.initialCount * this.divisor;
      this.start += Math.floor((now - this.start) / period) * period;
    } else {
      this.running = false;
    }
    return true;
  }

  save(): number[] { return [this.initialCount, this.divideConfiguration, this.start, this.running ? 1 : 0, this.periodic ? 1 : 0]; }
  restore(state: ArrayLike<number>): void {
    this.initialCount = state[0]!;
    this.divideConfiguration = state[1]!;
    this.start = state[2]!;
    this.running = state[3] === 1;
    this.periodic = state[4] === 1;
  }
  static readonly stateLength = 5;
}
