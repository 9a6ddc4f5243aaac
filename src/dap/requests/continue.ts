import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';

export const continueRequest = defineRequest<DebugProtocol.ContinueArguments, DebugProtocol.ContinueResponse['body']>({
  command: 'continue',
  needs: 'stopped',
  handle(adapter) {
    adapter.debuggee.spinWatch.clear();
    adapter.resume(() => adapter.runControl.run());
    return { allThreadsContinued: true };
  },
});
