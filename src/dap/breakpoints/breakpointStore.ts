import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debuggee } from '../debuggee.js';
import { messageOf } from '../errors.js';
import type { Expression } from '../expression/ast.js';
import { compileCondition } from '../expression/condition.js';
import type { Condition } from '../expression/condition.js';
import { evaluate } from '../expression/evaluate.js';
import type { Scope } from '../expression/evaluate.js';
import { parseCondition } from '../expression/expression.js';
import { formatValue } from '../expression/format.js';
import { machineScope } from '../expression/machineScope.js';
import type { TargetBreakpoint, TargetWatchpoint, WatchpointHit } from '../../target/target.js';
import { parseHitCondition } from './hitCondition.js';
import type { HitCondition } from './hitCondition.js';
import { parseLogMessage } from './logMessage.js';
import type { LogPart } from './logMessage.js';

/** What a client may say of any kind of breakpoint. */
export interface BreakpointOptions {
  condition?: string;
  hitCondition?: string;
  logMessage?: string;
}

/** One breakpoint of the client, resolved to addresses. */
export interface SessionBreakpoint {
  readonly id: number;
  /** What it was set on, for texts: `entry_syscall64`, `syscall.S:12`. */
  readonly label: string;
  readonly addresses: readonly bigint[];
  /** The bytes of a data breakpoint, which has no addresses. */
  readonly data?: { address: bigint; size: number; read: boolean; write: boolean };
  readonly location?: { source: DebugProtocol.Source; line: number };
  readonly condition?: { text: string; expression: Expression; /** By CPU, made when first asked. */ asked: (Condition | undefined)[] };
  readonly hitCondition?: HitCondition;
  readonly log?: readonly LogPart[];
  /** How often it was reached with its condition true. */
  hits: number;
  /** A failing condition is told once, not at every pass. */
  complained: boolean;
}

/** The group of the one-time breakpoint. */
const ONCE = 'once';

/**
 * The breakpoints of a session, in groups that the client replaces as a whole (one for each source file, one for
 * function, one for instruction breakpoints), and what happens when one is reached.
 */
export class BreakpointStore {
  private readonly groups = new Map<string, SessionBreakpoint[]>();
  private nextId = 1;
  /** By CPU: what was hit when a breakpoint was last reached, and where. */
  private readonly lastHit = new Map<number, { address: bigint; ids: number[] }>();

  constructor(
    private readonly log: (text: string, location?: { source?: DebugProtocol.Source; line?: number }) => void,
    private readonly debuggee: () => Debuggee | undefined,
  ) {}

  newId(): number {
    return this.nextId++;
  }

  /**
   * Makes a breakpoint out of what the client asked for. Throws an Error for a wrong condition, hit count or log message.
   * Ids of an unchanged breakpoint of the group stay, so that clients keep their marks.
   */
  create(
    group: string,
    label: string,
    addresses: readonly bigint[],
    options: BreakpointOptions,
    location?: SessionBreakpoint['location'],
  ): SessionBreakpoint {
    const scope = machineScope(this.debuggee()!, 0);
    const old = this.groups.get(group)?.find(one => one.label === label && one.addresses.join() === addresses.join());
    return {
      id: old?.id ?? this.newId(),
      label,
      addresses,
      hits: old?.hits ?? 0,
      complained: false,
      ...(location ? { location } : {}),
      ...(options.condition?.trim()
        ? { condition: { text: options.condition, expression: parseCondition(options.condition, scope), asked: [] } }
        : {}),
      ...(options.hitCondition?.trim() ? { hitCondition: parseHitCondition(options.hitCondition) } : {}),
      ...(options.logMessage ? { log: parseLogMessage(options.logMessage) } : {}),
    };
  }

  /** Replaces a group. */
  setGroup(group: string, breakpoints: SessionBreakpoint[]): void {
    this.groups.set(group, breakpoints);
  }

  /** A breakpoint of the session's own, which goes away when it has stopped a CPU. The client does not know its id. */
  setOnce(label: string, address: bigint): void {
    this.setGroup(ONCE, [{ id: 0, label, addresses: [address], hits: 0, complained: false }]);
  }

  /** Removes the one-time breakpoint if it is among what stopped the CPU; true if it was. */
  clearOnce(cpu: number, address: bigint): boolean {
    return this.hitIds(cpu, address).includes(0) && this.groups.delete(ONCE);
  }

  /** How often breakpoints at an address were reached; undefined where there is none. */
  hitsAt(address: bigint): number | undefined {
    const there = this.at(address);
    return there.length === 0 ? undefined : Math.max(...there.map(one => one.hits));
  }

  resetHits(): void {
    this.lastHit.clear();
    for (const one of this.all()) {
      one.hits = 0;
      one.complained = false;
      // A machine of its own goes with a restart.
      if (one.condition) one.condition.asked.length = 0;
    }
  }

  /** The breakpoints for the target, one for each address. */
  targetBreakpoints(): TargetBreakpoint[] {
    const addresses = new Set(this.all().flatMap(one => one.addresses));
    return [...addresses].map(address => {
      const there = this.at(address);
      return { address, condition: cpu => this.reached(cpu, address, there) };
    });
  }

  /** The data breakpoints for the target. */
  targetWatchpoints(): TargetWatchpoint[] {
    return this.all().flatMap(one => (one.data ? [{ id: one.id, ...one.data, condition: (cpu: number) => this.stops(one, cpu) }] : []));
  }

  /** The data breakpoints that stopped the machine. */
  dataIds(hits: readonly WatchpointHit[]): number[] {
    return [...new Set(hits.map(hit => hit.id))];
  }

  /** The ids of what stopped the CPU at an address. */
  hitIds(cpu: number, address: bigint): number[] {
    const hit = this.lastHit.get(cpu);
    return hit?.address === address ? hit.ids : [];
  }

  /** The labels of the breakpoints with these ids. */
  labels(ids: readonly number[]): string[] {
    return this.all()
      .filter(one => ids.includes(one.id))
      .map(one => one.label);
  }

  private all(): SessionBreakpoint[] {
    return [...this.groups.values()].flat();
  }

  private at(address: bigint): SessionBreakpoint[] {
    return this.all().filter(one => one.addresses.includes(address));
  }

  /** Decides whether the CPU stops at the address: conditions, hit counts, log messages. */
  private reached(cpu: number, address: bigint, there: readonly SessionBreakpoint[]): boolean {
    let ids: number[] | undefined;
    for (const one of there) if (this.stops(one, cpu)) (ids ??= []).push(one.id);
    if (ids) this.lastHit.set(cpu, { address, ids });
    else this.lastHit.delete(cpu);
    return ids !== undefined;
  }

  private stops(one: SessionBreakpoint, cpu: number): boolean {
    if (one.condition) {
      try {
        const { asked, expression, text } = one.condition;
        if (!(asked[cpu] ??= compileCondition(expression, machineScope(this.debuggee()!, cpu), text))()) return false;
      } catch (error) {
        // Neither stopping nor passing would be what was meant; a stop can at least be looked at.
        if (!one.complained)
          this.log(`The condition of the breakpoint on ${one.label} failed: ${messageOf(error)}\n`, one.location);
        one.complained = true;
      }
    }
    one.hits++;
    if (one.hitCondition && !one.hitCondition(one.hits)) return false;
    if (!one.log) return true;
    const debuggee = this.debuggee()!;
    const scope = machineScope(debuggee, cpu);
    const text = one.log.map(part => (typeof part === 'string' ? part : this.show(part, scope, debuggee))).join('');
    this.log(`${text}\n`, one.location);
    return false;
  }

  private show(part: { text: string; expression: Expression }, scope: Scope, debuggee: Debuggee): string {
    try {
      const value = evaluate(part.expression, scope, part.text);
      return typeof value === 'string' ? value : formatValue(value, debuggee);
    } catch (error) {
      return `{${part.text}: ${messageOf(error)}}`;
    }
  }
}
