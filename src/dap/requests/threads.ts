import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';
import { threadName } from '../threadName.js';

/** A thread is a CPU; its id is the number of the CPU plus 1. All of them run and stop together. */
export const threads = defineRequest<unknown, DebugProtocol.ThreadsResponse['body']>({
  command: 'threads',
  needs: 'nothing',
  handle(adapter) {
    if (!adapter.launched) return { threads: [] };
    const { debuggee, runControl } = adapter;
    return {
      threads: Array.from({ length: debuggee.target.cpuCount }, (_, cpu) => ({
        id: cpu + 1,
        name: threadName(debuggee, cpu, runControl.running),
      })),
    };
  },
});
