import type { Operand } from './insn.js';
import { commonForms } from './commonForms.js';

/** Where the decoder finds an operand of a form: in a field of the encoding, or it is always the same. */
export const enum Place {
  /** Register by ModRM.reg, by ModRM.rm (memory unless mod is 3), or by the opcode's low bits; the class of register is added. */
  Reg = 0x08, Rm = 0x10, Opcode = 0x18,
  /** Immediates: so many bytes, zero-extended, or sign-extended to 64 bits (Sign). */
  Byte = 0x40, Word, Double, Quad, SignByte, SignDouble,
  /** Relative branches: bytes of the displacement, by the size of the target. */
  Branch16Byte = 0x50, Branch32Byte, Branch64Byte, Branch16Word, Branch32Double, Branch64Double,
  /** The operand of the form, immediate 1 of the old shifts, implicit memory of string instructions, far pointers. */
  Fixed = 0x60, One, String, FarWord, FarDouble,
}
/** Classes of registers in `Place.Reg`, `Rm` and `Opcode`. */
export const enum RegisterClass { Bits8, Bits16, Bits32, Bits64, Xmm, Mmx }

/** What all instructions of a form have in common, apart from the fields of their encoding. */
export interface Form {
  code: number;
  mnemonic: number;
  places: readonly number[];
  /** For `Place.Fixed`, otherwise null. */
  operands: readonly (Operand | null)[];
  /** Bytes of a memory operand. */
  memorySize: number;
  /** For `Place.String`. */
  string?: { segment: number; size: number; addressSize: number };
  lock: boolean;
  rep: 'none' | 'rep' | 'repne';
  operandSize: number;
  /** iced's names of the features that the instruction needs. */
  features: readonly string[];
}

/** How much of ModRM is part of the opcode: nothing, reg, reg with REX.R, or all of it with REX.R and REX.B (see `selected`). */
export const enum Selects { Nothing, Reg, ExtendedReg, All }

/** The forms of an opcode with its prefixes: one without ModRM, or those with memory and with registers. */
export interface Opcode { plain?: Form; memory?: Selection; register?: Selection; }
export interface Selection { by: Selects; forms: (Form | undefined)[]; }

/** The table as a build keeps it: forms, and where they stand: key, number of the form, and for those with ModRM 1 if with registers, `Selects`, value. */
export interface SavedForms { forms: readonly Form[]; entries: readonly (readonly [key: number, form: number, register?: number, by?: Selects, value?: number])[]; }

/** A form and where it stands in the table: `opcodeKey`, and unless there is no ModRM the bits of it that count. */
export interface SavedForm { key: number; modrm?: { register: boolean; by: Selects; value: number }; form: Form; }

/**
 * The number of an opcode with the prefixes that decide what it means.
 * @param map 0 one-byte opcodes, 1 0F, 2 0F38, 3 0F3A
 * @param bits 0 for 16-bit code, 1 for 32-bit, 2 for 64-bit
 * @param prefixes bit 0 operand size (66), bits 1-2 F2 (1) or F3 (2), bit 3 LOCK, bit 4 REX.W
 */
export function opcodeKey(opcode: number, map: number, bits: number, prefixes: number): number { return opcode | map << 8 | bits << 10 | prefixes << 12; }

const table = new Map<number, Opcode>();
{
  const { forms, entries } = commonForms();
  for (const [key, form, register, by, value] of entries) addForm({ key, modrm: by === undefined ? undefined : { register: register === 1, by, value: value! }, form: forms[form]! });
}

/** What is known of an opcode. */
export function findOpcode(key: number): Opcode | undefined { return table.get(key); }

/** Enters a form; false if ModRM selects among the forms of its opcode in another way. */
export function addForm({ key, modrm, form }: SavedForm): boolean {
  let opcode = table.get(key);
  if (!opcode) table.set(key, opcode = {});
  if (!modrm) {
    opcode.plain = form;
    return true;
  }
  const selection = modrm.register ? opcode.register ??= { by: modrm.by, forms: [] } : opcode.memory ??= { by: modrm.by, forms: [] };
  if (selection.by !== modrm.by) return false;
  selection.forms[modrm.value] = form;
  return true;
}

/** Takes a form out again. */
export function removeForm({ key, modrm }: SavedForm): void {
  const opcode = table.get(key)!;
  if (modrm) (modrm.register ? opcode.register : opcode.memory)!.forms[modrm.value] = undefined;
  else opcode.plain = undefined;
}

/** All that is known. */
export function savedForms(): SavedForms {
  const forms: Form[] = [], numbers = new Map<Form, number>(), entries: (readonly [number, number, number?, Selects?, number?])[] = [];
  const numberOf = (form: Form): number => {
    let number = numbers.get(form);
    if (number === undefined) numbers.set(form, number = forms.push(form) - 1);
    return number;
  };
  for (const [key, { plain, memory, register }] of table) {
    if (plain) entries.push([key, numberOf(plain)]);
    for (const selection of [memory, register]) {
      selection?.forms.forEach((form, value) => { if (form) entries.push([key, numberOf(form), selection === register ? 1 : 0, selection.by, value]); });
    }
  }
  return { forms, entries };
}
