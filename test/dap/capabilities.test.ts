import type { DebugProtocol } from '@vscode/debugprotocol';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { exceptionFilterTable } from '../../src/dap/breakpoints/exceptionFilters.js';
import { requests } from '../../src/dap/requests/index.js';
import { DapClient, repository } from './dapClient.js';

/** The capabilities of DAP that stand for a request of their own, and the request. */
const requestOf: Partial<Record<keyof DebugProtocol.Capabilities, string>> = {
  supportsConfigurationDoneRequest: 'configurationDone', supportsFunctionBreakpoints: 'setFunctionBreakpoints', supportsStepBack: 'stepBack',
  supportsSetVariable: 'setVariable', supportsRestartFrame: 'restartFrame', supportsGotoTargetsRequest: 'gotoTargets', supportsStepInTargetsRequest: 'stepInTargets',
  supportsCompletionsRequest: 'completions', supportsModulesRequest: 'modules', supportsRestartRequest: 'restart', supportsExceptionInfoRequest: 'exceptionInfo',
  supportsLoadedSourcesRequest: 'loadedSources', supportsTerminateThreadsRequest: 'terminateThreads', supportsSetExpression: 'setExpression', supportsTerminateRequest: 'terminate',
  supportsDataBreakpoints: 'setDataBreakpoints', supportsReadMemoryRequest: 'readMemory', supportsWriteMemoryRequest: 'writeMemory', supportsDisassembleRequest: 'disassemble',
  supportsCancelRequest: 'cancel', supportsBreakpointLocationsRequest: 'breakpointLocations', supportsInstructionBreakpoints: 'setInstructionBreakpoints',
};

const initialize = async (): Promise<Record<string, unknown>> => new DapClient().request('initialize', { adapterID: 'kaiserscope', pathFormat: 'path' });

it('what is advertised is handled, and what is handled is advertised', async () => {
  const capabilities = await initialize();
  for (const [capability, command] of Object.entries(requestOf)) {
    expect([capability, capabilities[capability] === true]).toEqual([capability, requests.has(command)]);
  }
});

it('the rest of what is advertised is this', async () => {
  const others = Object.entries(await initialize()).filter(([name]) => !(name in requestOf));
  expect(Object.fromEntries(others)).toEqual({
    supportsConditionalBreakpoints: true, supportsHitConditionalBreakpoints: true, supportsLogPoints: true, supportsExceptionFilterOptions: true,
    supportsEvaluateForHovers: true, supportsClipboardContext: true, supportsSteppingGranularity: true, supportsDelayedStackTraceLoading: true, completionTriggerCharacters: ['=', '.'],
    supportsDataBreakpointBytes: true,
    exceptionBreakpointFilters: expect.arrayContaining(exceptionFilterTable.map(({ id }) => expect.objectContaining({ filter: id }) as unknown)) as unknown,
  });
});

it('every request is sent by a test and described in docs/protocol.md', () => {
  const folder = path.join(repository, 'test/dap');
  const tests = readdirSync(folder).filter(file => file.endsWith('.ts') && file !== 'capabilities.test.ts').map(file => readFileSync(path.join(folder, file), 'utf8')).join('\n');
  const document = readFileSync(path.join(repository, 'docs/protocol.md'), 'utf8');
  for (const command of requests.keys()) {
    expect([command, 'is sent by a test', tests.includes(`'${command}'`)]).toEqual([command, 'is sent by a test', true]);
    expect([command, 'is described', document.includes(`\`${command}\``)]).toEqual([command, 'is described', true]);
  }
});

it('a client that counts from 0 gets lines and columns from 0', async () => {
  const client = new DapClient();
  await client.request('initialize', { adapterID: 'kaiserscope', pathFormat: 'path', linesStartAt1: false, columnsStartAt1: false });
  const { buildTiny, markedLine, tinySource } = await import('../fixtures/tiny.js');
  await client.request('launch', { program: buildTiny(), cpus: 1, stopAt: 'greet' });
  const line = markedLine('greet') - 1;
  const { breakpoints } = await client.request<{ breakpoints: { line: number }[] }>('setBreakpoints', { source: { path: tinySource }, breakpoints: [{ line }] });
  expect(breakpoints[0]!.line).toBe(line);
  await client.request('configurationDone');
  await client.stopped();
  await client.go();
  expect((await client.top()).line).toBe(line);
  await client.end();
});

it('a client that wants URIs is refused', async () => {
  await expect(new DapClient().request('initialize', { adapterID: 'x', pathFormat: 'uri' })).rejects.toThrow('The path format "uri" is not supported');
});
