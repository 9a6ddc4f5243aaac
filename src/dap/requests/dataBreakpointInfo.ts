import type { DebugProtocol } from '@vscode/debugprotocol';
import { dataId, dataLocation, describeData } from '../breakpoints/dataLocation.js';
import { messageOf } from '../errors.js';
import { defineRequest } from '../request.js';

/** Whether, and as what, data can be watched. What cannot be is no error of the request: the description says why. */
export const dataBreakpointInfo = defineRequest<
  DebugProtocol.DataBreakpointInfoArguments,
  DebugProtocol.DataBreakpointInfoResponse['body']
>({
  command: 'dataBreakpointInfo',
  needs: 'stopped',
  capabilities: { supportsDataBreakpointBytes: true },
  handle(adapter, args) {
    try {
      const location = dataLocation(adapter, args);
      return {
        dataId: dataId(location),
        description: describeData(location, adapter.debuggee),
        accessTypes: ['write', 'read', 'readWrite'],
        // Data of the program lies at the same place in the next session; stacks and heaps need not.
        canPersist: adapter.debuggee.symbolAt(location.address) !== undefined,
      };
    } catch (error) {
      return { dataId: null, description: messageOf(error) };
    }
  },
});
