import { parseLocation } from '../../dap/location.js';
import { tableText } from '../../dap/tables.js';
import { describeStop } from '../../dap/stopDescription.js';
import { BreakpointStore } from '../../dap/breakpoints/breakpointStore.js';
import { elfArgument, launchFromOptions, machineOptions, makeMachine } from '../machineOptions.js';
import { UsageError } from '../option.js';
import type { Command } from '../option.js';
import { integer } from '../parse.js';
import { exitCodes } from './run.js';

export const tablesCommand: Command = {
  name: 'tables',
  summary: 'Runs to a symbol and prints the page tables of both halves there.',
  details: [
    "The form is that of Linux's debugfs page_tables files: a line for each range with the same rights, for the kernel half and for the shadow half of the CPU that got there.",
  ],
  positionals: [elfArgument],
  options: [
    { name: 'at', value: 'SYMBOL', description: 'The symbol or address to run to.', default: 'kaiser_shell_ready' },
    { name: 'half', value: 'HALF', description: 'Print only one half: kernel or shadow.', default: 'both' },
    ...machineOptions,
    { name: 'max-instructions', value: 'N', description: 'Give up at this position.', default: '2000000000' },
  ],
  exitCodes: [
    { code: '0', meaning: 'The tables were printed.' },
    { code: String(exitCodes.died), meaning: 'The guest ended before it came to the symbol.' },
    { code: String(exitCodes.limit), meaning: 'The position of --max-instructions was reached first.' },
  ],
  async run(args, io) {
    const half = args.text('half') ?? 'both';
    if (half !== 'both' && half !== 'kernel' && half !== 'shadow')
      throw new UsageError(`--half is "${half}": it must be kernel or shadow.`);
    const until = integer(args.text('max-instructions'), '--max-instructions', 1, Number.MAX_SAFE_INTEGER) ?? 2_000_000_000;
    const machine = await makeMachine(launchFromOptions(args, args.positionals[0]), io);
    const at = args.text('at') ?? 'kaiser_shell_ready';
    const address = parseLocation(at, machine, '--at');
    machine.target.setExceptionStops(exception => machine.spinWatch.observe(exception), -1);
    machine.target.setBreakpoints([{ address }]);
    const stop = await machine.target.run({ until });
    if (stop.kind !== 'breakpoint') {
      io.stderr(
        `kaiserscope: ${at} was not reached. ${
          stop.kind === 'limit'
            ? `Position ${until} came first.`
            : describeStop(
                stop,
                machine,
                new BreakpointStore(
                  () => {},
                  () => machine,
                ),
              ).text
        }\n`,
      );
      return stop.kind === 'limit' ? exitCodes.limit : exitCodes.died;
    }
    for (const one of half === 'both' ? (['kernel', 'shadow'] as const) : [half]) io.stdout(tableText(machine, stop.cpu, one));
    return 0;
  },
};
