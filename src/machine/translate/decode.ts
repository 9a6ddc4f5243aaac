import { Code, DecoderError, EncodingKind, type Instruction, OpKind, Register as Iced } from 'iced-x86';
import { CodeMode, Seg } from '../cpu/layout.js';
import { library } from './icedLibrary.js';
import type { Insn, MemoryOperand, Operand, Register } from './insn.js';
import { type InstructionSet, wholeInstructionSet } from './instructionSet.js';
import { learnForm } from './learnForm.js';
import { quickDecode } from './quickDecode.js';
import { isTooLong, MAX_INSTRUCTION } from './tooLong.js';

export { MAX_INSTRUCTION };

export type Decoded = Insn | 'invalid' | 'truncated' | 'too long';

/**
 * Decodes the instruction at offset `from` of `bytes`, which count up to offset `end`.
 * `ip` is the instruction pointer, `linear` its linear address; `mode` a set of `CodeMode` bits.
 * Gives 'truncated' if more bytes are needed than there are, 'invalid' if no instruction has these bytes, 'too long' if
 * prefixes make it longer than 15 bytes. What `set` lacks is invalid.
 */
export function decode(bytes: Uint8Array, ip: bigint, linear: bigint, mode: number, set: InstructionSet = wholeInstructionSet, from = 0, end = bytes.length): Decoded {
  const quick = quickDecode(bytes, ip, linear, mode, set, from, end);
  if (quick) return quick;
  bytes = bytes.subarray(from, end);
  const decoded = libraryDecode(bytes, ip, linear, mode, set);
  return decoded === 'invalid' && bytes.length >= MAX_INSTRUCTION && isTooLong(bytes, bitnessOf(mode), set) ? 'too long' : decoded;
}

function bitnessOf(mode: number): 16 | 32 | 64 { return mode & CodeMode.Long ? 64 : mode & CodeMode.Code32 ? 32 : 16; }

/** As `decode`, by iced, and remembers the form; what is too long counts as invalid. */
export function libraryDecode(bytes: Uint8Array, ip: bigint, linear: bigint, mode: number, set: InstructionSet): Insn | 'invalid' | 'truncated' {
  const bitness = bitnessOf(mode);
  const { Decoder, Instruction } = library();
  const decoder = new Decoder(bitness, bytes.length > MAX_INSTRUCTION ? bytes.subarray(0, MAX_INSTRUCTION) : bytes, set.options);
  decoder.ip = ip;
  instruction ??= new Instruction();
  decoder.decodeOut(instruction);
  const error = decoder.lastError;
  decoder.free();
  if (error === DecoderError.NoMoreBytes) return bytes.length >= MAX_INSTRUCTION ? 'invalid' : 'truncated';
  if (error !== DecoderError.None || instruction.isInvalid || !set.has(instruction)) return 'invalid';
  // VEX prefixes exist in protected mode only (SDM Vol. 2A, 2.6.1): what would be LES or LDS with a register is #UD in real mode.
  if (mode & CodeMode.Real && (instruction.encoding === EncodingKind.VEX || instruction.code === Code.Arpl_r32m16_r32 || instruction.code === Code.Arpl_rm16_r16)) return 'invalid';
  const insn = read(instruction, bytes, ip, linear, mode, bitness);
  learnForm(instruction, insn, set);
  return insn;
}

/** One iced instruction is reused: creating one crosses into its WebAssembly and must be freed by hand. */
let instruction: Instruction | undefined;

function read(i: Instruction, bytes: Uint8Array, ip: bigint, linear: bigint, mode: number, bitness: number): Insn {
  const length = i.length;
  const insn: Insn = {
    linear, ip,
    // 16-bit code may lie above 64 KiB of its segment: EIP is not cut to 16 bits by going on to the next instruction.
    next: BigInt.asUintN(bitness === 64 ? 64 : 32, ip + BigInt(length)), length, bytes: Array.from(bytes.subarray(0, length)), code: i.code, mnemonic: i.mnemonic,
    operands: [], immediate: 0n, immediate2: 0, target: 0n, farSelector: 0, lock: false, rep: 'none', operandSize: 0, mode,
  };
  // A REX prefix in front of other prefixes counts for nothing.
  if (isPrefix(bytes[0]!) || bitness === 64 && isRex(bytes[0]!) && (isPrefix(bytes[1]!) || isRex(bytes[1]!))) {
    insn.lock = i.hasLockPrefix;
    insn.rep = i.hasRepnePrefix ? 'repne' : i.hasRepPrefix ? 'rep' : 'none';
  }
  const form = formOf(i, insn.code);
  for (let n = 0; n < form.operands; n++) insn.operands.push(readOperand(i, n, insn));
  insn.operandSize = form.stack ?? stackSize(i);
  return insn;
}

/** Legacy prefixes (SDM Vol. 2A, 2.1.1). */
function isPrefix(byte: number): boolean {
  return (byte & 0xe7) === 0x26 || (byte & 0xfc) === 0x64 || byte === 0xf0 || byte === 0xf2 || byte === 0xf3;
}

function isRex(byte: number): boolean { return byte >>> 4 === 4; }

/** What is the same for all instructions of a `Code`; reading a field of iced's instruction costs a call into its WebAssembly. */
interface Form { operands: number; /** Operand size of stack instructions; undefined where it depends on an immediate. */ stack: number | undefined; }
const forms: (Form | undefined)[] = [];

function formOf(i: Instruction, code: number): Form {
  let form = forms[code];
  if (form) return form;
  const operands = i.opCount;
  let fixed = true;
  for (let n = 0; n < operands; n++) {
    const kind = i.opKind(n);
    if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64) fixed = false;
  }
  forms[code] = form = { operands, stack: fixed ? stackSize(i) : undefined };
  return form;
}

/** What a stack instruction moves the stack pointer by, if it is the size of one operand. */
function stackSize(i: Instruction): number {
  const size = Math.abs(i.stackPointerIncrement);
  return size === 2 || size === 4 || size === 8 ? size : 0;
}

function readOperand(i: Instruction, n: number, insn: Insn): Operand {
  const kind = i.opKind(n);
  switch (kind) {
    case OpKind.Register: return { kind: 'register', register: register(i.opRegister(n)) };
    case OpKind.NearBranch16: insn.target = BigInt(i.nearBranch16); return { kind: 'branch' };
    case OpKind.NearBranch32: insn.target = BigInt(i.nearBranch32 >>> 0); return { kind: 'branch' };
    case OpKind.NearBranch64: insn.target = i.nearBranch64; return { kind: 'branch' };
    case OpKind.FarBranch16: insn.target = BigInt(i.farBranch16); insn.farSelector = i.farBranchSelector; return { kind: 'far' };
    case OpKind.FarBranch32: insn.target = BigInt(i.farBranch32 >>> 0); insn.farSelector = i.farBranchSelector; return { kind: 'far' };
    case OpKind.Immediate8_2nd: insn.immediate2 = i.immediate8_2nd; return { kind: 'immediate' };
    case OpKind.Immediate8: case OpKind.Immediate16: case OpKind.Immediate32: case OpKind.Immediate64:
    case OpKind.Immediate8to16: case OpKind.Immediate8to32: case OpKind.Immediate8to64: case OpKind.Immediate32to64:
      insn.immediate = BigInt.asUintN(64, i.immediate(n));
      return { kind: 'immediate' };
    case OpKind.Memory:
      insn.memory = memoryOperand(i, insn.mode & CodeMode.Long);
      return { kind: 'memory', size: insn.memory.size };
    default: {
      // Implicit string operands; the string handlers know their registers, only segment and address size vary.
      const size = library().MemorySizeExt.size(i.memorySize);
      insn.memory = {
        base: -1, index: -1, scale: 1, displacement: 0n, segment: segmentOf(i, insn.mode & CodeMode.Long, Seg.DS), size,
        addressSize: stringAddressSize(kind),
      };
      return { kind: 'memory', size };
    }
  }
}

function stringAddressSize(kind: OpKind): number {
  switch (kind) {
    case OpKind.MemorySegSI: case OpKind.MemorySegDI: case OpKind.MemoryESDI: return 2;
    case OpKind.MemorySegESI: case OpKind.MemorySegEDI: case OpKind.MemoryESEDI: return 4;
    default: return 8;
  }
}

const RSP = 4, RBP = 5;

/** The segment of an operand. 64-bit code ignores the prefixes of ES, CS, SS and DS (SDM Vol. 1, 3.4.2.1): the default counts. */
function segmentOf(i: Instruction, long: number, byDefault: Seg): Seg {
  const prefix = i.segmentPrefix;
  const ignored = prefix === Iced.ES || prefix === Iced.CS || prefix === Iced.SS || prefix === Iced.DS;
  return long && ignored ? byDefault : segmentNumber(i.memorySegment);
}

function memoryOperand(i: Instruction, long: number): MemoryOperand {
  const base = i.memoryBase, index = i.memoryIndex;
  const relative = base === Iced.RIP || base === Iced.EIP;
  const baseRegister = base === Iced.None || relative ? undefined : register(base);
  const indexRegister = index === Iced.None ? undefined : register(index);
  const addressSize = baseRegister?.size ?? indexRegister?.size
    ?? (base === Iced.RIP ? 8 : base === Iced.EIP ? 4 : i.memoryDisplSize);
  return {
    base: baseRegister?.number ?? -1,
    // XLAT's index is AL, which its definition adds.
    index: index === Iced.AL ? -1 : indexRegister?.number ?? -1,
    scale: i.memoryIndexScale as 1 | 2 | 4 | 8,
    // For RIP-relative operands iced gives the absolute address.
    displacement: BigInt.asUintN(64, i.memoryDisplacement),
    segment: segmentOf(i, long, baseRegister?.number === RSP || baseRegister?.number === RBP ? Seg.SS : Seg.DS),
    addressSize,
    size: library().MemorySizeExt.size(i.memorySize),
  };
}

function segmentNumber(register: number): Seg {
  switch (register) {
    case Iced.ES: return Seg.ES;
    case Iced.CS: return Seg.CS;
    case Iced.SS: return Seg.SS;
    case Iced.FS: return Seg.FS;
    case Iced.GS: return Seg.GS;
    default: return Seg.DS;
  }
}

function register(iced: number): Register { return registers[iced] ?? { class: 'other', number: 0, size: 0 }; }

/** Registers by iced's numbering. */
const registers: Register[] = [];
function range(first: number, count: number, from: number, kind: Register['class'], size: number): void {
  for (let n = 0; n < count; n++) registers[first + n] = { class: kind, number: from + n, size };
}
range(Iced.AL, 4, 0, 'general', 1);
range(Iced.AH, 4, 0, 'high8', 1);
range(Iced.SPL, 4, 4, 'general', 1);
range(Iced.R8L, 8, 8, 'general', 1);
range(Iced.AX, 16, 0, 'general', 2);
range(Iced.EAX, 16, 0, 'general', 4);
range(Iced.RAX, 16, 0, 'general', 8);
range(Iced.ES, 6, 0, 'segment', 2);
range(Iced.CR0, 16, 0, 'control', 8);
range(Iced.DR0, 16, 0, 'debug', 8);
range(Iced.XMM0, 16, 0, 'xmm', 16);
range(Iced.MM0, 8, 0, 'mmx', 8);
range(Iced.ST0, 8, 0, 'x87', 10);
