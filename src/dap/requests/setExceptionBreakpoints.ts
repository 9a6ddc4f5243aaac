import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';

export const setExceptionBreakpoints = defineRequest<
  DebugProtocol.SetExceptionBreakpointsArguments,
  DebugProtocol.SetExceptionBreakpointsResponse['body']
>({
  command: 'setExceptionBreakpoints',
  needs: 'launched',
  capabilities: { supportsExceptionFilterOptions: true },
  handle(adapter, args) {
    const breakpoints = adapter.exceptionFilters.set(args, adapter.debuggee);
    adapter.applyBreakpoints();
    return { breakpoints };
  },
});
