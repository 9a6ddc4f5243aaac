import { Mnemonic } from 'iced-x86';
import type { Emitter } from '../translate/emitter.js';

/** Emits the meaning of `e.insn`; the one definition from which blocks and single steps are made. */
export type Definition = (e: Emitter) => void;

/** Definitions by iced's mnemonic; filled by the files of this folder. */
export const definitions = new Map<Mnemonic, Definition>();

/** Gives the mnemonics a meaning. */
export function define(mnemonics: Mnemonic | readonly Mnemonic[], definition: Definition): void {
  for (const mnemonic of Array.isArray(mnemonics) ? mnemonics as readonly Mnemonic[] : [mnemonics as Mnemonic]) {
    if (definitions.has(mnemonic)) throw new Error(`${Mnemonic[mnemonic]} is defined twice`);
    definitions.set(mnemonic, definition);
  }
}
