import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';
import { boot, startMachine, validated } from './launch.js';

export const restart = defineRequest<DebugProtocol.RestartArguments, void>({
  command: 'restart',
  needs: 'launched',
  capabilities: { supportsRestartRequest: true },
  async handle(adapter, args) {
    // An edited configuration comes along; without one the machine is the same again.
    const launch = args.arguments ? validated(args.arguments) : adapter.debuggee.launch;
    await adapter.runControl.abandon();
    await boot(adapter, launch);
    adapter.afterResponse(() => {
      adapter.event('continued', { threadId: 1, allThreadsContinued: true });
      startMachine(adapter);
    });
  },
});
