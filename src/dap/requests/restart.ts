import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';
import { boot, resolved, startMachine } from './launch.js';

export const restart = defineRequest<DebugProtocol.RestartArguments, void>({
  command: 'restart',
  needs: 'launched',
  capabilities: { supportsRestartRequest: true },
  async handle(adapter, args) {
    // An edited configuration comes along; without one the machine is the same again.
    const { debuggee: { launch }, scenario } = adapter;
    const next = args.arguments ? await resolved(args.arguments, adapter) : { launch, ...(scenario ? { scenario } : {}) };
    await adapter.runControl.abandon();
    await boot(adapter, next);
    adapter.afterResponse(() => {
      adapter.event('continued', { threadId: 1, allThreadsContinued: true });
      startMachine(adapter);
    });
  },
});
