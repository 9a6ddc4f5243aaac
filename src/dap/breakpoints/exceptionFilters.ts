import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debuggee } from '../debuggee.js';
import { messageOf } from '../errors.js';
import { SHADOW_BIT } from '../../kaiser/index.js';
import { exceptionsUpTo } from '../exceptionText.js';
import type { Expression } from '../expression/ast.js';
import { evaluate, isTrue } from '../expression/evaluate.js';
import { parseCondition } from '../expression/expression.js';
import { machineScope } from '../expression/machineScope.js';
import type { Verdict } from '../../kaiser/index.js';
import { verdictAt } from '../verdict.js';
import { invariantConditionHelp, parseInvariantCondition } from './invariantCondition.js';
import type { InvariantCondition } from './invariantCondition.js';
import type { ExceptionInfo } from '../../target/target.js';

/** Something that a session can stop at: an exception by its vector, or what has none of its own. */
interface Filter {
  id: string;
  label: string;
  description: string;
  vector: number | undefined;
  onByDefault: boolean;
  /** What a condition may say; without it the filter takes none. */
  conditionHelp?: string;
}

const conditionHelp = 'A condition such as cpl == 3 && cr2 < 0x1000 (also err, vector, cpu, cr3.half, registers)';

const INVARIANTS = 'kaiser-invariant';

export const exceptionFilterTable: readonly Filter[] = [
  {
    id: 'kaiser-broken',
    label: 'KAISER Broken',
    vector: undefined,
    onByDefault: true,
    description:
      'Stops at the first exception that shows a rule of KAISER broken: kernel code on the shadow CR3, user code on the poisoned kernel CR3.',
  },
  {
    id: INVARIANTS,
    label: 'KAISER Invariant Broken',
    vector: undefined,
    onByDefault: false,
    description:
      'Checks the rules P1 to P24 at every entry and exit (or every instruction: launch attribute checkInvariants) and stops where one does not hold. Slows the machine down.',
    conditionHelp: invariantConditionHelp,
  },
  {
    id: 'page-fault',
    label: 'Page Fault (#PF)',
    description: 'Stops before a page fault is delivered.',
    vector: 14,
    onByDefault: false,
    conditionHelp,
  },
  {
    id: 'general-protection',
    label: 'General Protection (#GP)',
    description: 'Stops before a general-protection exception is delivered.',
    vector: 13,
    onByDefault: false,
    conditionHelp,
  },
  {
    id: 'double-fault',
    label: 'Double Fault (#DF)',
    description: 'Stops before a double fault is delivered.',
    vector: 8,
    onByDefault: false,
    conditionHelp,
  },
  {
    id: 'triple-fault',
    label: 'Triple Fault (Shutdown)',
    description: 'Stops when a CPU shuts down because a double fault cannot be delivered. Off: the session ends there.',
    vector: undefined,
    onByDefault: true,
  },
];

/** The check boxes of the Breakpoints view, as the initialize response lists them. */
export function exceptionBreakpointsFilters(): DebugProtocol.ExceptionBreakpointsFilter[] {
  return exceptionFilterTable.map(filter => ({
    filter: filter.id,
    label: filter.label,
    description: filter.description,
    default: filter.onByDefault,
    supportsCondition: filter.conditionHelp !== undefined,
    ...(filter.conditionHelp !== undefined ? { conditionDescription: filter.conditionHelp } : {}),
  }));
}

interface ActiveFilter {
  filter: Filter;
  condition?: { text: string; expression: Expression };
  complained: boolean;
}

/** Which exceptions the session stops at. */
export class ExceptionFilters {
  private active = new Map<string, ActiveFilter>(
    exceptionFilterTable.filter(filter => filter.onByDefault).map(filter => [filter.id, { filter, complained: false }]),
  );

  /** Which rules of KAISER are to be checked; undefined while none are. */
  invariants: InvariantCondition | undefined;

  /** Takes a setExceptionBreakpoints request; the answer tells for each filter, in order, whether it was understood. */
  set(args: DebugProtocol.SetExceptionBreakpointsArguments, debuggee: Debuggee): { verified: boolean; message?: string }[] {
    this.active = new Map();
    this.invariants = undefined;
    const asked = [...(args.filters ?? []).map(filterId => ({ filterId, condition: undefined })), ...(args.filterOptions ?? [])];
    return asked.map(({ filterId, condition }) => {
      const filter = exceptionFilterTable.find(one => one.id === filterId);
      if (!filter)
        return {
          verified: false,
          message: `There is no exception filter "${filterId}"; there are ${exceptionFilterTable.map(one => one.id).join(', ')}.`,
        };
      if (filter.id === INVARIANTS) return this.setInvariants(filter, condition, debuggee);
      if (!condition?.trim()) {
        this.active.set(filterId, { filter, complained: false });
        return { verified: true };
      }
      try {
        const example: ExceptionInfo = { cpu: 0, vector: filter.vector ?? 8, rip: 0n, cpl: 0, cr3: 0n, position: 0 };
        const expression = parseCondition(condition, machineScope(debuggee, 0, example));
        this.active.set(filterId, { filter, condition: { text: condition, expression }, complained: false });
        return { verified: true };
      } catch (error) {
        return { verified: false, message: messageOf(error) };
      }
    });
  }

  private setInvariants(filter: Filter, condition: string | undefined, debuggee: Debuggee): { verified: boolean; message?: string } {
    if (!debuggee.kaiser.machineView()) return { verified: false, message: `The rules of KAISER cannot be checked: ${debuggee.kaiser.whyUnavailable()}` };
    try {
      this.invariants = parseInvariantCondition(condition ?? '', debuggee);
      this.active.set(filter.id, { filter, complained: false });
      return { verified: true };
    } catch (error) {
      return { verified: false, message: messageOf(error) };
    }
  }

  /** Every exception is judged for `kaiser-broken`, those too that look like ordinary ones: for a session that is about a hazard. */
  judgesAll = false;

  isOn(id: string): boolean {
    return this.active.has(id);
  }

  /** The page faults at CPL 3 at which the machine never stops, a bit for each error code (see `Target.setExceptionStops`). */
  get quietPageFaults(): number {
    return this.isOn('page-fault') || (this.judgesAll && this.isOn('kaiser-broken')) ? 0 : quietPageFaults(this.isOn('kaiser-broken') || this.invariants !== undefined);
  }

  /** Whether the machine stops before this exception is delivered. */
  matches(exception: ExceptionInfo, debuggee: Debuggee, complain: (text: string) => void): boolean {
    const isLikely = this.judgesAll || showsWrongHalf(exception, debuggee);
    if (this.isOn('kaiser-broken') && isLikely && judgeException(exception, debuggee)?.hazard !== undefined) return true;
    if (this.invariants && breaksRule(exception, debuggee, this.invariants)) return true;
    for (const one of this.active.values()) {
      if (one.filter.vector === undefined || one.filter.vector !== exception.vector) continue;
      if (!one.condition) return true;
      try {
        return isTrue(evaluate(one.condition.expression, machineScope(debuggee, exception.cpu, exception), one.condition.text));
      } catch (error) {
        if (!one.complained) complain(`The condition of the exception filter ${one.filter.label} failed: ${messageOf(error)}`);
        one.complained = true;
        return true;
      }
    }
    return false;
  }
}

/** The page faults at CPL 3 that nobody need look at (see `Target.setExceptionStops`): all, or those that break no rule of KAISER. */
export function quietPageFaults(judged: boolean): number {
  return judged ? ~(1 << USER_FETCH) : -1;
}

/** Whether the exception is what one of these rules speaks of (P19 to P21, P23, and what else a verdict names). */
export function breaksRule(exception: ExceptionInfo, debuggee: Debuggee, { accepts }: Pick<InvariantCondition, 'accepts'>): boolean {
  const writesCr3 = exception.vector === GENERAL_PROTECTION && exception.cpl === 0;
  const verdict = writesCr3 || isSuspicious(exception) ? judgeException(exception, debuggee) : undefined;
  return verdict?.predicate !== undefined && accepts({ predicate: verdict.predicate, cpu: exception.cpu, ...(verdict.hazard ? { hazard: verdict.hazard } : {}) }, debuggee);
}

const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
/** P, U and I of a page fault's error code: user mode may not execute a page that is there. */
const USER_FETCH = 0x15;

/** Whether a verdict is likely, and to be asked for: ordinary page faults come by the thousand. */
function showsWrongHalf(exception: ExceptionInfo, debuggee: Debuggee): boolean {
  if (!isSuspicious(exception)) return false;
  const { half } = debuggee.kaiser.cr3({ ...debuggee.target.cpu(exception.cpu), cr3: exception.cr3 });
  const isKernelOnShadow = exception.cpl !== 3 && half === 'shadow';
  const isUserRefused =
    exception.vector === PAGE_FAULT && exception.cpl === 3 && half === 'kernel' && (exception.errorCode ?? 0) === USER_FETCH;
  return isKernelOnShadow || isUserRefused;
}

function isSuspicious({ cpl, vector, errorCode, cr3 }: ExceptionInfo): boolean {
  return cpl === 3 ? vector === PAGE_FAULT && errorCode === USER_FETCH : (cr3 & SHADOW_BIT) !== 0n;
}

function judgeException(exception: ExceptionInfo, debuggee: Debuggee): Verdict | undefined {
  return verdictAt(debuggee, { kind: 'exception', cpu: exception.cpu, exceptions: exceptionsUpTo(exception, debuggee) });
}
