import { parseArgs } from 'node:util';
import { nearestName } from '../dap/nearest.js';
import { UsageError } from './option.js';
import type { Arguments, Command } from './option.js';

/** Reads a command's arguments by its table. Throws UsageError that names the argument and what is wrong with it. */
export function parseArguments(command: Command, argv: readonly string[]): Arguments {
  for (const argument of argv) {
    if (argument === '--') break;
    if (!argument.startsWith('-') || argument === '-') continue;
    const name = argument.replace(/^--?/, '').replace(/=.*$/s, '');
    if (argument.startsWith('--') && command.options.some(option => option.name === name)) continue;
    if (/^-\d/.test(argument)) continue;
    const like = nearestName(
      name,
      command.options.map(option => option.name),
    );
    throw new UsageError(`kaiserscope ${command.name} has no option "${argument}".${like ? ` Did you mean --${like}?` : ''}`);
  }
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        command.options.map(option => [
          option.name,
          { type: option.value ? ('string' as const) : ('boolean' as const), multiple: option.multiple ?? false },
        ]),
      ),
    });
  } catch (error) {
    throw new UsageError(`kaiserscope ${command.name}: ${(error as Error).message}`);
  }
  const { values, positionals } = parsed;
  const needed = command.positionals.filter(positional => !positional.optional);
  if (positionals.length < needed.length)
    throw new UsageError(
      `kaiserscope ${command.name} needs ${needed[positionals.length]!.name}: ${needed[positionals.length]!.description}`,
    );
  if (positionals.length > command.positionals.length) {
    throw new UsageError(
      `kaiserscope ${command.name} takes ${command.positionals.length || 'no'} argument${command.positionals.length === 1 ? '' : 's'}; "${positionals[command.positionals.length]}" is one too many.`,
    );
  }
  return {
    text: name => values[name] as string | undefined,
    texts: name => (values[name] as string[] | undefined) ?? [],
    isSet: name => values[name] === true,
    positionals,
  };
}

/** A whole number in a range. Throws UsageError. */
export function integer(text: string | undefined, option: string, minimum: number, maximum: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^(0x[0-9a-f]+|[0-9]+)$/i.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value) || value < minimum || value > maximum) {
    throw new UsageError(`${option} is "${text}": it must be a whole number from ${minimum} to ${maximum}.`);
  }
  return value;
}
