import { Code, Mnemonic } from 'iced-x86';
import type { Emitter } from '../translate/emitter.js';
import type { Insn } from '../translate/insn.js';
import type { RegionControl } from '../translate/regionControl.js';
import { codeName, mnemonicName } from '../translate/icedLibrary.js';

/** Emits the meaning of `e.insn`; the one definition from which blocks and single steps are made. */
export interface Definition {
  (e: Emitter): void;
  /** Only regions have it; the interpreter calls the handler. */
  regionOnly?: true;
}

/** Definitions by iced's mnemonic; filled by the files of this folder. */
export const definitions = new Map<Mnemonic, Definition>();

/** Gives the mnemonics a meaning. */
export function define(mnemonics: Mnemonic | readonly Mnemonic[], definition: Definition): void {
  for (const mnemonic of Array.isArray(mnemonics) ? mnemonics as readonly Mnemonic[] : [mnemonics as Mnemonic]) {
    if (definitions.has(mnemonic)) throw new Error(`${mnemonicName(mnemonic)} is defined twice`);
    definitions.set(mnemonic, definition);
  }
}

/**
 * A definition of what is usual in a system instruction, for regions. What is not usual is handed over before anything has changed;
 * the handler says all of it.
 */
export function inRegions(emit: (e: Emitter, region: RegionControl) => void): Definition {
  return Object.assign((e: Emitter) => emit(e, e.region!), { regionOnly: true as const });
}

const forms = new Map<Code, { has: (insn: Insn) => boolean; definition: Definition }>();

/**
 * Gives a form with segment, control or debug registers a definition, for those instructions of it that `has` chooses. Such forms
 * of one code share a template, which must not depend on the operands.
 */
export function defineForm(code: Code, has: (insn: Insn) => boolean, definition: Definition): void {
  if (forms.has(code)) throw new Error(`${codeName(code)} is defined twice`);
  forms.set(code, { has, definition });
}

/** The definition of such a form. */
export function formDefinition(insn: Insn): Definition | undefined {
  const form = forms.get(insn.code);
  return form && !insn.lock && form.has(insn) ? form.definition : undefined;
}
