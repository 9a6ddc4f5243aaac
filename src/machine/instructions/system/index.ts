/** System instructions and far transfers, whose meaning is written in TypeScript: one file for each family. */
import type { Handler } from '../../core.js';
import type { Insn } from '../../translate/insn.js';
import { handlers } from './registry.js';

export { handlers };

/**
 * The handler for an instruction, or undefined if it is not one of the system: MOV, PUSH, POP, JMP and CALL are only
 * where they move segment, control or debug registers or go far.
 */
export function findHandler(insn: Insn): Handler | undefined {
  return handlers.get(insn.mnemonic);
}
