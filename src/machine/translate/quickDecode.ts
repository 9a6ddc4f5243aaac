import { CodeMode, Seg } from '../cpu/layout.js';
import { type Form, findOpcode, type Opcode, opcodeKey, Place, RegisterClass, Selects, type Selection } from './forms.js';
import type { Insn, MemoryOperand, Operand, Register } from './insn.js';
import type { InstructionSet } from './instructionSet.js';

/** More prefixes than these are left to iced. */
const MAX_PREFIXES = 4;
const MAX_INSTRUCTION = 15;
export const NOP = 0x90;

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/** An encoding up to its opcode, and ModRM behind it. */
export interface Located {
  key: number;
  /** Offset behind the opcode. */
  at: number;
  opcode: number;
  /** The REX prefix, or 0. */
  rex: number;
  /** `Seg` of an override by FS or GS, or -1. */
  segment: number;
}

/** Finds the opcode of the instruction at offset `from`, whose bytes end before `end`; undefined where there are prefixes that this decoder leaves to iced, 'truncated' if the bytes end before it. */
export function locate(bytes: ArrayLike<number>, mode: number, from = 0, end = bytes.length): Located | 'truncated' | undefined {
  const long = mode & CodeMode.Long;
  let at = from, prefixes = 0, segment = -1, hasSegment = false, rex = 0, map = 0;
  for (;;) {
    if (at >= end) return 'truncated';
    const byte = bytes[at]!;
    let bit: number;
    if (byte === 0x66) bit = 1;
    else if (byte === 0xf2) bit = 2;
    else if (byte === 0xf3) bit = 4;
    else if (byte === 0xf0) bit = 8;
    else if (long && (byte === 0x64 || byte === 0x65 || (byte & 0xe7) === 0x26)) {
      // Those of ES, CS, SS and DS count for nothing (SDM Vol. 1, 3.4.2.1).
      if (hasSegment) return undefined;
      hasSegment = true;
      if (byte >= 0x64) segment = byte === 0x64 ? Seg.FS : Seg.GS;
      bit = 0;
    } else break;
    if (prefixes & bit || bit & 6 && prefixes & 6 || ++at > from + MAX_PREFIXES) return undefined;
    prefixes |= bit;
  }
  if (long && bytes[at]! >>> 4 === 4) {
    rex = bytes[at++]!;
    if (rex & 8) prefixes |= 16;
  }
  let opcode = bytes[at++]!;
  if (opcode === 0x0f) {
    opcode = bytes[at++]!;
    map = 1;
    if (opcode === 0x38 || opcode === 0x3a) {
      map = opcode === 0x38 ? 2 : 3;
      opcode = bytes[at++]!;
    }
  }
  if (at > end) return 'truncated';
  // A prefix that is not dealt with here, or one behind REX; XCHG instead of NOP by REX.B.
  if (map === 0 && (PREFIXES.has(opcode) || long && opcode >>> 4 === 4 || opcode === NOP && rex)) return undefined;
  return { key: opcodeKey(opcode, map, long ? 2 : mode & CodeMode.Code32 ? 1 : 0, prefixes), at, opcode, rex, segment };
}

/**
 * Decodes the instruction at offset `from` if its form is known (`forms.ts`): the same result as iced's, without its library.
 * Other parameters as of `decode`.
 * @returns undefined if iced is to be asked
 */
export function quickDecode(bytes: ArrayLike<number>, ip: bigint, linear: bigint, mode: number, set: InstructionSet, from = 0, end = bytes.length): Insn | 'truncated' | undefined {
  const located = locate(bytes, mode, from, end);
  if (located === undefined || located === 'truncated') return end - from < MAX_INSTRUCTION ? located : undefined;
  const known = findOpcode(located.key);
  if (!known) return undefined;
  const result = decodeForm(known, located, bytes, from, end, ip, linear, mode, set);
  return result === 'truncated' && end - from >= MAX_INSTRUCTION ? undefined : result;
}

function decodeForm(known: Opcode, { at, opcode, rex, segment }: Located, bytes: ArrayLike<number>, from: number, end: number, ip: bigint, linear: bigint, mode: number,
  set: InstructionSet): Insn | 'truncated' | undefined {
  const long = mode & CodeMode.Long;
  let form = known.plain, modrm = -1, memory: MemoryOperand | undefined, relative = false;
  if (!form) {
    if (at >= end) return 'truncated';
    modrm = bytes[at++]!;
    const selection = modrm >= 0xc0 ? known.register : known.memory;
    form = selection && select(selection, modrm, rex);
  }
  if (!form || !set.provides(form.code, form.features)) return undefined;
  if (modrm >= 0 && modrm < 0xc0) {
    memory = { base: -1, index: -1, scale: 1, displacement: 0n, segment, addressSize: 8, size: form.memorySize };
    at = long || mode & CodeMode.Code32 ? addressOf(memory, bytes, at, modrm, rex, long !== 0) : address16(memory, bytes, at, modrm);
    relative = long !== 0 && (modrm & 0xc7) === 5;
  }
  const { places } = form, operands: Operand[] = [];
  let immediate = 0n, target = 0n, branch = 0, farSelector = 0;
  for (let n = 0; n < places.length; n++) {
    const place = places[n]!;
    if (place < Place.Byte) {
      if (place < Place.Rm) operands.push(registerOf(place & 7, modrm >> 3 & 7 | (rex & 4) << 1, rex));
      else if (place >= Place.Opcode) operands.push(registerOf(place & 7, opcode & 7 | (rex & 1) << 3, rex));
      else operands.push(memory ? { kind: 'memory', size: memory.size } : registerOf(place & 7, modrm & 7 | (rex & 1) << 3, rex));
    } else if (place < Place.Branch16Byte) {
      immediate = immediateOf(bytes, at, place);
      at += sizes[place - Place.Byte]!;
      operands.push(IMMEDIATE);
    } else if (place < Place.Fixed) {
      branch = place;
      target = place < Place.Branch16Word ? BigInt(bytes[at]! << 24 >> 24) : place === Place.Branch16Word ? BigInt((bytes[at]! | bytes[at + 1]! << 8) << 16 >> 16) : BigInt(int32(bytes, at));
      at += place < Place.Branch16Word ? 1 : place === Place.Branch16Word ? 2 : 4;
      operands.push(BRANCH);
    } else if (place === Place.One) {
      immediate = 1n;
      operands.push(IMMEDIATE);
    } else if (place === Place.String) {
      if (segment >= 0) return undefined;
      const string = form.string!;
      memory = { base: -1, index: -1, scale: 1, displacement: 0n, segment: string.segment, size: string.size, addressSize: string.addressSize };
      operands.push({ kind: 'memory', size: string.size });
    } else if (place >= Place.FarWord) {
      target = place === Place.FarWord ? BigInt(bytes[at]! | bytes[at + 1]! << 8) : BigInt(int32(bytes, at) >>> 0);
      at += place === Place.FarWord ? 4 : 6;
      farSelector = bytes[at - 2]! | bytes[at - 1]! << 8;
      operands.push(FAR);
    } else operands.push(form.operands[n]!);
  }
  if (at > end) return 'truncated';
  const length = at - from, behind = ip + BigInt(length), next = BigInt.asUintN(long ? 64 : 32, behind), own: number[] = [];
  for (let n = from; n < at; n++) own.push(bytes[n]!);
  if (relative) memory!.displacement = BigInt.asUintN(64, behind + memory!.displacement);
  if (branch) target = BigInt.asUintN(targetBits[(branch - Place.Branch16Byte) % 3]!, behind + target);
  const insn: Insn = {
    linear, ip, next, length, bytes: own, code: form.code, mnemonic: form.mnemonic,
    operands, immediate, immediate2: 0, target, farSelector, lock: form.lock, rep: form.rep, operandSize: form.operandSize, mode,
  };
  if (memory) insn.memory = memory;
  return insn;
}

function select({ by, forms }: Selection, modrm: number, rex: number): Form | undefined {
  return forms[selected(by, modrm, rex)];
}

/** The bits of ModRM and REX that select a form. */
export function selected(by: Selects, modrm: number, rex: number): number {
  switch (by) {
    case Selects.Nothing: return 0;
    case Selects.Reg: return modrm >> 3 & 7;
    case Selects.ExtendedReg: return modrm >> 3 & 7 | (rex & 4) << 1;
    case Selects.All: return modrm | (rex & 5) << 8;
  }
}

/** Bytes of the immediates, by `Place`, and bits of the branch targets. */
const sizes = [1, 2, 4, 8, 1, 4], targetBits = [16, 32, 64];

function immediateOf(bytes: ArrayLike<number>, at: number, place: number): bigint {
  switch (place) {
    case Place.Byte: return BigInt(bytes[at] ?? 0);
    case Place.SignByte: return BigInt.asUintN(64, BigInt(bytes[at]! << 24 >> 24));
    case Place.Word: return BigInt(bytes[at]! | bytes[at + 1]! << 8);
    case Place.Double: return BigInt(int32(bytes, at) >>> 0);
    case Place.SignDouble: return BigInt.asUintN(64, BigInt(int32(bytes, at)));
    default: return BigInt(int32(bytes, at) >>> 0) | BigInt(int32(bytes, at + 4) >>> 0) << 32n;
  }
}

/** Four bytes as a signed number; what lies behind the end counts as 0. */
function int32(bytes: ArrayLike<number>, at: number): number { return bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24; }

/** Reads a 32-bit or 64-bit address (SDM Vol. 2A, tables 2-2 and 2-3) and gives the offset behind it; a RIP-relative displacement is completed by the caller. */
function addressOf(memory: MemoryOperand, bytes: ArrayLike<number>, at: number, modrm: number, rex: number, long: boolean): number {
  const mod = modrm >> 6;
  let base = modrm & 7, displacement = 0, size = mod === 1 ? 1 : mod === 2 ? 4 : 0;
  if (base === 4) {
    const sib = bytes[at++] ?? 0, index = sib >> 3 & 7 | (rex & 2) << 2;
    memory.index = index === 4 ? -1 : index;
    memory.scale = 1 << (sib >> 6) as 1 | 2 | 4 | 8;
    base = sib & 7;
  }
  if (base === 5 && mod === 0) size = 4;
  else memory.base = base | (rex & 1) << 3;
  if (size === 1) displacement = bytes[at]! << 24 >> 24;
  else if (size === 4) displacement = int32(bytes, at);
  if (memory.segment < 0) memory.segment = memory.base === RSP || memory.base === RBP ? Seg.SS : Seg.DS;
  memory.displacement = long ? (modrm & 0xc7) === 5 ? BigInt(displacement) : BigInt.asUintN(64, BigInt(displacement)) : BigInt(displacement >>> 0);
  memory.addressSize = long ? 8 : 4;
  return at + size;
}

const RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7;
/** Base and index of 16-bit addresses by ModRM.rm (SDM Vol. 2A, table 2-1). */
const bases16 = [RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX], indexes16 = [RSI, RDI, RSI, RDI, -1, -1, -1, -1];

function address16(memory: MemoryOperand, bytes: ArrayLike<number>, at: number, modrm: number): number {
  const mod = modrm >> 6, rm = modrm & 7, bare = mod === 0 && rm === 6, size = bare || mod === 2 ? 2 : mod;
  if (!bare) {
    memory.base = bases16[rm]!;
    memory.index = indexes16[rm]!;
  }
  memory.segment = memory.base === RBP ? Seg.SS : Seg.DS;
  if (size === 1) memory.displacement = BigInt(bytes[at]! << 24 >> 24 & 0xffff);
  else if (size === 2) memory.displacement = BigInt(bytes[at]! | bytes[at + 1]! << 8);
  memory.addressSize = 2;
  return at + size;
}

const IMMEDIATE: Operand = { kind: 'immediate' }, BRANCH: Operand = { kind: 'branch' }, FAR: Operand = { kind: 'far' };
const operandOf = (kind: Register['class'], number: number, size: number): Operand => ({ kind: 'register', register: { class: kind, number, size } });
const numbers = Array.from({ length: 16 }, (_, n) => n);
/** Register operands by `RegisterClass` and number. */
const registers: readonly (readonly Operand[])[] = [
  ...[1, 2, 4, 8].map(size => numbers.map(n => operandOf('general', n, size))),
  numbers.map(n => operandOf('xmm', n, 16)), numbers.map(n => operandOf('mmx', n & 7, 8)),
];
/** AH, CH, DH, BH, which 4 to 7 mean without a REX prefix. */
const high8 = [0, 1, 2, 3].map(n => operandOf('high8', n, 1));

function registerOf(kind: number, number: number, rex: number): Operand {
  if (kind === RegisterClass.Bits8 && rex === 0 && number >= 4) return high8[number - 4]!;
  return registers[kind]![number]!;
}
