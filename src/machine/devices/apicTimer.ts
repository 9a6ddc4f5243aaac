/** Bits 18:17 of LVT Timer (SDM Vol. 3A, figure 10-8). */
export const enum TimerMode { OneShot = 0, Periodic = 1, TscDeadline = 2 }

/**
 * The timer of a local APIC (SDM Vol. 3A, 10.5.4): counts down from the initial count at the bus clock divided by the
 * divide configuration, or waits for a moment (TSC-deadline mode). Nothing counts here step by step: the moment it started decides everything.
 */
export class ApicTimer {
  initialCount = 0;
  /** Divide configuration register: bits 0, 1 and 3. */
  divideConfiguration = 0;
  /** Machine time at which the running countdown began, in TSC-deadline mode that of the expiry; only meaningful while `running`. */
  private start = 0;
  private running = false;
  private timerMode = TimerMode.OneShot;

  /** Machine clocks for one decrement: 1, 2, 4 ... 128. */
  get divisor(): number {
    const code = this.divideConfiguration & 3 | (this.divideConfiguration & 8) >> 1;
    return code === 7 ? 1 : 2 << code;
  }

  /** Machine time of the next expiry, Infinity if the timer stands. */
  get deadline(): number {
    if (!this.running) return Infinity;
    return this.timerMode === TimerMode.TscDeadline ? this.start : this.start + this.initialCount * this.divisor;
  }

  get mode(): TimerMode { return this.timerMode; }
  /** To or from TSC-deadline mode the timer is disarmed (SDM Vol. 3A, 10.5.4.1). */
  set mode(mode: TimerMode) {
    if (mode !== this.timerMode && (mode === TimerMode.TscDeadline || this.timerMode === TimerMode.TscDeadline)) this.running = false;
    this.timerMode = mode;
  }

  /** TSC-deadline mode: lets the timer expire at that machine time, or, with Infinity, not at all. */
  expireAt(time: number): void {
    this.start = time;
    this.running = time !== Infinity;
  }

  /** Writes the initial count: starts over, or stops if it is 0. In TSC-deadline mode that does nothing. */
  load(count: number, now: number): void {
    if (this.timerMode === TimerMode.TscDeadline) return;
    this.initialCount = count;
    this.start = now;
    this.running = count !== 0;
  }

  /** Writes the divide configuration; a running countdown goes on from its current count at the new speed. */
  setDivide(value: number, now: number): void {
    const left = this.current(now);
    this.divideConfiguration = value & 0xb;
    if (this.running && this.timerMode !== TimerMode.TscDeadline) this.start = now - (this.initialCount - left) * this.divisor;
  }

  /** The current count register. */
  current(now: number): number {
    if (!this.running || this.timerMode === TimerMode.TscDeadline) return 0;
    return Math.max(0, this.initialCount - Math.floor((now - this.start) / this.divisor));
  }

  /** Moves on to `now`; true if the timer has expired since (once, however many periods went by). */
  advance(now: number): boolean {
    if (now < this.deadline) return false;
    if (this.timerMode === TimerMode.Periodic) {
      const period = this.initialCount * this.divisor;
      this.start += Math.floor((now - this.start) / period) * period;
    } else {
      this.running = false;
    }
    return true;
  }

  save(): number[] { return [this.initialCount, this.divideConfiguration, this.start, this.running ? 1 : 0, this.timerMode]; }
  restore(state: ArrayLike<number>): void {
    this.initialCount = state[0]!;
    this.divideConfiguration = state[1]!;
    this.start = state[2]!;
    this.running = state[3] === 1;
    this.timerMode = state[4] as TimerMode;
  }
  static readonly stateLength = 5;
}
