import type { DebugProtocol } from '@vscode/debugprotocol';
import type { SessionBreakpoint } from '../breakpoints/breakpointStore.js';
import { hex } from '../debuggee.js';
import { messageOf } from '../errors.js';
import { parseReference } from '../location.js';
import { defineRequest } from '../request.js';

export const setInstructionBreakpoints = defineRequest<
  DebugProtocol.SetInstructionBreakpointsArguments,
  DebugProtocol.SetInstructionBreakpointsResponse['body']
>({
  command: 'setInstructionBreakpoints',
  needs: 'launched',
  capabilities: { supportsInstructionBreakpoints: true },
  handle(adapter, args) {
    const { debuggee } = adapter;
    const set: SessionBreakpoint[] = [];
    const breakpoints = args.breakpoints.map((wanted): DebugProtocol.Breakpoint => {
      try {
        const address = parseReference(wanted.instructionReference, wanted.offset);
        const breakpoint = adapter.breakpoints.create(
          'instruction',
          debuggee.symbolAt(address) ?? hex(address),
          [address],
          wanted,
        );
        set.push(breakpoint);
        const isThere = debuggee.readEitherHalf(adapter.focus, address, 1) ?? debuggee.symbols.bytesAt(address, 1);
        return {
          id: breakpoint.id,
          verified: isThere !== undefined,
          instructionReference: hex(address),
          ...(isThere
            ? {}
            : {
                message: `${hex(address)} does not translate in the current address space. The breakpoint stays and stops when code runs there.`,
                reason: 'pending' as const,
              }),
        };
      } catch (error) {
        return { id: adapter.breakpoints.newId(), verified: false, message: messageOf(error), reason: 'failed' };
      }
    });
    adapter.breakpoints.setGroup('instruction', set);
    adapter.applyBreakpoints();
    return { breakpoints };
  },
});
