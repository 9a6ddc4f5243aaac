import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Debuggee } from '../../src/dap/debuggee.js';
import { validateLaunch } from '../../src/dap/launchArguments.js';
import type { Violation } from '../../src/kaiser/index.js';
import type { CheckRate } from '../../src/dap/checkRate.js';

const image = new Uint8Array(readFileSync(fileURLToPath(new URL('../../dist/guest/kaiser.elf', import.meta.url))));

export const FILE = '/sys/kernel/debug/x86/kaiser-enabled';
/** Programs that enter the kernel in every way. */
export const BUSY = ['storm 0 &', 'forks 100000 &', 'touch 1000 &', 'ldt 0 &', 'compat 0 &', 'spin &'];

/** A machine with the guest kernel, ready to boot. */
export function boot(append: string, script: readonly string[], more: object = {}): Promise<Debuggee> {
  return Debuggee.create(validateLaunch({ append, script, quantum: 300, schedule: { kind: 'random', seed: 1 }, ...more }), image, 'kaiser.elf');
}

/** Runs with the rules checked until one is found broken; undefined if none is. Exceptions are not judged. */
export async function firstBroken(debuggee: Debuggee, until: number, rules?: readonly string[], rate: CheckRate = 'entries'): Promise<Violation | undefined> {
  const { invariants, target } = debuggee;
  if (!invariants.start({ rate, ...(rules ? { wants: predicate => rules.includes(predicate) } : {}) })) throw new Error('no kernel whose rules could be checked');
  const stop = await target.run({ until, ...invariants.runOptions });
  return stop.kind === 'probe' ? invariants.broken : undefined;
}

/** Runs to the shell's first prompt, then on until a CPU is in user mode; gives its number. */
export async function toUserMode({ target, symbols }: Debuggee, name = 'kaiser_shell_ready'): Promise<number> {
  target.setBreakpoints([{ address: symbols.table.addressOf(name)! }]);
  const stop = await target.run();
  target.setBreakpoints([]);
  const inUser = await target.run({ each: cpu => target.cpu(cpu).cpl === 3, until: target.position + 2_000_000 });
  if (stop.kind !== 'breakpoint' || inUser.kind !== 'probe') throw new Error(`stopped by ${stop.kind}, ${inUser.kind}`);
  return inUser.cpu;
}

/** Runs to an instruction, on whichever CPU. */
export async function runTo({ target, symbols }: Debuggee, name: string, condition: (cpu: number) => boolean = () => true): Promise<number> {
  target.setBreakpoints([{ address: symbols.table.addressOf(name)!, condition }]);
  const stop = await target.run();
  target.setBreakpoints([]);
  if (stop.kind !== 'breakpoint') throw new Error(`stopped by ${stop.kind}`);
  return stop.cpu;
}
