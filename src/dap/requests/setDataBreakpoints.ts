import type { DebugProtocol } from '@vscode/debugprotocol';
import type { SessionBreakpoint } from '../breakpoints/breakpointStore.js';
import { describeData, parseDataId } from '../breakpoints/dataLocation.js';
import { messageOf } from '../errors.js';
import { defineRequest } from '../request.js';

/** Data breakpoints stop behind the instruction that has accessed the bytes. Without an access type it is a write that stops. */
export const setDataBreakpoints = defineRequest<
  DebugProtocol.SetDataBreakpointsArguments,
  DebugProtocol.SetDataBreakpointsResponse['body']
>({
  command: 'setDataBreakpoints',
  needs: 'launched',
  capabilities: { supportsDataBreakpoints: true },
  handle(adapter, args) {
    const set: SessionBreakpoint[] = [];
    const breakpoints = args.breakpoints.map((wanted): DebugProtocol.Breakpoint => {
      try {
        const location = parseDataId(wanted.dataId);
        const access = wanted.accessType ?? 'write';
        const breakpoint = {
          ...adapter.breakpoints.create('data', `${describeData(location, adapter.debuggee)} (${access})`, [], wanted),
          data: { ...location, read: access !== 'write', write: access !== 'read' },
        };
        set.push(breakpoint);
        return { id: breakpoint.id, verified: true };
      } catch (error) {
        return { id: adapter.breakpoints.newId(), verified: false, message: messageOf(error), reason: 'failed' };
      }
    });
    adapter.breakpoints.setGroup('data', set);
    adapter.applyBreakpoints();
    return { breakpoints };
  },
});
