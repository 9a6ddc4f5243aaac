import { messageOf } from './errors.js';
import type { RunOptions, Stop, Target, TargetBreakpoint } from '../target/target.js';

/** A one-time breakpoint of a step: the machine stops there if `condition` holds. */
export type TemporaryBreakpoint = TargetBreakpoint;

export interface RunListener {
  onStop(stop: Stop): void;
  onFailure(error: unknown): void;
}

/**
 * Lets the target run and tells how it ended. One action at a time; between `start` and the stop the session counts as
 * running, also while an action consists of several runs (a step over a call).
 */
export class RunControl {
  private target: Target | undefined;
  private extra: () => RunOptions = () => ({});
  private breakpoints: readonly TargetBreakpoint[] = [];
  private active: Promise<void> | undefined;
  private pauseCpu: number | undefined;
  private abandoned = false;

  /** The position at which whatever runs stops (a Stop of kind `limit`), once; undefined for none. */
  end: number | undefined;

  constructor(private readonly listener: RunListener) {}

  /** @param extra what every run is to be given, asked anew for each */
  attach(target: Target, extra: () => RunOptions = () => ({})): void {
    this.target = target;
    this.extra = extra;
    this.abandoned = false;
    this.pauseCpu = undefined;
  }

  get running(): boolean {
    return this.active !== undefined;
  }

  /** True once `pause` was asked for during the current action. */
  get pauseRequested(): boolean {
    return this.pauseCpu !== undefined;
  }

  /** The breakpoints of the session, beside which a step puts its own. */
  setBreakpoints(breakpoints: readonly TargetBreakpoint[]): void {
    this.breakpoints = breakpoints;
    this.target?.setBreakpoints(breakpoints);
  }

  /**
   * Starts an action that ends with a stop; `undefined` ends it silently. The caller has checked that nothing is
   * running. The first run happens after the current task, so that the response goes out before.
   */
  start(action: () => Promise<Stop | undefined>): void {
    this.pauseCpu = undefined;
    this.active = Promise.resolve()
      .then(action)
      .then(
        stop => {
          this.active = undefined;
          if (!stop || this.abandoned) return;
          this.listener.onStop(stop.kind === 'pause' && this.pauseCpu !== undefined ? { ...stop, cpu: this.pauseCpu } : stop);
        },
        (error: unknown) => {
          this.active = undefined;
          if (!this.abandoned) this.listener.onFailure(error);
        },
      );
  }

  /** Runs the target with the session's breakpoints and the given temporary ones. */
  async run(temporary: readonly TemporaryBreakpoint[] = [], options: RunOptions = {}): Promise<Stop> {
    const target = this.target!;
    if (this.pauseCpu !== undefined) return { kind: 'pause', cpu: this.pauseCpu };
    const { end } = this;
    if (end !== undefined && target.position >= end) this.end = undefined;
    const all = { ...this.extra(), ...options, restWhenIdle: true, ...(this.end === undefined ? {} : { until: Math.min(this.end, options.until ?? Infinity) }) };
    if (temporary.length === 0) return target.run(all);
    target.setBreakpoints(merge(this.breakpoints, temporary));
    try {
      return await target.run(all);
    } finally {
      target.setBreakpoints(this.breakpoints);
    }
  }

  /** Makes the current action stop soon, with the CPU that the user asked for in focus. */
  pause(cpu: number): void {
    this.pauseCpu = cpu;
    if (this.target?.running) this.target.pause();
  }

  /** Stops whatever runs, without telling anyone, and waits for it. */
  async abandon(): Promise<void> {
    this.abandoned = true;
    this.pause(0);
    try {
      await this.active;
    } catch (error) {
      throw new Error(`While stopping the machine: ${messageOf(error)}`);
    }
  }
}

/** One breakpoint for each address: the machine asks one condition, which asks all that stand there. */
function merge(breakpoints: readonly TargetBreakpoint[], temporary: readonly TemporaryBreakpoint[]): TargetBreakpoint[] {
  const byAddress = new Map<bigint, TargetBreakpoint[]>();
  for (const breakpoint of [...breakpoints, ...temporary]) {
    const there = byAddress.get(breakpoint.address);
    if (there) there.push(breakpoint);
    else byAddress.set(breakpoint.address, [breakpoint]);
  }
  return [...byAddress].map(([address, all]) =>
    all.length === 1
      ? all[0]!
      : {
          address,
          // Each is asked, since asking counts hits and writes logs.
          condition: cpu => all.map(one => one.condition?.(cpu) ?? true).includes(true),
        },
  );
}
