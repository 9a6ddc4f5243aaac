import { costCommand } from './commands/cost.js';
import { dapCommand } from './commands/dap.js';
import { designsCommand } from './commands/designs.js';
import { disasmCommand } from './commands/disasm.js';
import { hazardsCommand } from './commands/hazards.js';
import { runCommand } from './commands/run.js';
import { soakCommand } from './commands/soak.js';
import { tablesCommand } from './commands/tables.js';
import { runOneOf } from './dispatch.js';
import type { Command, Io } from './option.js';

export const commands: readonly Command[] = [runCommand, dapCommand, tablesCommand, disasmCommand, hazardsCommand, designsCommand, soakCommand, costCommand];

/** Runs the command line and gives the exit code. Never throws. */
export function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  return runOneOf(commands, argv, io);
}
