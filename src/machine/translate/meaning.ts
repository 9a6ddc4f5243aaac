import { Code, Mnemonic } from 'iced-x86';
import { Handler, Unimplemented } from '../core.js';
import { instructionCycles } from '../cycles/model.js';
import { Definition, definitions, formDefinition } from '../instructions/define.js';
import '../instructions/index.js';
import { rareHandlers } from '../instructions/rare.js';
import { stringHandlers } from '../instructions/strings.js';
import { handlers as systemHandlers } from '../instructions/system/index.js';
import { CONVERSIONS, vectorMeaning } from '../instructions/vector/index.js';
import type { Insn } from './insn.js';
import { mnemonicName } from './icedLibrary.js';

/** How an instruction is executed: by emitted WebAssembly (which may hand over to `handler`), or by TypeScript alone. */
export interface Meaning {
  definition?: Definition;
  handler: Handler;
  /** Clock cycles that it takes beyond its step whenever it is completed. */
  cycles: number;
}

/** Far jumps and calls through memory share their mnemonics, not their meaning, with near ones. */
const FAR = new Set<Code>([Code.Jmp_m1616, Code.Jmp_m1632, Code.Jmp_m1664, Code.Call_m1616, Code.Call_m1632, Code.Call_m1664]);

/**
 * Finds the meaning of an instruction. Operands that WebAssembly code does not know (segment, control and debug
 * registers, far pointers) belong to the system instructions. What has no meaning yet stops the machine with its
 * bytes and address.
 */
export function meaningOf(insn: Insn): Meaning {
  const vector = vectorMeaning(insn);
  if (vector) return { definition: vector.definition, handler: vector.handler ?? unimplemented, cycles: 0 };
  const plain = !FAR.has(insn.code) && insn.operands.every(o =>
    o.kind === 'register' ? o.register.class === 'general' || o.register.class === 'high8' : o.kind !== 'far');
  const system = systemHandlers.get(insn.mnemonic), cycles = instructionCycles(insn.mnemonic);
  return plain
    ? { definition: definitions.get(insn.mnemonic), handler: stringHandlers.get(insn.mnemonic) ?? rareHandlers.get(insn.mnemonic) ?? system ?? unimplemented, cycles }
    : { definition: formDefinition(insn), handler: system ?? unimplemented, cycles };
}

/**
 * The definition that `meaningOf` gives all instructions of a form whose operands are general registers, memory, immediates and near targets; undefined where it
 * gives none for the interpreter.
 */
export function plainDefinition({ code, mnemonic }: { code: Code; mnemonic: Mnemonic }): Definition | undefined {
  const definition = FAR.has(code) || CONVERSIONS.has(mnemonic) ? undefined : definitions.get(mnemonic);
  return definition?.regionOnly ? undefined : definition;
}

/** Stops the machine: the instruction has no meaning yet. */
export const unimplemented: Handler = (_core, cpu, insn) => {
  const bytes = Array.from(insn.bytes, b => b.toString(16).padStart(2, '0')).join(' ');
  throw new Unimplemented(`CPU ${cpu.index} reached an instruction that this machine does not implement: ${mnemonicName(insn.mnemonic).toLowerCase()} `
    + `(bytes ${bytes}) at 0x${insn.ip.toString(16)}.`);
};
