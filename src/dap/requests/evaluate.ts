import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Adapter } from '../adapter.js';
import { hex } from '../debuggee.js';
import { messageOf, RequestError } from '../errors.js';
import type { Scope, Value } from '../expression/evaluate.js';
import { evaluateText } from '../expression/expression.js';
import { formatValue } from '../expression/format.js';
import { expressionHelp } from '../expression/help.js';
import { machineScope } from '../expression/machineScope.js';
import { defineRequest } from '../request.js';

type Result = DebugProtocol.EvaluateResponse['body'];

/**
 * In the Debug Console (context `repl`) a line goes to the guest's console unless it starts with `=`; everywhere else
 * the text is an expression. Evaluating never changes the machine.
 */
export const evaluate = defineRequest<DebugProtocol.EvaluateArguments, Result>({
  command: 'evaluate',
  needs: 'launched',
  capabilities: { supportsEvaluateForHovers: true, supportsClipboardContext: true },
  handle(adapter, args) {
    if (args.context !== 'repl') return evaluateExpression(adapter, args.expression, args);
    if (args.expression.trimStart().startsWith('=')) {
      const text = args.expression.trimStart().slice(1).trim();
      return text === 'help' ? { result: expressionHelp(), variablesReference: 0 } : evaluateExpression(adapter, text, args);
    }
    adapter.debuggee.target.consoleInput(`${args.expression}\n`);
    const isWaiting = !adapter.runControl.running;
    return { result: isWaiting ? '(The guest is stopped; it reads this when it runs on.)' : '', variablesReference: 0 };
  },
});

function evaluateExpression(adapter: Adapter, text: string, args: DebugProtocol.EvaluateArguments): Result {
  adapter.requireStopped();
  const { debuggee } = adapter;
  const frame = adapter.variables.frame(args.frameId);
  const cpu = frame?.cpu ?? adapter.focus;
  const exception =
    adapter.lastStop?.stop.kind === 'exception' && adapter.lastStop.stop.cpu === cpu
      ? adapter.lastStop.stop.exception
      : undefined;
  const scope = machineScope(debuggee, cpu, exception);
  let value: Value;
  try {
    value = evaluateText(
      text,
      frame && frame.index > 0 ? callerScope(scope, { rip: frame.pc, rsp: frame.sp, rbp: frame.fp }) : scope,
    );
  } catch (error) {
    // A hover over a word that is no expression is no error of the user's.
    throw new RequestError(messageOf(error), args.context === 'repl');
  }
  const result =
    args.context === 'clipboard' && typeof value === 'bigint'
      ? hex(value)
      : formatValue(value, debuggee) + contentOf(adapter, cpu, text, value);
  return {
    result,
    type: typeof value === 'string' ? 'word' : 'u64',
    variablesReference: 0,
    ...(typeof value === 'bigint' && value >= 0x1000n ? { memoryReference: hex(value) } : {}),
  };
}

/** For a bare symbol of a variable, what it holds: `= 0x1`. */
function contentOf(adapter: Adapter, cpu: number, text: string, value: Value): string {
  const symbol = adapter.debuggee.symbols.table.byName(text.trim());
  if (!symbol || symbol.kind !== 'object' || symbol.address !== value || ![1, 2, 4, 8].includes(symbol.size)) return '';
  const bytes = adapter.debuggee.readEitherHalf(cpu, symbol.address, symbol.size);
  return bytes
    ? ` = 0x${[...bytes]
        .reverse()
        .map(byte => byte.toString(16).padStart(2, '0'))
        .join('')
        .replace(/^0+(?=.)/, '')}`
    : '';
}

/** In a caller's frame RIP, RSP and RBP are the frame's own. */
function callerScope(scope: Scope, known: Readonly<Record<string, bigint>>): Scope {
  return { ...scope, lookup: name => (Object.hasOwn(known, name) ? known[name] : scope.lookup(name)) };
}
