import type { DebugProtocol } from '@vscode/debugprotocol';
import { defineRequest } from '../request.js';
import { startStep } from './startStep.js';
import { stepInstruction, stepLine } from '../stepping.js';

/** Steps into what is called; one instruction of this CPU alone with granularity `instruction`. */
export const stepInRequest = defineRequest<DebugProtocol.StepInArguments, void>({
  command: 'stepIn',
  needs: 'stopped',
  capabilities: { supportsSteppingGranularity: true },
  handle(adapter, { threadId, granularity }) {
    startStep(adapter, threadId, cpu =>
      granularity === 'instruction' ? stepInstruction(adapter, cpu, false) : stepLine(adapter, cpu, true),
    );
  },
});
