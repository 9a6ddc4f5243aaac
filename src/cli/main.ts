import { realpathSync } from 'node:fs';
import path from 'node:path';
import { runCommandLine } from './cli.js';

// Started by dist/cli.cjs, perhaps reached through a link in a bin folder.
const installFolder = path.dirname(path.dirname(realpathSync(process.argv[1]!)));

// Whoever read the output has seen enough (`| head`): nobody is left to tell anything.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
void runCommandLine(process.argv.slice(2), {
  stdout: text => process.stdout.write(text),
  stderr: text => process.stderr.write(text),
  installFolder,
}).then(code => {
  process.exitCode = code;
});
