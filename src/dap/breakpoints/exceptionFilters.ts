import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debuggee } from '../debuggee.js';
import { messageOf } from '../errors.js';
import type { Expression } from '../expression/ast.js';
import { evaluate, isTrue } from '../expression/evaluate.js';
import { parseCondition } from '../expression/expression.js';
import { machineScope } from '../expression/machineScope.js';
import type { ExceptionInfo } from '../../target/target.js';

/** An exception at which a session can stop. `vector` is undefined for the shutdown that follows a failed double fault. */
interface Filter { id: string; label: string; description: string; vector: number | undefined; onByDefault: boolean; }

const conditionHelp = 'A condition such as cpl == 3 && cr2 < 0x1000 (also err, vector, cpu, cr3.half, registers)';

export const exceptionFilterTable: readonly Filter[] = [
  { id: 'page-fault', label: 'Page Fault (#PF)', description: 'Stops before a page fault is delivered.', vector: 14, onByDefault: false },
  { id: 'general-protection', label: 'General Protection (#GP)', description: 'Stops before a general-protection exception is delivered.', vector: 13, onByDefault: false },
  { id: 'double-fault', label: 'Double Fault (#DF)', description: 'Stops before a double fault is delivered.', vector: 8, onByDefault: false },
  { id: 'triple-fault', label: 'Triple Fault (Shutdown)', description: 'Stops when a CPU shuts down because a double fault cannot be delivered. Off: the session ends there.', vector: undefined, onByDefault: true },
];

/** The check boxes of the Breakpoints view, as the initialize response lists them. */
export function exceptionBreakpointsFilters(): DebugProtocol.ExceptionBreakpointsFilter[] {
  return exceptionFilterTable.map(filter => ({
    filter: filter.id, label: filter.label, description: filter.description, default: filter.onByDefault,
    supportsCondition: filter.vector !== undefined, ...(filter.vector !== undefined ? { conditionDescription: conditionHelp } : {}),
  }));
}

interface ActiveFilter { filter: Filter; condition?: { text: string; expression: Expression }; complained: boolean; }

/** Which exceptions the session stops at. */
export class ExceptionFilters {
  private active = new Map<string, ActiveFilter>(exceptionFilterTable.filter(filter => filter.onByDefault).map(filter => [filter.id, { filter, complained: false }]));

  /** Takes a setExceptionBreakpoints request; the answer tells for each filter, in order, whether it was understood. */
  set(args: DebugProtocol.SetExceptionBreakpointsArguments, debuggee: Debuggee): { verified: boolean; message?: string }[] {
    this.active = new Map();
    const asked = [...(args.filters ?? []).map(filterId => ({ filterId, condition: undefined })), ...(args.filterOptions ?? [])];
    return asked.map(({ filterId, condition }) => {
      const filter = exceptionFilterTable.find(one => one.id === filterId);
      if (!filter) return { verified: false, message: `There is no exception filter "${filterId}"; there are ${exceptionFilterTable.map(one => one.id).join(', ')}.` };
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

  isOn(id: string): boolean {
    return this.active.has(id);
  }

  /** Whether the machine stops before this exception is delivered. */
  matches(exception: ExceptionInfo, debuggee: Debuggee, complain: (text: string) => void): boolean {
    for (const one of this.active.values()) {
      if (one.filter.vector !== exception.vector) continue;
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
