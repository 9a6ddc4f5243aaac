import type { DebugProtocol } from '@vscode/debugprotocol';
import { messageOf, RequestError } from '../errors.js';
import { defineRequest } from '../request.js';

export const setVariable = defineRequest<DebugProtocol.SetVariableArguments, DebugProtocol.SetVariableResponse['body']>({
  command: 'setVariable',
  needs: 'stopped',
  capabilities: { supportsSetVariable: true },
  handle(adapter, args) {
    const container = adapter.variables.container(args.variablesReference);
    if (!container?.set) throw new RequestError(`${args.name} cannot be set here. Registers can be set in the innermost frame.`);
    try {
      container.set(args.name, args.value);
    } catch (error) {
      throw error instanceof RequestError ? error : new RequestError(messageOf(error));
    }
    adapter.afterResponse(() => adapter.changed());
    const variable = container.variables().find(one => one.name === args.name)!;
    return {
      value: variable.value,
      variablesReference: variable.variablesReference,
      ...(variable.type ? { type: variable.type } : {}),
    };
  },
});
