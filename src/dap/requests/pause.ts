import type { DebugProtocol } from '@vscode/debugprotocol';
import { RequestError } from '../errors.js';
import { defineRequest } from '../request.js';

/** Answers at once; the stopped event follows when the machine has come to rest. */
export const pause = defineRequest<DebugProtocol.PauseArguments, void>({
  command: 'pause',
  needs: 'launched',
  handle(adapter, args) {
    if (!adapter.runControl.running) throw new RequestError('The machine is stopped already.', false);
    adapter.runControl.pause(adapter.cpuOfThread(args.threadId));
  },
});
