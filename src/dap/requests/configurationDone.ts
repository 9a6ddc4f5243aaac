import { defineRequest } from '../request.js';

export const configurationDone = defineRequest<unknown, void>({
  command: 'configurationDone',
  needs: 'launched',
  capabilities: { supportsConfigurationDoneRequest: true },
  handle(adapter) {
    if (adapter.configured) return;
    adapter.configured = true;
    adapter.afterResponse(() => adapter.start?.());
  },
});
