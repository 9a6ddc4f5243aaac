import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Adapter } from '../adapter.js';
import { hex } from '../debuggee.js';
import { defineRequest } from '../request.js';
import { sourceOf } from '../sources.js';
import { unwindStack } from '../stack.js';
import type { Frame } from '../../symbols/index.js';

const separatorId = 0x7fff_0000;

export const stackTrace = defineRequest<DebugProtocol.StackTraceArguments, DebugProtocol.StackTraceResponse['body']>({
  command: 'stackTrace',
  needs: 'stopped',
  capabilities: { supportsDelayedStackTraceLoading: true },
  handle(adapter, args) {
    const cpu = adapter.cpuOfThread(args.threadId);
    const rows: DebugProtocol.StackFrame[] = [];
    let level = adapter.debuggee.target.cpu(cpu).cpl as number;
    unwindStack(adapter.debuggee, cpu).forEach((frame, index) => {
      if (frame.how === 'interrupt frame') {
        // Control came into the kernel here, or an event interrupted it.
        const name = frame.cpl === 3 ? 'user mode' : 'interrupted kernel code';
        rows.push({ id: separatorId + rows.length, name: `── ${name} ──`, line: 0, column: 0, presentationHint: 'label' });
        level = frame.cpl ?? level;
      }
      rows.push(...frameRows(adapter, cpu, frame, index, level));
    });
    const start = args.startFrame ?? 0;
    const end = args.levels ? start + args.levels : undefined;
    return { stackFrames: rows.slice(start, end), totalFrames: rows.length };
  },
});

/** The rows of one frame: functions that the compiler has put inline there, the innermost first, then the function itself. */
function frameRows(adapter: Adapter, cpu: number, frame: Frame, index: number, level: number): DebugProtocol.StackFrame[] {
  const { debuggee } = adapter;
  const { symbols } = debuggee;
  const lookup = debuggee.linked(frame.lookup);
  const inlined = symbols.functions.inlinedAt(lookup).filter(call => call.name !== '' && call.callFile !== '');
  const own = symbols.table.functionAt(lookup)?.symbol.name ?? `${hex(frame.pc)}${level === 3 ? ' (user)' : ''}`;
  const names = [own, ...inlined.map(call => call.name)];
  const innermost = symbols.lines.locationAt(lookup);
  // Each function but the innermost stands at its call of the next one.
  const places = [...inlined.map(call => ({ file: call.callFile, line: call.callLine, column: 1 })), innermost];
  const { linesStartAt1, columnsStartAt1 } = adapter.client;
  return names
    .map((name, depth): DebugProtocol.StackFrame => {
      const place = places[depth];
      return {
        id: adapter.variables.addFrame({ cpu, index, depth, pc: frame.pc, sp: frame.sp, fp: frame.fp }),
        name,
        instructionPointerReference: hex(frame.pc),
        line: place ? place.line - (linesStartAt1 ? 0 : 1) : 0,
        column: place ? Math.max(place.column, 1) - (columnsStartAt1 ? 0 : 1) : 0,
        ...(place ? { source: sourceOf(place.file, debuggee.launch.sourceRoot ?? adapter.host.builtInSourceRoot) } : {}),
      };
    })
    .reverse();
}
