import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';
import { startStep } from './startStep.js';
import { stepInstruction, stepLine } from '../stepping.js';

/** Steps over: calls, system calls and interrupts run through. */
export const nextRequest = defineRequest<DebugProtocol.NextArguments, void>({
  command: 'next',
  needs: 'stopped',
  capabilities: { supportsSteppingGranularity: true },
  handle(adapter, { threadId, granularity }) {
    startStep(adapter, threadId, cpu =>
      granularity === 'instruction' ? stepInstruction(adapter, cpu, true) : stepLine(adapter, cpu, false),
    );
  },
});
