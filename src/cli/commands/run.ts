import { parseInvariantCondition } from '../../dap/breakpoints/invariantCondition.js';
import type { InvariantCondition } from '../../dap/breakpoints/invariantCondition.js';
import { checkRates } from '../../dap/checkRate.js';
import type { Debuggee } from '../../dap/debuggee.js';
import { describeStop } from '../../dap/stopDescription.js';
import { BreakpointStore } from '../../dap/breakpoints/breakpointStore.js';
import { breaksRule, quietPageFaults } from '../../dap/breakpoints/exceptionFilters.js';
import { exceptionName } from '../../kaiser/errorCode.js';
import type { Stop } from '../../target/target.js';
import { elfArgument, launchFromOptions, machineOptions, makeMachine } from '../machineOptions.js';
import type { Command } from '../option.js';
import { UsageError } from '../option.js';
import { integer } from '../parse.js';

/** Exit codes of our own; the guest's codes are passed on as they are. */
export const exitCodes = { died: 3, limit: 4 } as const;

export const runCommand: Command = {
  name: 'run',
  summary: 'Boots a kernel without an editor and prints its console until it powers off.',
  details: [
    'The built-in kernel powers off when its shell is told so: end the script with poweroff. Runs with the same kernel, options and script are the same to the last bit.',
    'When the machine dies (a triple fault, a halt that nothing ends, a CPU that only takes the same exceptions, an instruction that the machine lacks), stderr tells what killed it.',
  ],
  positionals: [elfArgument],
  options: [
    ...machineOptions,
    {
      name: 'max-instructions',
      value: 'N',
      description: 'Stop at this position (instructions and events of all CPUs).',
      default: 'none',
    },
    {
      name: 'check',
      value: 'RATE',
      description: `Check the rules of KAISER (docs/invariants.md) and stop at the first that is broken. RATE is ${checkRates.join(' or ')}.`,
    },
    {
      name: 'rules',
      value: 'CONDITION',
      description: 'With --check: only these rules, a list such as "P5 P10" or a condition such as "!P17".',
      default: 'all',
    },
    {
      name: 'json',
      description: 'Print one line of JSON at the end instead of the console: position, stateHash, exitCode, stop, counts.',
    },
  ],
  exitCodes: [
    {
      code: '0-255',
      meaning: 'The code with which the guest powered off (its low 8 bits; 99 is a kernel panic of the built-in kernel).',
    },
    { code: String(exitCodes.died), meaning: 'The machine died, or a rule of --check is broken; stderr says of what, or which.' },
    { code: String(exitCodes.limit), meaning: 'The position of --max-instructions was reached.' },
  ],
  async run(args, io) {
    const until = integer(args.text('max-instructions'), '--max-instructions', 1, Number.MAX_SAFE_INTEGER);
    const machine = await makeMachine(launchFromOptions(args, args.positionals[0]), io);
    const { target, spinWatch } = machine;
    const rules = startChecks(machine, args.text('check'), args.text('rules'));
    const isJson = args.isSet('json');
    const exceptions: Record<string, number> = {};
    target.onConsole(text => {
      if (!isJson) io.stdout(text);
    });
    target.setExceptionStops(exception => {
      const name = exceptionName(exception.vector).mnemonic;
      exceptions[name] = (exceptions[name] ?? 0) + 1;
      return spinWatch.observe(exception) || (rules !== undefined && breaksRule(exception, machine, rules));
      // The counts of --json are of all exceptions.
    }, isJson ? 0 : quietPageFaults(rules !== undefined));
    const stop = await target.run({ ...machine.invariants.runOptions, ...(until === undefined ? {} : { until }) });
    const { text } = describeStop(
      stop,
      machine,
      new BreakpointStore(
        () => {},
        () => machine,
      ),
    );
    const exitCode = exitCodeOf(stop);
    if (stop.kind === 'limit')
      io.stderr(
        `kaiserscope: position ${target.position} was reached; the guest has not powered off. CPU ${stop.cpu} is at ${machine.formatAddress(target.cpu(stop.cpu).rip)}.\n`,
      );
    else if (exitCode !== 0) io.stderr(`kaiserscope: ${text}\n`);
    if (isJson) {
      io.stdout(
        `${JSON.stringify({
          position: target.position,
          stateHash: target.stateHash(),
          exitCode,
          stop: stop.kind === 'exception' && spinWatch.spinning ? 'spin' : stop.kind === 'probe' ? 'invariant' : stop.kind,
          ...(stop.kind === 'probe' ? { broken: machine.invariants.broken } : {}),
          counts: { exceptions },
          ...(stop.kind === 'exit' && stop.code === 0 ? {} : { message: text }),
        })}\n`,
      );
    }
    return exitCode;
  },
};

/** Has the rules checked as the options ask. Throws UsageError. */
function startChecks(machine: Debuggee, rate: string | undefined, rules: string | undefined): InvariantCondition | undefined {
  if (rate === undefined) {
    if (rules !== undefined) throw new UsageError(`--rules "${rules}" says which rules are checked, but nothing is: add --check ${checkRates.join(' or --check ')}.`);
    return undefined;
  }
  const known = checkRates.find(one => one === rate);
  if (!known) throw new UsageError(`--check is "${rate}": write ${checkRates.join(' or ')}.`);
  let condition: InvariantCondition;
  try {
    condition = parseInvariantCondition(rules ?? '', machine);
  } catch (error) {
    throw new UsageError(`--rules: ${(error as Error).message}`);
  }
  if (!machine.invariants.start({ rate: known, ...condition })) throw new UsageError(`--check ${rate}: ${machine.kaiser.whyUnavailable()}`);
  return condition;
}

function exitCodeOf(stop: Stop): number {
  if (stop.kind === 'exit') return stop.code & 0xff;
  return stop.kind === 'limit' ? exitCodes.limit : exitCodes.died;
}
