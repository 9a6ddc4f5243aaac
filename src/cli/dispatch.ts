import { messageOf } from '../dap/errors.js';
import { nearestName } from '../dap/nearest.js';
import { commandHelp, overview } from './help.js';
import type { Command, Io } from './option.js';
import { UsageError } from './option.js';
import { parseArguments } from './parse.js';

/** Runs the one of these commands that the arguments name, and gives the exit code. Never throws. */
export async function runOneOf(commands: readonly Command[], argv: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? io.stderr : io.stdout)(overview(commands));
    return name === undefined ? 2 : 0;
  }
  const command = commands.find(one => one.name === name);
  if (!command) {
    const like = nearestName(
      name,
      commands.map(one => one.name),
    );
    io.stderr(
      `kaiserscope: there is no command "${name}".${like ? ` Did you mean ${like}?` : ''} The commands are ${commands.map(one => one.name).join(', ')}.\n`,
    );
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    io.stdout(commandHelp(command));
    return 0;
  }
  try {
    return await command.run(parseArguments(command, rest), io);
  } catch (error) {
    io.stderr(`kaiserscope: ${messageOf(error)}\n`);
    if (error instanceof UsageError) io.stderr(`kaiserscope ${command.name} --help lists the options.\n`);
    return 2;
  }
}
