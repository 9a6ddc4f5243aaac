import { defineRequest } from '../request.js';

export const terminate = defineRequest<unknown, void>({
  command: 'terminate',
  needs: 'nothing',
  capabilities: { supportsTerminateRequest: true },
  async handle(adapter) {
    await adapter.runControl.abandon();
    adapter.afterResponse(() => adapter.terminate());
  },
});
