import type { RequestHandler } from '../request.js';
import { breakpointLocations } from './breakpointLocations.js';
import { completions } from './completions.js';
import { configurationDone } from './configurationDone.js';
import { continueRequest } from './continue.js';
import { addressSpaces } from './custom/addressSpaces.js';
import { consoleInput } from './custom/consoleInput.js';
import { cpus } from './custom/cpus.js';
import { entryPoints } from './custom/entryPoints.js';
import { holdCpu } from './custom/holdCpu.js';
import { injectNmi } from './custom/injectNmi.js';
import { kaiser } from './custom/kaiser.js';
import { levels } from './custom/levels.js';
import { pokeFlag } from './custom/pokeFlag.js';
import { ranges } from './custom/ranges.js';
import { tableText } from './custom/tableText.js';
import { toggle } from './custom/toggle.js';
import { walk } from './custom/walk.js';
import { dataBreakpointInfo } from './dataBreakpointInfo.js';
import { disassemble } from './disassemble.js';
import { disconnect } from './disconnect.js';
import { evaluate } from './evaluate.js';
import { exceptionInfo } from './exceptionInfo.js';
import { initialize } from './initialize.js';
import { launch } from './launch.js';
import { loadedSources } from './loadedSources.js';
import { nextRequest } from './next.js';
import { pause } from './pause.js';
import { readMemory } from './readMemory.js';
import { restart } from './restart.js';
import { scopes } from './scopes.js';
import { setBreakpoints } from './setBreakpoints.js';
import { setDataBreakpoints } from './setDataBreakpoints.js';
import { setExceptionBreakpoints } from './setExceptionBreakpoints.js';
import { setExpression } from './setExpression.js';
import { setFunctionBreakpoints } from './setFunctionBreakpoints.js';
import { setInstructionBreakpoints } from './setInstructionBreakpoints.js';
import { setVariable } from './setVariable.js';
import { stackTrace } from './stackTrace.js';
import { stepInRequest } from './stepIn.js';
import { stepOutRequest } from './stepOut.js';
import { terminate } from './terminate.js';
import { threads } from './threads.js';
import { variables } from './variables.js';
import { writeMemory } from './writeMemory.js';

const all: readonly RequestHandler<never, unknown>[] = [
  initialize,
  launch,
  configurationDone,
  disconnect,
  terminate,
  restart,
  setBreakpoints,
  breakpointLocations,
  setFunctionBreakpoints,
  setInstructionBreakpoints,
  dataBreakpointInfo,
  setDataBreakpoints,
  setExceptionBreakpoints,
  exceptionInfo,
  loadedSources,
  threads,
  stackTrace,
  scopes,
  variables,
  setVariable,
  setExpression,
  evaluate,
  completions,
  continueRequest,
  pause,
  nextRequest,
  stepInRequest,
  stepOutRequest,
  disassemble,
  readMemory,
  writeMemory,
  cpus,
  addressSpaces,
  ranges,
  levels,
  tableText,
  walk,
  entryPoints,
  kaiser,
  toggle,
  pokeFlag,
  holdCpu,
  injectNmi,
  consoleInput,
];

/** Every request that the adapter answers, by command. */
export const requests: ReadonlyMap<string, RequestHandler<never, unknown>> = new Map(
  all.map(handler => [handler.command, handler]),
);
