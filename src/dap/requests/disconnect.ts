import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';

export const disconnect = defineRequest<DebugProtocol.DisconnectArguments, void>({
  command: 'disconnect',
  needs: 'nothing',
  async handle(adapter) {
    await adapter.runControl.abandon();
    adapter.console.flush();
    adapter.terminated = true;
  },
});
