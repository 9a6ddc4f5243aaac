import type { Debuggee } from '../../dap/debuggee.js';
import { verdictAt } from '../../dap/verdict.js';
import { checkInvariants, LIVENESS_STEPS, type Verdict, type Violation } from '../../kaiser/index.js';
import type { Stop } from '../../target/target.js';
import { Random } from './random.js';
import { complaints, missing, type Workload } from './workload.js';

/** How hard a run is tried. Everything in it decides the run. */
export interface SoakOptions {
  seed: number;
  /** Steps between two NMIs, on average; 0: none. */
  nmiEvery: number;
  /** Steps between two looks at the CPUs, on average; page tables and TLBs are looked at every 16th time and at the end of each switch. */
  checkEvery: number;
  /** Looking at every entry and exit takes many times as long as running: it is done around one switch of so many. 0: none. */
  windowEvery: number;
}

/** What a run has gone through. */
export interface Coverage {
  steps: number;
  switchedOn: number;
  switchedOff: number;
  /** NMIs by where they came: user mode, entry code, other kernel code; and those that came while KAISER was being switched. */
  nmis: { user: number; entry: number; kernel: number; toggling: number };
  exceptions: number;
  /** Looks at the CPUs, those that took in page tables and TLBs, and windows in which every entry and exit was looked at. */
  checks: { cpus: number; full: number; windows: number };
}

export interface SoakFailure {
  position: number;
  hazard?: string;
  predicate?: string;
  text: string;
}

export interface SoakResult {
  coverage: Coverage;
  failure?: SoakFailure;
  /** The NMIs that came, for whoever wants to repeat the run with a debugger. */
  nmis: { position: number; cpu: number }[];
}

/** So many steps without a line on the console are too many. */
const SILENCE_BOUND = 8_000_000_000;
const FULL_EVERY = 16;
/** The length of a window: from before a switch begins, and from when it ends, so many steps each. */
const WINDOW_STEPS = 100_000;

/**
 * Runs a machine with a workload to its end, with NMIs at random moments, and looks at all rules of KAISER as often as it is told.
 * The machine is one that has not run yet and whose script is the workload's.
 */
export async function soak(debuggee: Debuggee, workload: Workload, options: SoakOptions, progress: (coverage: Coverage) => void = () => {}): Promise<SoakResult> {
  return new Soak(debuggee, workload, options).run(progress);
}

class Soak {
  private readonly coverage: Coverage = { steps: 0, switchedOn: 0, switchedOff: 0, nmis: { user: 0, entry: 0, kernel: 0, toggling: 0 }, exceptions: 0, checks: { cpus: 0, full: 0, windows: 0 } };
  private readonly nmis: { position: number; cpu: number }[] = [];
  private readonly nmiRandom: Random;
  private readonly lookRandom: Random;
  private console = '';
  private lastLine = 0;
  /** How much of the console has been looked through. */
  private read = 0;
  private begunAt: number | undefined;
  private windowEnd: number | undefined;
  private isWatched = false;
  private failure: SoakFailure | undefined;
  private verdict: Verdict | undefined;
  private readonly text: { start: bigint; end: bigint };

  constructor(private readonly debuggee: Debuggee, private readonly workload: Workload, private readonly options: SoakOptions) {
    this.nmiRandom = new Random(options.seed);
    this.lookRandom = new Random(~options.seed);
    const { target, symbols } = debuggee;
    const address = (name: string): bigint => {
      const found = symbols.table.addressOf(name);
      if (found === undefined) throw new Error(`The kernel has no symbol ${name}: a soak needs the built-in kernel, or one made from its sources.`);
      return found;
    };
    this.text = { start: address('__entry_text_start'), end: address('__entry_text_end') };
    target.onConsole(text => {
      this.console += text;
      this.lastLine = target.position;
    });
    target.setExceptionStops(exception => {
      this.coverage.exceptions++;
      this.verdict = verdictAt(debuggee, { kind: 'exception', cpu: exception.cpu, exceptions: [...target.recentExceptions(exception.cpu), exception] });
      return this.verdict !== undefined || debuggee.spinWatch.observe(exception);
    });
    target.addProbe(address('kaiser_toggle'), () => {
      this.isWatched = options.windowEvery > 0 && this.lookRandom.below(options.windowEvery) === 0;
      if (this.isWatched) this.openWindow();
    });
    target.addProbe(address('kaiser_toggle_begin'), () => { this.begunAt = target.position; });
    target.addProbe(address('kaiser_toggle_end'), cpu => {
      this.begunAt = undefined;
      if (this.isWatched) this.openWindow();
      if (target.readRegister(cpu, 'edi')) this.coverage.switchedOn++;
      else this.coverage.switchedOff++;
      // The debugger's own note that the switch is over is made by a probe as well: the look comes at the next step.
      target.addAlarm(target.position + 1, () => (this.look(true) ? 'stop' : undefined));
    });
    const ready = target.addProbe(address('kaiser_shell_ready'), () => {
      ready.dispose();
      if (options.nmiEvery > 0) this.planNmi();
    });
  }

  async run(progress: (coverage: Coverage) => void): Promise<SoakResult> {
    const { target } = this.debuggee;
    const { coverage } = this;
    for (let looks = 1; ; looks++) {
      const stop = await target.run({ until: target.position + 1 + this.lookRandom.below(2 * this.options.checkEvery) });
      coverage.steps = target.position;
      if (!this.failure) this.judge(stop);
      if (!this.failure && stop.kind === 'limit') this.look(looks % FULL_EVERY === 0);
      if (this.failure || stop.kind !== 'limit') return { coverage, nmis: this.nmis, ...(this.failure ? { failure: this.failure } : {}) };
      progress(coverage);
    }
  }

  /** What a stop, the console and the clock say. */
  private judge(stop: Stop): void {
    const { target } = this.debuggee;
    const end = this.console.lastIndexOf('\n') + 1;
    const bad = complaints(this.console.slice(this.read, end));
    this.read = end;
    if (bad.length) this.fail({ text: `The console says: ${bad.join(' / ')}` });
    else if (stop.kind === 'exit' && stop.code === 0) {
      const gone = missing(this.workload, this.console);
      if (gone.length) this.fail({ text: `The guest has powered off, but ${gone.join(', ')}.` });
    } else if (stop.kind === 'probe' && this.debuggee.invariants.broken) this.fail(this.debuggee.invariants.broken);
    else if (stop.kind !== 'limit') this.died(stop);
    else if (this.begunAt !== undefined && target.position - this.begunAt > LIVENESS_STEPS * target.cpuCount) {
      this.fail({ predicate: 'P24', text: `A switch that began at position ${this.begunAt} has not ended.` });
    } else if (target.position - this.lastLine > SILENCE_BOUND) this.fail({ text: `The guest has not finished a line for ${SILENCE_BOUND} steps.` });
  }

  private died(stop: Stop): void {
    const { debuggee } = this;
    const kind = stop.kind === 'exception' ? 'spin' : stop.kind === 'shutdown' || stop.kind === 'dead' || stop.kind === 'exit' ? stop.kind : undefined;
    const found = this.verdict ?? (kind && verdictAt(debuggee, { kind, cpu: stop.cpu, exceptions: stop.kind === 'shutdown' ? stop.exceptions : debuggee.target.recentExceptions(stop.cpu) }));
    const told = this.console.split('\n').slice(-3).join(' / ');
    this.fail(found ?? { text: `The machine has stopped (${stop.kind}${stop.kind === 'exit' ? `, code ${stop.code}` : ''}), CPU ${stop.cpu} at ${debuggee.formatAddress(debuggee.target.cpu(stop.cpu).rip)}. The console ends: ${told}` });
  }

  /** Looks at the machine as it stands. True if something is wrong. */
  private look(full: boolean): boolean {
    const view = this.debuggee.kaiser.machineView();
    if (!view) return false;
    this.coverage.checks.cpus++;
    if (full) this.coverage.checks.full++;
    const [violation] = full ? checkInvariants(view) : checkInvariants(view, ['cpus']);
    if (violation) this.fail(violation);
    return violation !== undefined;
  }

  /** From now on every entry and exit is looked at, until the window closes. */
  private openWindow(): void {
    const { target, invariants } = this.debuggee;
    if (this.windowEnd === undefined) {
      invariants.start({ rate: 'entries' });
      this.coverage.checks.windows++;
    }
    const end = this.windowEnd = target.position + WINDOW_STEPS;
    target.addAlarm(end, () => {
      if (this.windowEnd !== end) return;
      this.windowEnd = undefined;
      invariants.stop();
    });
  }

  private fail({ hazard, predicate, text }: Pick<Violation, 'hazard' | 'text'> & { predicate?: string | undefined }): void {
    this.failure ??= { position: this.debuggee.target.position, ...(hazard ? { hazard } : {}), ...(predicate ? { predicate } : {}), text };
  }

  /** The next NMI: mostly after any time up to twice the mean, now and then so soon that it finds the handler of the last one. */
  private planNmi(): void {
    const { target } = this.debuggee;
    const soon = this.nmiRandom.below(8) === 0;
    const position = target.position + 1 + this.nmiRandom.below(soon ? 300 : 2 * this.options.nmiEvery);
    const cpu = soon && this.nmis.length ? this.nmis.at(-1)!.cpu : this.nmiRandom.below(target.cpuCount);
    target.addAlarm(position, () => {
      const { rip, cpl } = target.cpu(cpu), { nmis } = this.coverage;
      if (cpl === 3) nmis.user++;
      else if (rip >= this.text.start && rip < this.text.end) nmis.entry++;
      else nmis.kernel++;
      if (this.begunAt !== undefined) nmis.toggling++;
      this.nmis.push({ position, cpu });
      target.injectNmi(cpu);
      this.planNmi();
    });
  }
}
