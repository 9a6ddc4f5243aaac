/** One option of a command. From the tables of these come parsing, `--help` and docs/cli.md. */
export interface Option {
  name: string;
  /** The placeholder of its value; an option without one is a switch. */
  value?: string;
  /** May be given more than once. */
  multiple?: boolean;
  description: string;
  /** What holds when it is left out, for the help. */
  default?: string;
}

/** A positional argument; optional ones stand in brackets. */
export interface Positional {
  name: string;
  optional: boolean;
  description: string;
}

/** What a command is given: its options by name, and its positional arguments in order. */
export interface Arguments {
  text(name: string): string | undefined;
  texts(name: string): string[];
  isSet(name: string): boolean;
  positionals: readonly string[];
}

/** Where a command writes, and how it finds files. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
  /** The folder that holds package.json, dist/ and the guest's sources. */
  installFolder: string;
}

export interface Command {
  name: string;
  summary: string;
  /** Further paragraphs of the help. */
  details: readonly string[];
  positionals: readonly Positional[];
  options: readonly Option[];
  /** Exit codes beside 0 and 2, for the help. */
  exitCodes: readonly { code: string; meaning: string }[];
  /** Runs to the end and gives the exit code. Throws UsageError for wrong arguments, Error for what cannot be done. */
  run(args: Arguments, io: Io): Promise<number>;
}

/** Wrong arguments: told on stderr with a hint to the help, exit code 2. */
export class UsageError extends Error {}
