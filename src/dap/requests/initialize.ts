import type { DebugProtocol } from '@vscode/debugprotocol';
import { exceptionBreakpointsFilters } from '../breakpoints/exceptionFilters.js';
import { RequestError } from '../errors.js';
import { defineRequest } from '../request.js';
import { capabilitiesOf } from './capabilities.js';

export const initialize = defineRequest<DebugProtocol.InitializeRequestArguments, DebugProtocol.Capabilities>({
  command: 'initialize',
  needs: 'nothing',
  handle(adapter, args) {
    if (args.pathFormat && args.pathFormat !== 'path') {
      throw new RequestError(`The path format "${args.pathFormat}" is not supported; the adapter takes "path".`);
    }
    adapter.client = { linesStartAt1: args.linesStartAt1 ?? true, columnsStartAt1: args.columnsStartAt1 ?? true };
    return { ...capabilitiesOf(), exceptionBreakpointFilters: exceptionBreakpointsFilters() };
  },
});
