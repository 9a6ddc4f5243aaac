import type { DebugProtocol } from '@vscode/debugprotocol';
import { BreakpointStore } from './breakpoints/breakpointStore.js';
import { ExceptionFilters } from './breakpoints/exceptionFilters.js';
import { ConsoleOutput } from './consoleOutput.js';
import type { Debuggee } from './debuggee.js';
import { messageOf, NotStopped, RequestError } from './errors.js';
import type { Host } from './host.js';
import type { BrokenRule } from './invariantChecks.js';
import { RunControl } from './runControl.js';
import type { Scenario } from './scenario.js';
import { describeStop } from './stopDescription.js';
import type { StopDescription } from './stopDescription.js';
import { VariableStore } from './variables/variableStore.js';
import type { Stop } from '../target/target.js';

/** How the client counts and writes. */
export interface ClientOptions {
  linesStartAt1: boolean;
  columnsStartAt1: boolean;
}

/** The state of one debug session and the services that the requests share. Knows the protocol's types, not its transport. */
export class Adapter {
  client: ClientOptions = { linesStartAt1: true, columnsStartAt1: true };
  readonly breakpoints: BreakpointStore;
  readonly exceptionFilters = new ExceptionFilters();
  readonly variables = new VariableStore();
  readonly runControl: RunControl;
  readonly console: ConsoleOutput;
  /** The CPU that requests without a thread or frame speak of: the one last stopped or looked at. */
  focus = 0;
  /** What ended the last run; undefined while running and before the first stop. */
  lastStop: { stop: Stop; description: StopDescription } | undefined;
  /** Set by configurationDone: starts the machine once it is both launched and configured. */
  start: (() => void) | undefined;
  configured = false;
  terminated = false;
  /** The scenario that the session shows, if it shows one. */
  scenario: Scenario | undefined;

  private current: Debuggee | undefined;
  private readonly queue: (() => void)[] = [];

  constructor(
    readonly host: Host,
    private readonly sendEvent: (event: string, body: unknown) => void,
  ) {
    this.breakpoints = new BreakpointStore(
      (text, location) => this.output('console', text, location),
      () => this.current,
    );
    this.console = new ConsoleOutput(text => this.output('stdout', text));
    this.runControl = new RunControl({ onStop: stop => this.stopped(stop), onFailure: error => this.failed(error) });
  }

  get launched(): boolean {
    return this.current !== undefined;
  }

  /** The debuggee; throws a RequestError before launch. */
  get debuggee(): Debuggee {
    if (!this.current) throw new RequestError('Nothing has been launched yet. Start a session first.', false);
    return this.current;
  }

  set debuggee(debuggee: Debuggee) {
    this.current = debuggee;
    this.lastStop = undefined;
    this.focus = 0;
    this.breakpoints.resetHits();
    this.variables.clear();
    debuggee.target.onConsole(text => this.console.write(text));
    this.runControl.attach(debuggee.target, () => debuggee.invariants.runOptions);
    this.applyBreakpoints();
  }

  /** Throws the conventional `notStopped` unless the machine stands still. */
  requireStopped(): void {
    void this.debuggee;
    if (this.runControl.running) throw new NotStopped();
  }

  /** The index of the CPU of a thread id. Throws for one that does not exist. */
  cpuOfThread(threadId: number | undefined): number {
    if (threadId === undefined) return this.focus;
    const cpu = threadId - 1;
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= this.debuggee.target.cpuCount) {
      throw new RequestError(
        `There is no thread ${threadId}; the machine has CPUs 0 to ${this.debuggee.target.cpuCount - 1} as threads 1 to ${this.debuggee.target.cpuCount}.`,
      );
    }
    return cpu;
  }

  /** The index of a CPU given by a custom request. */
  checkCpu(cpu: unknown): number {
    if (cpu === undefined) return this.focus;
    const count = this.debuggee.target.cpuCount;
    if (typeof cpu !== 'number' || !Number.isInteger(cpu) || cpu < 0 || cpu >= count) {
      throw new RequestError(`There is no CPU ${String(cpu)}; the machine has CPUs 0 to ${count - 1}.`);
    }
    return cpu;
  }

  event(event: string, body: unknown = {}): void {
    this.sendEvent(event, body);
  }

  output(
    category: 'console' | 'stdout' | 'stderr' | 'important',
    output: string,
    location: { source?: DebugProtocol.Source; line?: number } = {},
  ): void {
    this.event('output', { category, output, ...location });
  }

  /** Runs `action` after the response to the current request has been sent. */
  afterResponse(action: () => void): void {
    this.queue.push(action);
  }

  flushQueue(): void {
    for (const action of this.queue.splice(0)) action();
  }

  /** Gives the target the breakpoints and exception stops as they are now. */
  applyBreakpoints(): void {
    const debuggee = this.debuggee;
    const ignore = debuggee.launch.noDebug;
    this.runControl.setBreakpoints(ignore ? [] : this.breakpoints.targetBreakpoints());
    debuggee.target.setWatchpoints(ignore ? [] : this.breakpoints.targetWatchpoints());
    const { invariants } = this.exceptionFilters;
    const check = this.exceptionFilters.isOn('kaiser-broken') ? this.scenario?.check : undefined;
    if (invariants && !ignore) debuggee.invariants.start({ rate: debuggee.launch.checkInvariants, ...invariants });
    else if (check && !ignore) debuggee.invariants.start({ rate: check.when === 'instructions' ? check.when : 'entries', wants: check.wants, accepts: namesHazard });
    else debuggee.invariants.stop();
    debuggee.target.setExceptionStops(exception => {
      if (debuggee.spinWatch.observe(exception)) return true;
      return !ignore && this.exceptionFilters.matches(exception, debuggee, text => this.output('console', `${text}\n`));
    }, ignore ? -1 : this.exceptionFilters.quietPageFaults);
  }

  /** Lets the machine run; a stopped event follows. */
  resume(action: () => Promise<Stop | undefined>): void {
    this.variables.clear();
    this.lastStop = undefined;
    this.runControl.start(action);
  }

  /** Tells the client that state other than by running has changed (a register was set, memory written). */
  changed(): void {
    this.event('invalidated', { areas: ['variables', 'stacks'] });
    this.event('kaiserscope/changed', { position: String(this.debuggee.target.position) });
  }

  /** Ends the session from this side, once. */
  terminate(exitCode?: number): void {
    if (this.terminated) return;
    this.terminated = true;
    this.console.flush();
    if (exitCode !== undefined) this.event('exited', { exitCode });
    this.event('terminated');
  }

  private stopped(stop: Stop): void {
    this.console.flush();
    const debuggee = this.debuggee;
    this.focus = stop.cpu;
    if (stop.kind === 'exit' && stop.code === 0) {
      this.output('console', `The guest powered off at position ${debuggee.target.position}.${this.scenario ? ' The machine has survived.' : ''}\n`);
      this.terminate(0);
      return;
    }
    const description = describeStop(stop, debuggee, this.breakpoints);
    if (stop.kind === 'shutdown' && !this.exceptionFilters.isOn('triple-fault')) {
      this.output('important', `${description.text}\n`);
      this.terminate(1);
      return;
    }
    this.lastStop = { stop, description };
    if (stop.kind === 'breakpoint' && this.breakpoints.clearOnce(stop.cpu, stop.address)) this.applyBreakpoints();
    if (description.advice) this.output('important', `${description.text}\n${description.advice}\n`);
    const hitBreakpointIds = description.hitBreakpointIds.filter(id => id !== 0);
    this.event('stopped', {
      reason: description.reason,
      description: description.title,
      text: description.text,
      threadId: stop.cpu + 1,
      allThreadsStopped: true,
      ...(hitBreakpointIds.length > 0 ? { hitBreakpointIds } : {}),
    });
    this.event('kaiserscope/changed', { position: String(debuggee.target.position) });
  }

  /** The machine itself failed: a fault of ours, told as such, with the state kept. */
  private failed(error: unknown): void {
    this.console.flush();
    this.output('important', `The machine stopped because of an internal error: ${messageOf(error)}\n`);
    this.event('stopped', {
      reason: 'exception',
      description: 'Internal error',
      text: messageOf(error),
      threadId: this.focus + 1,
      allThreadsStopped: true,
    });
  }
}

/** A scenario that checks rules is about a hazard, which not every broken rule tells. */
function namesHazard({ hazard }: BrokenRule): boolean {
  return hazard !== undefined;
}
