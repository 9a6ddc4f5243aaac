import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';

export const breakpointLocations = defineRequest<
  DebugProtocol.BreakpointLocationsArguments,
  DebugProtocol.BreakpointLocationsResponse['body']
>({
  command: 'breakpointLocations',
  needs: 'launched',
  capabilities: { supportsBreakpointLocationsRequest: true },
  handle(adapter, args) {
    const shift = adapter.client.linesStartAt1 ? 0 : 1;
    const lines = adapter.debuggee.symbols.lines.linesWithCode(
      args.source.path ?? args.source.name ?? '',
      args.line + shift,
      (args.endLine ?? args.line) + shift,
    );
    return { breakpoints: lines.map(line => ({ line: line - shift })) };
  },
});
