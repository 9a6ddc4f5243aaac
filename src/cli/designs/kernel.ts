import { validateLaunch } from '../../dap/launchArguments.js';
import { makeMachine } from '../machineOptions.js';
import type { Io } from '../option.js';
import type { Switching } from '../soak/workload.js';

/** A boot with the first answers takes two million steps; this is far more. */
const UNTIL = 200_000_000;

/** Boots a kernel with a script and gives what it has printed when it ends. */
async function answers(launch: Record<string, unknown>, io: Io): Promise<string> {
  const { target } = await makeMachine(validateLaunch(launch), io);
  let text = '';
  target.onConsole(more => { text += more; });
  await target.run({ until: UNTIL });
  return text;
}

/** The designs that a kernel has, by what it says when it is asked for one that nobody has. Throws an Error if it says something else. */
export async function designNames(launch: Record<string, unknown>, io: Io): Promise<string[]> {
  const text = await answers({ ...launch, append: 'kaiser_design=?' }, io);
  const names = /the designs are ([\w, ]+)/.exec(text)?.[1];
  if (names === undefined) throw new Error(`The kernel does not say which designs it has when it boots with kaiser_design=?; it says: ${text.trim().split('\n').at(-1) ?? 'nothing'}`);
  return names.split(',').map(name => name.trim());
}

/** In which directions a kernel lets its file switch KAISER: what happens when it is asked to. Throws an Error if it does not come to that. */
export async function switchingOf(launch: Record<string, unknown>, io: Io): Promise<Switching> {
  const text = await answers({ ...launch, script: ['toggle 1', 'poweroff'] }, io);
  if (/cannot be switched off at run time/.test(text)) return 'none';
  if (/cannot be switched on at run time/.test(text)) return 'off';
  if (/toggle: 1 ok/.test(text)) return 'both';
  // Whatever else it came to is for the runs to find out: a design that dies of its first switch tries to switch.
  if (/\$ toggle 1/.test(text)) return 'both';
  throw new Error(`The kernel does not come to its shell with "${String(launch["append"] ?? "")}" on its command line; it says: ${text.trim().split('\n').at(-1) ?? 'nothing'}`);
}
