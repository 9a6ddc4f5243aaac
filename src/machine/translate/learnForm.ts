import { Mnemonic, OpCodeOperandKind as Kind, type Instruction } from 'iced-x86';
import { addForm, type Form, Place, RegisterClass, removeForm, type SavedForm, Selects } from './forms.js';
import type { Insn } from './insn.js';
import { type InstructionSet, wholeInstructionSet } from './instructionSet.js';
import { locate, NOP, quickDecode, selected } from './quickDecode.js';


/** Places of operands by what iced says of a form; of all others the operand itself is kept. */
const places = new Map<Kind, number>([
  [Kind.r8_reg, Place.Reg | RegisterClass.Bits8], [Kind.r16_reg, Place.Reg | RegisterClass.Bits16], [Kind.r32_reg, Place.Reg | RegisterClass.Bits32], [Kind.r64_reg, Place.Reg | RegisterClass.Bits64],
  [Kind.xmm_reg, Place.Reg | RegisterClass.Xmm], [Kind.mm_reg, Place.Reg | RegisterClass.Mmx],
  [Kind.r8_or_mem, Place.Rm | RegisterClass.Bits8], [Kind.r16_or_mem, Place.Rm | RegisterClass.Bits16], [Kind.r32_or_mem, Place.Rm | RegisterClass.Bits32], [Kind.r64_or_mem, Place.Rm | RegisterClass.Bits64],
  [Kind.r16_rm, Place.Rm | RegisterClass.Bits16], [Kind.r32_rm, Place.Rm | RegisterClass.Bits32], [Kind.r64_rm, Place.Rm | RegisterClass.Bits64],
  [Kind.xmm_or_mem, Place.Rm | RegisterClass.Xmm], [Kind.xmm_rm, Place.Rm | RegisterClass.Xmm], [Kind.mm_or_mem, Place.Rm | RegisterClass.Mmx], [Kind.mm_rm, Place.Rm | RegisterClass.Mmx], [Kind.mem, Place.Rm],
  [Kind.r8_opcode, Place.Opcode | RegisterClass.Bits8], [Kind.r16_opcode, Place.Opcode | RegisterClass.Bits16], [Kind.r32_opcode, Place.Opcode | RegisterClass.Bits32], [Kind.r64_opcode, Place.Opcode | RegisterClass.Bits64],
  [Kind.imm8, Place.Byte], [Kind.imm16, Place.Word], [Kind.imm32, Place.Double], [Kind.imm64, Place.Quad],
  [Kind.imm8sex16, Place.SignByte], [Kind.imm8sex32, Place.SignByte], [Kind.imm8sex64, Place.SignByte], [Kind.imm32sex64, Place.SignDouble],
  [Kind.imm8_const_1, Place.One], [Kind.seg_rSI, Place.String], [Kind.es_rDI, Place.String],
  [Kind.br16_1, Place.Branch16Byte], [Kind.br32_1, Place.Branch32Byte], [Kind.br64_1, Place.Branch64Byte],
  [Kind.farbr2_2, Place.FarWord], [Kind.farbr4_2, Place.FarDouble],
  [Kind.br16_2, Place.Branch16Word], [Kind.br32_4, Place.Branch32Double], [Kind.br64_4, Place.Branch64Double],
]);
/** Operands that no field says, and those by fields that are then taken as part of the opcode. */
const implied = new Set([Kind.es, Kind.cs, Kind.ss, Kind.ds, Kind.fs, Kind.gs, Kind.al, Kind.cl, Kind.ax, Kind.dx, Kind.eax, Kind.rax]);
const literal = new Set([Kind.seg_reg, Kind.cr_reg, Kind.dr_reg]);

/** Opcodes that are prefixes of other maps or x87 instructions. */
const never = (map: number, opcode: number, bits: number): boolean => map === 0 && (opcode === 0x62 || opcode === 0x63 && bits < 2 || opcode === 0xc4 || opcode === 0xc5 || opcode >= 0xd8 && opcode <= 0xdf)
  // What these are depends on the features, or on ModRM in ways of their own.
  || map === 1 && [0x09, 0x0d, 0x0f, 0x1a, 0x1b, 0x1e, 0xb8, 0xbc, 0xbd].includes(opcode);
/** Their stack operand size depends on an immediate. */
const variable = new Set([Mnemonic.Enter, Mnemonic.Ret, Mnemonic.Retf]);

/** Codes that cannot be learned. */
const refused = new Set<number>();

/** Remembers how instructions like this one, which iced has decoded, are encoded: from now on `quickDecode` knows them. */
export function learnForm(instruction: Instruction, insn: Insn, set: InstructionSet): void {
  if (refused.has(insn.code)) return;
  const saved = formsOf(instruction, insn, set);
  if (!saved) {
    refused.add(insn.code);
    return;
  }
  for (const one of saved) {
    if (!addForm(one)) continue;
    // A form has to give its own example; opcodes with a register in them share one.
    if (one === saved[0] && !same(quickDecode(insn.bytes, insn.ip, insn.linear, insn.mode, wholeInstructionSet), insn)) removeForm(one);
  }
}

/** The forms that an example shows; empty if it has unusual prefixes, undefined if all like it are left to iced. */
function formsOf(instruction: Instruction, insn: Insn, set: InstructionSet): SavedForm[] | undefined {
  const located = locate(insn.bytes, insn.mode);
  if (typeof located !== 'object') return [];
  const { key, at, opcode } = located, map = key >> 8 & 3, bits = key >> 10 & 3;
  if (never(map, opcode, bits) || variable.has(insn.mnemonic) && insn.operands.length) return undefined;
  const info = instruction.opCode, found: number[] = [];
  let usesReg = false, usesRm = false, usesOpcode = false, isLiteral = false, isKnown = true;
  for (let n = 0; n < insn.operands.length; n++) {
    const kind = info.opKind(n), place = places.get(kind);
    usesReg ||= place !== undefined && place >> 3 === Place.Reg >> 3;
    usesRm ||= place !== undefined && place >> 3 === Place.Rm >> 3;
    usesOpcode ||= place !== undefined && place >> 3 === Place.Opcode >> 3;
    isLiteral ||= literal.has(kind);
    isKnown &&= place !== undefined || implied.has(kind) || literal.has(kind);
    found.push(place ?? Place.Fixed);
  }
  info.free();
  // ENTER, and offsets without ModRM, are rare.
  if (!isKnown || insn.immediate2) return undefined;
  const string = found.includes(Place.String) && insn.memory ? { segment: insn.memory.segment, size: insn.memory.size, addressSize: insn.memory.addressSize } : undefined;
  if (string && located.segment >= 0) return [];
  const form: Form = {
    code: insn.code, mnemonic: insn.mnemonic, places: found, operands: insn.operands.map((operand, n) => found[n] === Place.Fixed ? operand : null), memorySize: insn.memory?.size ?? 0, string, lock: insn.lock, rep: insn.rep,
    operandSize: insn.operandSize, features: set.featuresOf(instruction),
  };
  const immediates = found.reduce((sum, place) => sum + immediateBytes(place), 0), hasModrm = at < insn.length - immediates;
  if (usesOpcode) return [opcode, ...Array.from({ length: 8 }, (_, n) => opcode & ~7 | n).filter(other => other !== opcode && other !== NOP)].map(other => ({ key: key & ~0xff | other, form }));
  if (!hasModrm) return [{ key, form }];
  const modrm = insn.bytes[at]!, register = modrm >= 0xc0;
  // Without an operand by rm all of ModRM may be the opcode. Among the NOPs some are hints.
  const isNop = map === 1 && opcode >= 0x18 && opcode <= 0x1f, by = !usesRm ? Selects.All : isLiteral ? Selects.ExtendedReg : usesReg && !isNop ? Selects.Nothing : Selects.Reg;
  return [{ key, modrm: { register, by, value: selected(by, modrm, located.rex) }, form }];
}

/** Bytes that an operand takes behind the opcode and ModRM. */
function immediateBytes(place: number): number {
  if (place >= Place.Branch16Byte && place < Place.Fixed) return place < Place.Branch16Word ? 1 : place === Place.Branch16Word ? 2 : 4;
  return place >= Place.FarWord ? place === Place.FarWord ? 4 : 6 : place >= Place.Byte && place < Place.Branch16Byte ? [1, 2, 4, 8, 1, 4][place - Place.Byte]! : 0;
}

/** Compares decoded instructions. */
export function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return a === b;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) if (!same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])) return false;
  return true;
}
