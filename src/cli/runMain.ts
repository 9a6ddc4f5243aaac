import { runCommand } from './commands/run.js';
import { runOneOf } from './dispatch.js';
import { beCommandLine, endAtOnce } from './process.js';

// The command `run` by itself: a boot is over so soon that reading the other commands, the debug adapter above all, would be a large part of it.
void beCommandLine((argv, io) => runOneOf([runCommand], argv, io)).then(endAtOnce);
