import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';
import { sourceOf } from '../sources.js';

/** The source files that have code in the kernel, by name: so a kernel's sources can be opened from nowhere. */
export const loadedSources = defineRequest<unknown, DebugProtocol.LoadedSourcesResponse['body']>({
  command: 'loadedSources',
  needs: 'launched',
  capabilities: { supportsLoadedSourcesRequest: true },
  handle(adapter) {
    const { symbols, launch } = adapter.debuggee;
    const files = symbols.lines.files.filter(file => symbols.lines.linesWithCode(file, 1).length > 0);
    return {
      sources: [...new Set(files)].sort().map(file => sourceOf(file, launch.sourceRoot ?? adapter.host.builtInSourceRoot)),
    };
  },
});
