import type { DebugProtocol } from '@vscode/debugprotocol';
import { completeName } from '../expression/completions.js';
import { defineRequest } from '../request.js';

const icons = { register: 'variable', word: 'keyword', type: 'function', symbol: 'reference' } as const;

/** Completes names in `=` expressions; what is typed to the guest is the guest's affair. */
export const completions = defineRequest<DebugProtocol.CompletionsArguments, DebugProtocol.CompletionsResponse['body']>({
  command: 'completions',
  needs: 'launched',
  capabilities: { supportsCompletionsRequest: true, completionTriggerCharacters: ['=', '.'] },
  handle(adapter, args) {
    const before = args.text.slice(0, args.column - (adapter.client.columnsStartAt1 ? 1 : 0));
    if (!before.trimStart().startsWith('=')) return { targets: [] };
    const prefix = /[A-Za-z_][\w.]*$/.exec(before)?.[0] ?? '';
    return {
      targets: completeName(prefix, adapter.debuggee).map(({ label, kind }) => ({
        label,
        type: icons[kind],
        start: before.length - prefix.length,
        length: prefix.length,
      })),
    };
  },
});
