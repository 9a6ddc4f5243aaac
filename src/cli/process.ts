import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { Io } from './option.js';
import { Output } from './output.js';

// Whoever read the output has seen enough (`| head`): nobody is left to tell anything.
const stdout = new Output(1, () => { process.exit(0); }), stderr = new Output(2);

/** Makes of this process a command line, which was started by dist/cli.cjs: its arguments, streams and exit code. Settles when that is set. */
export async function beCommandLine(run: (argv: readonly string[], io: Io) => Promise<number>): Promise<void> {
  // Perhaps reached through a link in a bin folder.
  const installFolder = path.dirname(path.dirname(realpathSync(process.argv[1]!)));
  process.exitCode = await run(process.argv.slice(2), {
    stdout: text => { stdout.write(text); },
    stderr: text => { stderr.write(text); },
    installFolder,
  });
}

/**
 * Ends the process as soon as all its output has left it. Node would take the heap and the machine's memory to pieces first, which the
 * system does in any case, and faster.
 */
export async function endAtOnce(): Promise<void> {
  await Promise.all([stdout.drained(), stderr.drained()]);
  process.exit();
}
