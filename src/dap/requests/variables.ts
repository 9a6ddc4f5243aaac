import type { DebugProtocol } from '@vscode/debugprotocol';
import { RequestError } from '../errors.js';
import { defineRequest } from '../request.js';

export const variables = defineRequest<DebugProtocol.VariablesArguments, DebugProtocol.VariablesResponse['body']>({
  command: 'variables',
  needs: 'stopped',
  handle(adapter, args) {
    const container = adapter.variables.container(args.variablesReference);
    if (!container)
      throw new RequestError(`The variables ${args.variablesReference} are gone: the machine has run since.`, false);
    const all = container.variables();
    const start = args.start ?? 0;
    return { variables: args.count ? all.slice(start, start + args.count) : all.slice(start) };
  },
});
