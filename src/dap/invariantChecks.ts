import { InvariantWatch, type Violation, type Wanted } from '../kaiser/index.js';
import type { RunOptions } from '../target/target.js';
import type { CheckRate } from './checkRate.js';
import type { Debuggee } from './debuggee.js';

/** A rule that was found broken, and when. */
export interface BrokenRule extends Violation { position: number }

export interface CheckOptions {
  rate: CheckRate;
  /** Predicates that need not be looked at cost nothing. All unless said otherwise. */
  wants?: Wanted;
  /** Whether to stop for what was found. Always unless said otherwise. */
  accepts?: (broken: BrokenRule, debuggee: Debuggee) => boolean;
}

const everything: Wanted = () => true;

/**
 * Checks the rules of KAISER while a machine runs, and stops it before the instruction at which one is found broken. Each rule is told
 * once for each CPU, and again after the next toggle has begun. Switched off it leaves nothing behind: no probe, no single steps.
 */
export class InvariantChecks {
  /** What the last Stop of kind `probe` was for. */
  broken: BrokenRule | undefined;
  private watch: InvariantWatch | undefined;
  private options: CheckOptions | undefined;
  private readonly hooks: { dispose(): void }[] = [];
  private alarm: { position: number; dispose(): void } | undefined;
  private readonly told = new Set<string>();

  constructor(private readonly debuggee: Debuggee) {}

  get isOn(): boolean { return this.options !== undefined; }

  /** Begins to check, or goes on with other options. False for a kernel whose KAISER is not known: then nothing is checked. */
  start(options: CheckOptions): boolean {
    const view = this.debuggee.kaiser.machineView();
    if (!view) return false;
    const { options: old } = this;
    if (old?.rate !== options.rate || old.wants !== options.wants || old.accepts !== options.accepts) this.told.clear();
    this.options = options;
    if (this.watch) return true;
    const watch = this.watch = new InvariantWatch(this.debuggee.symbols, view.guest);
    for (const address of watch.addresses) this.hooks.push(this.debuggee.target.addProbe(address, cpu => (this.look(cpu, false) ? 'stop' : undefined)));
    return true;
  }

  stop(): void {
    for (const hook of this.hooks.splice(0)) hook.dispose();
    this.alarm?.dispose();
    this.alarm = this.options = this.watch = undefined;
  }

  /** What `Target.run` is to be given while checks are on. */
  get runOptions(): Pick<RunOptions, 'each'> {
    return this.options?.rate === 'instructions' ? { each: cpu => this.look(cpu, true) } : {};
  }

  /** A CPU has been stepped, which passes by probes. True if a rule is broken now. */
  stepped(cpu: number): boolean { return this.isOn && this.look(cpu, this.options!.rate === 'instructions'); }

  /** Looks at a CPU before its next instruction; true stops the machine. */
  private look(cpu: number, always: boolean): boolean {
    const { kaiser, target } = this.debuggee;
    // In single steps the probes would look a second time at what the steps look at.
    if (!always && this.options!.rate === 'instructions' && target.running) return false;
    const view = kaiser.machineView()!;
    const toggles = this.watch!.toggleCount;
    const found = this.watch!.at(view, cpu, this.options!.wants ?? everything, always);
    if (this.watch!.toggleCount !== toggles) this.told.clear();
    this.arm(this.watch!.deadline);
    return this.tell(found);
  }

  private tell(found: readonly Violation[]): boolean {
    for (const violation of found) {
      const broken = { ...violation, position: this.debuggee.target.position };
      const key = `${violation.predicate} ${violation.cpu}`;
      if (this.told.has(key) || this.options?.accepts?.(broken, this.debuggee) === false) continue;
      this.told.add(key);
      this.broken = broken;
      return true;
    }
    return false;
  }

  /** A toggle that does not end has no moment at which to look at it but a position. */
  private arm(deadline: number | undefined): void {
    if (deadline === this.alarm?.position || this.options?.wants?.('P24') === false) return;
    this.alarm?.dispose();
    this.alarm = undefined;
    if (deadline === undefined) return;
    const ring = (): 'stop' | undefined => {
      const overdue = this.watch?.overdue(this.debuggee.kaiser.machineView()!);
      this.arm(this.watch?.deadline);
      return overdue && this.tell([overdue]) ? 'stop' : undefined;
    };
    this.alarm = { position: deadline, ...this.debuggee.target.addAlarm(deadline, ring) };
  }
}
