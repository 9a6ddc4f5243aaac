import type { DebugProtocol } from '@vscode/debugprotocol';
import type { SessionBreakpoint } from '../breakpoints/breakpointStore.js';
import { hex } from '../debuggee.js';
import { messageOf } from '../errors.js';
import { parseLocation } from '../location.js';
import { defineRequest } from '../request.js';
import { sourceOf } from '../sources.js';

/** A function breakpoint stops at the first instruction of a symbol, so that the registers still hold the arguments. */
export const setFunctionBreakpoints = defineRequest<
  DebugProtocol.SetFunctionBreakpointsArguments,
  DebugProtocol.SetFunctionBreakpointsResponse['body']
>({
  command: 'setFunctionBreakpoints',
  needs: 'launched',
  capabilities: { supportsFunctionBreakpoints: true },
  handle(adapter, args) {
    const { debuggee } = adapter;
    const set: SessionBreakpoint[] = [];
    const breakpoints = args.breakpoints.map((wanted): DebugProtocol.Breakpoint => {
      try {
        const address = parseLocation(wanted.name, debuggee, 'Function breakpoint');
        const location = debuggee.symbols.lines.locationAt(address);
        const source = location && sourceOf(location.file, debuggee.launch.sourceRoot ?? adapter.host.builtInSourceRoot);
        const line = location && (adapter.client.linesStartAt1 ? location.line : location.line - 1);
        const breakpoint = adapter.breakpoints.create(
          'function',
          wanted.name,
          [address],
          wanted,
          source && { source, line: line! },
        );
        set.push(breakpoint);
        return {
          id: breakpoint.id,
          verified: true,
          instructionReference: hex(address),
          ...(source ? { source, line: line! } : {}),
        };
      } catch (error) {
        return { id: adapter.breakpoints.newId(), verified: false, message: messageOf(error), reason: 'failed' };
      }
    });
    adapter.breakpoints.setGroup('function', set);
    adapter.applyBreakpoints();
    return { breakpoints };
  },
});
