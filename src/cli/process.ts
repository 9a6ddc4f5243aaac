import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { Writable } from 'node:stream';
import type { Io } from './option.js';

/** Whether there is a `process.stderr` by now: it is made when it is first asked for, and that takes time. */
let hasErrors = false;

/** Makes of this process a command line, which was started by dist/cli.cjs: its arguments, streams and exit code. Settles when that is set. */
export function beCommandLine(run: (argv: readonly string[], io: Io) => Promise<number>): Promise<void> {
  // Perhaps reached through a link in a bin folder.
  const installFolder = path.dirname(path.dirname(realpathSync(process.argv[1]!)));

  // Whoever read the output has seen enough (`| head`): nobody is left to tell anything.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  return run(process.argv.slice(2), {
    stdout: text => process.stdout.write(text),
    stderr: text => {
      hasErrors = true;
      process.stderr.write(text);
    },
    installFolder,
  }).then(code => {
    process.exitCode = code;
  });
}

/**
 * Ends the process as soon as all its output has left it. Node would take the heap and the machine's memory to pieces first, which the
 * system does in any case, and faster.
 */
export async function endAtOnce(): Promise<void> {
  // Whether somebody reads the output is told a moment after it has been written.
  await new Promise(resolve => { setImmediate(resolve); });
  await drained(process.stdout);
  if (hasErrors) await drained(process.stderr);
  process.exit();
}

/** Settles once all that was written has left the process. */
function drained(stream: Writable): Promise<void> | void {
  if (stream.writableLength > 0) return new Promise(resolve => { stream.write('', () => { resolve(); }); });
}
