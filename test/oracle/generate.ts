import { Decoder, DecoderOptions, type Instruction, MemorySizeExt, Mnemonic, OpCodeOperandKind as K, OpKind } from 'iced-x86';
import { allForms, type Form, immediateBytes, isMemoryOrRegister, isOpcodeRegister, isRegister, isRegisterOnly, isVex, opcodeBytes, vexBytes } from './forms.js';
import { type Bits, CODE, type Case, codeBase, dataBase, GS_BASE, SLOT, SLOT_ENTRY } from './layout.js';
import { baseRegisters, little, little64, memoryOperand, memoryOperand16 } from './memoryOperand.js';
import { Random } from './random.js';
import { address, Start } from './start.js';
import { undefinedBy } from './undefinedFlags.js';

const RAX = 0, RCX = 1, RDX = 2, RSP = 4, RSI = 6, RDI = 7;
const ARITHMETIC = 0x8d5, DF = 0x400, AC = 0x40000;
/** The share of cases with alignment checks. */
const ALIGNED = 0.06;

/** A case with what can be compared of it. */
export interface Generated extends Case {
  text: string;
  /** RFLAGS bits that the SDM leaves undefined at the end. */
  undefinedFlags: number;
  /** The same before the instruction at each offset, for sequences that end in the middle by a fault. */
  undefinedAt: Record<number, number>;
  /** Steps that the machine needs at most. */
  instructions: number;
  /** A string instruction with 32-bit addresses: if it faults, processors may have cut the registers to 32 bits already. */
  cutRegisters: boolean;
}

const STRINGS = new Set([
  Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Movsq, Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd, Mnemonic.Stosq,
  Mnemonic.Lodsb, Mnemonic.Lodsw, Mnemonic.Lodsd, Mnemonic.Lodsq, Mnemonic.Scasb, Mnemonic.Scasw, Mnemonic.Scasd, Mnemonic.Scasq,
  Mnemonic.Cmpsb, Mnemonic.Cmpsw, Mnemonic.Cmpsd, Mnemonic.Cmpsq,
]);
const BIT_TESTS = new Set([Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc]);
const SHIFTS = new Set([Mnemonic.Shl, Mnemonic.Sal, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Rol, Mnemonic.Ror, Mnemonic.Rcl, Mnemonic.Rcr, Mnemonic.Shld, Mnemonic.Shrd]);
const XSAVES = new Set([Mnemonic.Xsave, Mnemonic.Xsave64, Mnemonic.Xsaveopt, Mnemonic.Xsaveopt64, Mnemonic.Xrstor, Mnemonic.Xrstor64]);
const DIVIDES = new Set([Mnemonic.Div, Mnemonic.Idiv]);
/** Their results may be undefined for operands that a sequence does not know beforehand. */
const NOT_IN_SEQUENCES = new Set([Mnemonic.Bsf, Mnemonic.Bsr, Mnemonic.Bswap, Mnemonic.Shld, Mnemonic.Shrd, ...STRINGS, ...XSAVES]);

export class Generator {
  private readonly forms: readonly Form[];
  private readonly random: Random;

  constructor(seed: number, private readonly bits: Bits = 64, forms: readonly Form[] = allForms(bits)) {
    this.random = new Random(seed);
    this.forms = forms;
  }

  /** One random instruction for a slot; undefined if the choice came to nothing (the result would be undefined). */
  single(slot: number, form = this.random.pick(this.forms)): Generated | undefined {
    const random = this.random, start = new Start(random, this.bits);
    const code = this.instruction(form, start, CODE + slot * SLOT + SLOT_ENTRY, false);
    const decoded = code && disassemble(code, CODE + slot * SLOT + SLOT_ENTRY - codeBase(this.bits), this.bits);
    if (!decoded) return undefined;
    if (decoded.length !== code.length || decoded.code !== form.info.code) { decoded.free(); return undefined; }
    const size = operandSize(decoded), count = shiftCount(decoded, start.gpr, size);
    const source = decoded.opCount > 1 && decoded.op1Kind === OpKind.Register ? registerNumber(form, decoded, code) : -1;
    const zero = source >= 0 && BigInt.asUintN(size * 8, start.gpr[source]!) === 0n;
    const not = undefinedBy(decoded, size, count, zero);
    const text = decoded.toString();
    decoded.free();
    if (not.result) return undefined;
    return {
      code, slot, bits: this.bits, text, gpr: start.gpr, patches: start.patches, seed: random.u32(), instructions: 1, undefinedFlags: not.flags, undefinedAt: {},
      cutRegisters: STRINGS.has(form.mnemonic) && code.includes(0x67) && this.bits === 64,
      ...(form.vector ? { fxSeed: random.u32() | 1 } : {}),
      flags: random.u32() & ARITHMETIC | (STRINGS.has(form.mnemonic) && random.chance(0.4) ? DF : 0) | (random.chance(ALIGNED) ? AC : 0),
    };
  }

  /** A sequence of `length` instructions without branches, in which flags and registers go from one to the next. */
  sequence(slot: number, length: number): Generated { return { ...this.sequenceAt(CODE + slot * SLOT + SLOT_ENTRY, length), slot }; }

  /** A sequence at any address; `slot` is none of the harness's. */
  sequenceAt(first: number, length: number): Generated {
    const random = this.random, start = new Start(random, this.bits), bytes: number[] = [], texts: string[] = [];
    const aligned = random.chance(0.5);
    let vector = false;
    for (const register of baseRegisters(this.bits)) start.set(register, BigInt((address(random, 8, 0.95) & (aligned ? -16 : -1)) - dataBase(this.bits)));
    const undefinedAt: Record<number, number> = {};
    let undefinedFlags = 0;
    while (texts.length < length) {
      const form = random.pick(this.forms);
      if (NOT_IN_SEQUENCES.has(form.mnemonic) || form.operands.some(isBranch)
        || form.mnemonic === Mnemonic.Ret || form.mnemonic === Mnemonic.Call || form.mnemonic === Mnemonic.Jmp) continue;
      const at = first + bytes.length;
      const code = this.instruction(form, start, at, true), decoded = code && disassemble(code, at - codeBase(this.bits), this.bits);
      if (!decoded) continue;
      const keep = bytes.length + code.length <= SLOT - SLOT_ENTRY - 8 && decoded.length === code.length && decoded.code === form.info.code && !(rflags(decoded.rflagsRead) & undefinedFlags);
      if (keep) {
        undefinedAt[bytes.length] = undefinedFlags;
        bytes.push(...code);
        vector ||= form.vector;
        texts.push(decoded.toString());
        if (SHIFTS.has(decoded.mnemonic)) undefinedFlags |= 0x811;
        else undefinedFlags = undefinedFlags & ~rflags(decoded.rflagsModified) | undefinedBy(decoded, operandSize(decoded), 0, false).flags;
      }
      decoded.free();
    }
    return {
      code: Uint8Array.from(bytes), slot: -1, bits: this.bits, text: texts.join('; '), gpr: start.gpr, patches: start.patches, seed: random.u32(), instructions: length, undefinedFlags, undefinedAt, cutRegisters: false,
      flags: random.u32() & ARITHMETIC | (random.chance(ALIGNED) ? AC : 0), ...(vector ? { fxSeed: random.u32() | 1 } : {}),
    };
  }

  /** The bytes of a form with random operands at a linear address; decides what the state must be for it. */
  private instruction(form: Form, start: Start, at: number, inSequence: boolean): Uint8Array | undefined {
    const { info, operands } = form, random = this.random;
    const { prefix, opcode } = opcodeBytes(info);
    const legacy: number[] = [], string = STRINGS.has(form.mnemonic);
    const long = this.bits === 64;
    let rex = long && info.operandSize === 64 && !info.defaultOpSize64 && !info.forceOpSize64 && !info.intelForceOpSize64 ? 0x48 : 0;
    if (info.operandSize === 16 && this.bits !== 16 || info.operandSize === 32 && this.bits === 16) legacy.push(0x66);
    const hasMemory = operands.some(k => isMemoryOrRegister(k) || k === K.mem);
    const memory = operands.includes(K.mem) || operands.some(isMemoryOrRegister) && random.chance(0.6);
    const segment = long && memory && random.chance(0.08);
    // With prefix 67 addresses have 32 bits in 64-bit and 16-bit code, 16 in 32-bit code.
    const short = info.addressSize !== 0 ? info.addressSize !== this.bits :  ((memory && !segment && random.chance(0.12)) || string && random.chance(0.15));
    if (short) legacy.push(0x67);
    const addressBits = !short ? this.bits : this.bits === 32 ? 16 : 32;
    if (segment) legacy.push(0x65);
    else if (!long && memory && random.chance(0.1)) legacy.push(random.pick([0x26, 0x2e, 0x36, 0x3e]));
    if (string && random.chance(0.6)) legacy.push(random.chance(0.5) ? 0xf2 : 0xf3);
    if (memory && info.canUseLockPrefix && random.chance(0.3)) legacy.push(0xf0);
    const vex = isVex(info), vvvv = vex && operands.some(k => k === K.r32_vvvv || k === K.r64_vvvv) ? random.below(long ? 16 : 8) : 0;
    if (vex && info.W) rex |= 0x48;
    if (long && !vex && random.chance(0.25)) rex |= 0x40;

    const registerOperand = () => {
      const n = random.below(long ? 16 : 8);
      if (n >= 8) rex |= 0x40;
      return n;
    };
    let modrm: number[] = [], relativeAt = -1, target = 0;
    const size = info.operandSize ? info.operandSize / 8 : 4;
    let reg = 0;
    if (form.modrm) {
      reg = info.groupIndex >= 0 ? info.groupIndex : operands.some(isRegister) ? registerOperand() : random.below(8);
      if (reg >= 8) rex |= 0x44;
      if (memory) {
        target = address(random, form.mnemonic === Mnemonic.Cmpxchg16b || form.vector ? 16 : 8, form.mnemonic === Mnemonic.Lea ? 1 : 0.88);
        if (XSAVES.has(form.mnemonic)) {
          // Components that every processor has: the areas of others lie elsewhere.
          start.set(RAX, BigInt(random.below(4)));
          start.set(RDX, 0n);
          if (random.chance(0.9)) target &= -64;
        }
        if ((form.mnemonic === Mnemonic.Cmpxchg16b || form.vector) && random.chance(0.7)) target &= -16;
        if (long && !segment && !short && !inSequence && random.chance(0.02)) target = -1;
        const bits = BIT_TESTS.has(form.mnemonic) && operands.some(isRegister);
        if (bits && (reg === RSP || start.taken.has(reg))) return undefined;
        if (bits) start.set(reg, BigInt.asUintN(64, BigInt.asUintN(info.operandSize, BigInt(random.between(-1500, 1500))) | start.gpr[reg]! & ~((1n << BigInt(info.operandSize)) - 1n)));
        const encoded = addressBits === 16 ? memoryOperand16(random, reg & 7, target - dataBase(this.bits), start, inSequence)
          : memoryOperand(random, reg & 7, target, segment, short, start, inSequence, form.vector && random.chance(0.9) ? 16 : 1);
        modrm = encoded.bytes;
        rex |= encoded.rex;
        if (encoded.relative) relativeAt = 1;
      } else {
        const rm = operands.some(k => isMemoryOrRegister(k) || isRegisterOnly(k)) ? registerOperand() : random.below(8);
        if (rm >= 8) rex |= 0x41;
        modrm = [0xc0 | (reg & 7) << 3 | rm & 7];
        if (operands.includes(K.mem)) return undefined;
        if (DIVIDES.has(form.mnemonic) && random.chance(0.8)) start.set(rm, random.chance(0.1) ? 0n : random.value());
      }
    } else if (operands.some(isOpcodeRegister)) {
      const n = registerOperand();
      if (n >= 8) rex |= 0x41;
      opcode[opcode.length - 1]! += n & 7;
    }
    const head = vex ? [...legacy, ...vexBytes(info, rex, vvvv), opcode[opcode.length - 1]!] : [...legacy, ...prefix, ...(rex ? [0x40 | rex] : []), ...opcode];
    const tail: number[] = [];
    const length = head.length + modrm.length + operands.reduce((sum, k) => sum + immediateBytes(k, addressBits), 0);
    for (const kind of operands) {
      if (isBranch(kind)) tail.push(...this.displacement(kind, length));
      else tail.push(...this.immediate(kind, form, segment, addressBits));
    }
    if (relativeAt >= 0) little(target - at - length, 4).forEach((byte, n) => { modrm[relativeAt + n] = byte; });
    if (!inSequence || !start.taken.size) this.prepare(form, start, at, memory ? target : undefined, size, string, short, hasMemory && !memory ? modrm[0]! & 7 | (rex & 1) << 3 : -1);
    const bytes = Uint8Array.from([...head, ...modrm, ...tail]);
    return bytes.length <= 15 ? bytes : undefined;
  }

  /** A branch into the INT3s of the slot, seldom to nowhere. */
  private displacement(kind: K, length: number): number[] {
    const random = this.random;
    const near = random.chance(0.5) ? random.between(0, 100) : random.between(-SLOT_ENTRY + 8, -length - 1);
    const bytes = immediateBytes(kind, 64);
    return little(bytes > 1 && random.chance(0.1) ? random.u32() | 0 : near, bytes);
  }

  private immediate(kind: K, form: Form, segment: boolean, addressBits: number): number[] {
    const random = this.random, bytes = immediateBytes(kind, addressBits);
    if (!bytes) return [];
    if (kind === K.mem_offs) return little64(BigInt.asUintN(64, BigInt(address(random, 8, 0.88) - (segment ? GS_BASE : dataBase(this.bits))))).slice(0, bytes);
    if (form.mnemonic === Mnemonic.Enter && kind === K.imm8) return little(random.pick([0, 1, 2, random.below(256)]), 1);
    if (form.mnemonic === Mnemonic.Enter) return little(random.between(0, 1000), 2);
    if (form.mnemonic === Mnemonic.Ret) return little(random.between(0, 40), 2);
    return little64(random.value()).slice(0, bytes);
  }

  /** Gives the registers and the memory that the instruction uses implicitly values at which something happens. */
  private prepare(form: Form, start: Start, at: number, target: number | undefined, size: number, string: boolean, short: boolean, register: number): void {
    const random = this.random, { mnemonic } = form;
    const wide = short && this.bits === 64 ? random.u64() & ~0xffffffffn : 0n, data = (at: number) => BigInt.asUintN(32, BigInt(at - dataBase(this.bits)));
    if (string) {
      start.set(RCX, BigInt(random.between(0, 24)) | wide);
      start.set(RSI, data(address(random, size, 0.9)) | wide);
      // Often near each other, so that copies overlap.
      start.set(RDI, random.chance(0.3) ? BigInt.asUintN(64, start.gpr[RSI]! + BigInt(random.between(-20, 20))) : data(address(random, size, 0.9)) | wide);
      if (random.chance(0.3)) start.set(RAX, BigInt(random.u32()));
    }
    if (DIVIDES.has(mnemonic) && random.chance(0.8)) {
      start.set(RDX, random.pick([0n, 0xffffffffffffffffn, BigInt(random.below(4)), BigInt.asUintN(64, -BigInt(random.below(4)))]));
      if (form.info.operandSize === 0) start.set(RAX, BigInt(random.below(0x800)));
    }
    if (mnemonic === Mnemonic.Maskmovq || mnemonic === Mnemonic.Maskmovdqu) start.set(RDI, data(address(random, 16, 0.9)) | wide);
    if (XSAVES.has(mnemonic) && target !== undefined) {
      start.patch(target + 512, BigInt(random.chance(0.95) ? random.below(4) : random.below(0x1000000)));
      start.patch(target + 520, random.chance(0.95) ? 0n : random.u64() >> 1n);
      start.patch(target + 528, random.chance(0.95) ? 0n : random.u64());
      start.patch(target + 24, BigInt(random.chance(0.95) ? random.below(0x10000) : random.u32()));
    }
    // Mostly values of MXCSR that exist, with all exceptions masked.
    if (target !== undefined && random.chance(0.9)) {
      const mxcsr = BigInt(random.below(0x10000) | (random.chance(0.9) ? 0x1f80 : 0));
      if (mnemonic === Mnemonic.Ldmxcsr) start.patch(target, mxcsr);
      if (mnemonic === Mnemonic.Fxrstor || mnemonic === Mnemonic.Fxrstor64) start.patch(target + 24, mxcsr);
    }
    if (SHIFTS.has(mnemonic) && random.chance(0.7)) start.set(RCX, start.gpr[RCX]! & ~0xffn | BigInt(random.below(70)));
    if (mnemonic === Mnemonic.Loop || mnemonic === Mnemonic.Loope || mnemonic === Mnemonic.Loopne || mnemonic === Mnemonic.Jecxz || mnemonic === Mnemonic.Jrcxz) {
      start.set(RCX, random.pick([0n, 1n, 2n, 0x100000000n, 0x100000001n, random.u64()]));
    }
    if (mnemonic === Mnemonic.Cmpxchg && random.chance(0.5)) {
      if (register >= 0) start.set(register, start.gpr[RAX]!);
      else if (target !== undefined) start.patch(target, start.gpr[RAX]!);
    }
    if ((mnemonic === Mnemonic.Cmpxchg8b || mnemonic === Mnemonic.Cmpxchg16b) && target !== undefined && random.chance(0.6)) {
      if (mnemonic === Mnemonic.Cmpxchg8b) start.patch(target, start.gpr[RAX]! & 0xffffffffn | (start.gpr[RDX]! & 0xffffffffn) << 32n);
      else {
        start.patch(target, start.gpr[RAX]!);
        start.patch(target + 8, start.gpr[RDX]!);
      }
    }
    const goal = () => random.chance(0.85) ? BigInt(Math.floor(at / SLOT) * SLOT + random.between(0, 100) - codeBase(this.bits)) : random.pick([0x1234567812345678n, 0x800000000000n, 0x77777777n, 0xffff800000000000n]);
    if (mnemonic === Mnemonic.Ret) start.patch(Number(start.gpr[RSP]) + dataBase(this.bits), goal());
    if (mnemonic === Mnemonic.Jmp || mnemonic === Mnemonic.Call) {
      if (register >= 0) start.set(register, goal());
      else if (target !== undefined) start.patch(target, goal());
    }
  }
}

function isBranch(kind: K): boolean { return kind >= K.br16_1 && kind <= K.br64_4; }

/** The instruction that bytes stand for; free it. */
export function disassemble(bytes: Uint8Array, ip: number, bits: Bits): Instruction | undefined {
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  decoder.ip = BigInt(ip);
  const decoded = decoder.decode();
  decoder.free();
  if (!decoded.isInvalid) return decoded;
  decoded.free();
  return undefined;
}

export function operandSize(i: Instruction): number {
  if (i.op0Kind === OpKind.Memory) return MemorySizeExt.size(i.memorySize);
  const name = i.op0Register;
  // iced numbers AL..R15L 1-20, AX.. 21-36, EAX.. 37-52, RAX.. 53-68.
  return name >= 53 ? 8 : name >= 37 ? 4 : name >= 21 ? 2 : 1;
}

/** Masked count of a shift, from its immediate or from CL. */
export function shiftCount(i: Instruction, gpr: readonly bigint[], size: number): number {
  if (!SHIFTS.has(i.mnemonic)) return 0;
  const n = i.opCount - 1, kind = i.opKind(n), mask = size === 8 ? 0x3f : 0x1f;
  return kind === OpKind.Register ? Number(gpr[RCX]! & 0xffn) & mask : Number(i.immediate(n)) & mask;
}

/** Number of the register that ModRM.rm names. */
function registerNumber(form: Form, i: Instruction, code: Uint8Array): number {
  if (!form.modrm) return -1;
  if (i.codeSize !== 3) return code[code.length - 1]! & 7; // CodeSize.Code64
  const rexAt = code.findIndex(byte => byte >= 0x40 && byte <= 0x4f);
  return code[code.length - 1]! & 7 | (rexAt >= 0 && rexAt < 4 ? (code[rexAt]! & 1) << 3 : 0);
}

/** iced's RflagsBits as bits of RFLAGS (arithmetic flags only). */
function rflags(bits: number): number {
  // OF SF ZF AF CF PF
  return (bits & 1 ? 0x800 : 0) | (bits & 2 ? 0x80 : 0) | (bits & 4 ? 0x40 : 0) | (bits & 8 ? 0x10 : 0) | (bits & 16 ? 1 : 0) | (bits & 32 ? 4 : 0);
}
