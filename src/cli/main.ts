import { runCommandLine } from './cli.js';
import { beCommandLine } from './process.js';

void beCommandLine(runCommandLine);
