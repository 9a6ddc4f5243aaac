import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Adapter } from '../adapter.js';
import { Debuggee } from '../debuggee.js';
import { messageOf, RequestError } from '../errors.js';
import { parseLocation } from '../location.js';
import { readModules, readProgram } from '../readProgram.js';
import { defineRequest } from '../request.js';
import { resolveLaunch, scenarioText } from '../scenarioLaunch.js';
import type { ResolvedLaunch } from '../scenarioLaunch.js';
import { baseName } from '../sources.js';
import type { Stop } from '../../target/target.js';

export const launch = defineRequest<DebugProtocol.LaunchRequestArguments, void>({
  command: 'launch',
  needs: 'nothing',
  async handle(adapter, args) {
    if (adapter.launched)
      throw new RequestError('This session runs a machine already. Start another session for another machine.');
    await boot(adapter, await resolved(args, adapter));
    // Breakpoints can be resolved from now on.
    adapter.afterResponse(() => adapter.event('initialized'));
    adapter.start = () => startMachine(adapter);
  },
});

/** Turns launch arguments into checked ones; what is wrong with them is for the user. */
export async function resolved(args: unknown, adapter: Adapter): Promise<ResolvedLaunch> {
  try {
    return await resolveLaunch(args, adapter.host);
  } catch (error) {
    throw new RequestError(messageOf(error));
  }
}

/** Loads the program into a new machine and makes it the session's. */
export async function boot(adapter: Adapter, { launch: args, scenario }: ResolvedLaunch): Promise<void> {
  const name = args.program === undefined ? 'the built-in kernel' : baseName(args.program);
  const debuggee = await makeDebuggee(adapter, args, name);
  // Checked before anything runs.
  if (args.stopAt !== undefined) parseLocation(args.stopAt, debuggee, 'stopAt');
  adapter.scenario = scenario;
  adapter.exceptionFilters.judgesAll = scenario !== undefined;
  adapter.debuggee = debuggee;
  adapter.runControl.end = scenario?.until;
  debuggee.events.onDone = ({ text }) => adapter.output('console', `${text}\n`);
  for (const problem of debuggee.symbols.problems) adapter.output('console', `${problem}\n`);
  if (scenario) adapter.output('console', scenarioText(scenario, args.cured));
  adapter.output(
    'console',
    `Booting ${name} on ${args.cpus} CPU${args.cpus > 1 ? 's' : ''} with ${args.memory} MiB${args.append ? `: ${args.append}` : ''}\n` +
      "What you type below goes to the guest's console; =help tells how to evaluate expressions.\n",
  );
}

async function makeDebuggee(adapter: Adapter, args: ResolvedLaunch['launch'], name: string): Promise<Debuggee> {
  try {
    return await Debuggee.create(args, await readProgram(adapter.host, args.program), name, await readModules(adapter.host, args.modules));
  } catch (error) {
    throw new RequestError(messageOf(error));
  }
}

/** Lets a freshly booted machine go: to its entry, to `stopAt`, or freely. */
export function startMachine(adapter: Adapter): void {
  const { debuggee } = adapter;
  const { stopOnEntry, stopAt, noDebug } = debuggee.launch;
  if (stopAt !== undefined) {
    adapter.breakpoints.setOnce(`stopAt ${stopAt}`, parseLocation(stopAt, debuggee, 'stopAt'));
    adapter.applyBreakpoints();
  }
  const entry: Stop = { kind: 'entry', cpu: 0 };
  adapter.resume(() => (stopOnEntry && !noDebug ? Promise.resolve(entry) : adapter.runControl.run()));
}
