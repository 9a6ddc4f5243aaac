import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';
import { startStep } from './startStep.js';
import { stepOut } from '../stepping.js';

/** Runs until the current function has returned. */
export const stepOutRequest = defineRequest<DebugProtocol.StepOutArguments, void>({
  command: 'stepOut',
  needs: 'stopped',
  capabilities: { supportsSteppingGranularity: true },
  handle(adapter, { threadId }) {
    startStep(adapter, threadId, cpu => stepOut(adapter, cpu));
  },
});
