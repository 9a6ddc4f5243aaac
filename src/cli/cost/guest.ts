import { validateLaunch } from '../../dap/launchArguments.js';
import { makeMachine } from '../machineOptions.js';
import type { Io } from '../option.js';

/** More than any of these runs needs, in steps. */
const LIMIT = 2_000_000_000;

/**
 * Boots the built-in kernel on one CPU, runs its program `cost` once for each line of arguments, and gives what each printed: clock
 * cycles by the guest's own reading of the time stamp counter. The same arguments give the same figures everywhere.
 * @param append the kernel command line
 * @throws Error with what the console says if the guest does not print a figure for each
 */
export async function guestCycles(append: string, measurements: readonly string[], io: Io): Promise<number[]> {
  const script = [...measurements.map(one => `cost ${one}`), 'poweroff'];
  const { target } = await makeMachine(validateLaunch({ cpus: 1, append, script }), io);
  let console = '';
  target.onConsole(text => { console += text; });
  const stop = await target.run({ until: LIMIT });
  const figures = [...console.matchAll(/^cost: \w+ (\d+) cycles$/gm)].map(match => Number(match[1]));
  if (stop.kind !== 'exit' || figures.length !== measurements.length) {
    throw new Error(`The guest with the command line "${append}" printed ${figures.length} figures of ${measurements.length} and ended with ${stop.kind}. Its console: ${console.slice(-400)}`);
  }
  return figures;
}

/** Clock cycles of a system call that does nothing, from user code and back, on a kernel with that command line. */
export async function syscallCycles(append: string, io: Io): Promise<number> { return (await guestCycles(append, ['syscall 100'], io))[0]!; }
