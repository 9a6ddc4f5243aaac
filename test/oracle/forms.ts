import { Code, CodeExt, EncodingKind, MandatoryPrefix, Mnemonic, OpCodeInfo, OpCodeOperandKind as K, OpCodeTableKind } from 'iced-x86';
import { definitions } from '../../src/machine/instructions/define.js';
import '../../src/machine/instructions/index.js';
import { vectorDefinitions, vectorHandlers } from '../../src/machine/instructions/vector/registry.js';
import '../../src/machine/instructions/vector/index.js';
import type { Bits } from './layout.js';
import { rareHandlers } from '../../src/machine/instructions/rare.js';
import { stringHandlers } from '../../src/machine/instructions/strings.js';
import { handlers as x87AndSystem } from '../../src/machine/instructions/system/index.js';

/** Instructions of the system that a user program may execute and whose result does not depend on the kernel. */
const MORE = new Set([Mnemonic.Pushfq, Mnemonic.Pushf, Mnemonic.Ud2]);

/** Those of them that use x87, MMX or SSE state though they name no register of it. */
const STATE = new Set([Mnemonic.Emms, Mnemonic.Ldmxcsr, Mnemonic.Stmxcsr, Mnemonic.Fxsave, Mnemonic.Fxsave64, Mnemonic.Fxrstor, Mnemonic.Fxrstor64,
  Mnemonic.Xsave, Mnemonic.Xsave64, Mnemonic.Xsaveopt, Mnemonic.Xsaveopt64, Mnemonic.Xrstor, Mnemonic.Xrstor64]);

/** Operands in XMM and MMX registers. */
const VECTOR_OPERANDS = new Set<K>([K.xmm_reg, K.xmm_or_mem, K.xmm_rm, K.mm_reg, K.mm_or_mem, K.mm_rm]);

/** Operands of the x87. */
const X87_OPERANDS = new Set<K>([K.st0, K.sti_opcode, K.mem, K.ax]);
/** Instructions of the x87, but for those whose last bit processors decide, and FRSTPM, which the SDM does not have. */
function isX87(name: string, mnemonic: Mnemonic, operands: readonly K[]): boolean {
  return (name.startsWith('F') || mnemonic === Mnemonic.Wait) && x87AndSystem.has(mnemonic) && operands.every(kind => X87_OPERANDS.has(kind))
    && !/^F(sin|cos|sincos|ptan|patan|2xm1|yl2x|yl2xp1|rstpm|x(save|rstor)\w*)(_|$)/i.test(name);
}

const OPERANDS = new Set<K>([
  K.r8_or_mem, K.r16_or_mem, K.r32_or_mem, K.r64_or_mem, K.mem, K.r8_reg, K.r16_reg, K.r32_reg, K.r64_reg,
  K.r8_opcode, K.r16_opcode, K.r32_opcode, K.r64_opcode, K.al, K.ax, K.eax, K.rax, K.cl, K.imm8_const_1,
  K.imm8, K.imm16, K.imm32, K.imm64, K.imm32sex64, K.imm8sex16, K.imm8sex32, K.imm8sex64, K.br64_1, K.br64_4,
  K.mem_offs, K.es_rDI, K.seg_rSI, K.br32_1, K.br32_4, K.br16_1, K.br16_2, K.r32_vvvv, K.r64_vvvv, ...VECTOR_OPERANDS, K.seg_rDI, K.st0, K.sti_opcode,
]);

/** A way to encode an instruction: what the SDM's opcode tables have as one line. */
export interface Form {
  name: string;
  mnemonic: Mnemonic;
  info: OpCodeInfo;
  operands: K[];
  modrm: boolean;
  /** It uses x87, MMX or SSE state. */
  vector: boolean;
  x87: boolean;
}

/** Every form in code of that many bits of every instruction that the machine defines, system instructions apart. */
export function allForms(bits: Bits = 64): Form[] {
  const forms: Form[] = [];
  for (const [name, code] of Object.entries(Code) as [string, Code][]) {
    if (typeof code !== 'number') continue;
    const info = CodeExt.opCode(code), mnemonic = info.mnemonic;
    const operands = Array.from({ length: info.opCount }, (_, n) => info.opKind(n)), vector = operands.some(kind => VECTOR_OPERANDS.has(kind)), x87 = isX87(name, mnemonic, operands);
    if (x87 ? false : vector ? !vectorDefinitions.has(mnemonic) && !vectorHandlers.has(mnemonic)
      : !definitions.has(mnemonic) && !stringHandlers.has(mnemonic) && !rareHandlers.has(mnemonic) && !MORE.has(mnemonic) && !STATE.has(mnemonic)) continue;
    // System instructions whose usual case is translated: test/machine/instructions/frequent compares them with their handlers.
    if (definitions.get(mnemonic)?.regionOnly && !MORE.has(mnemonic) && !stringHandlers.has(mnemonic)) continue;
    if (!info.isInstruction || info.encoding !== EncodingKind.Legacy && info.encoding !== EncodingKind.VEX || !(bits === 64 ? info.mode64 && info.intelDecoder64 : bits === 32 ? info.mode32 && info.intelDecoder32 : info.mode16 && info.intelDecoder16) || info.isFpuNoWait && !x87) continue;
    if (operands.some(kind => !OPERANDS.has(kind))) continue;
    // Numbers of chance and of the host; approximations, in which processors differ; PEXTRW into memory, of SSE4.1; far transfers; forms of other decoders; FENCEs with unusual ModRM bytes, which processors may reserve.
    if (/^Rd(rand|seed|pid)_|^R(cp|sqrt)[ps]s_|^Pextrw_r(32|64)m16_|m16(16|32|64)$|^[LMS]fence_|^Reservednop|^Prefetchreserved|^Xchg_r\d+_E?R?AX$/.test(name) || bits !== 64 && /^Swapgs/.test(name)) continue;
    const modrm = info.isGroup || info.isRmGroup || operands.some(kind => kind <= K.r64_or_mem && kind >= K.mem && kind !== K.mem_offs || kind >= K.r8_reg && kind <= K.r64_reg && !isOpcodeRegister(kind) || VECTOR_OPERANDS.has(kind));
    forms.push({ name, mnemonic, info, operands, modrm, vector: vector || x87 || STATE.has(mnemonic), x87 });
  }
  return forms;
}

export function isOpcodeRegister(kind: K): boolean { return kind === K.r8_opcode || kind === K.r16_opcode || kind === K.r32_opcode || kind === K.r64_opcode || kind === K.sti_opcode; }
export function isMemoryOrRegister(kind: K): boolean { return kind === K.r8_or_mem || kind === K.r16_or_mem || kind === K.r32_or_mem || kind === K.r64_or_mem || kind === K.xmm_or_mem || kind === K.mm_or_mem; }
/** Registers in ModRM.rm that cannot be memory. */
export function isRegisterOnly(kind: K): boolean { return kind === K.xmm_rm || kind === K.mm_rm; }
export function isRegister(kind: K): boolean { return kind === K.r8_reg || kind === K.r16_reg || kind === K.r32_reg || kind === K.r64_reg || kind === K.xmm_reg || kind === K.mm_reg; }

/** Bytes of the immediate or displacement of an operand, 0 if it has none. */
export function immediateBytes(kind: K, addressBits: number): number {
  switch (kind) {
    case K.imm8: case K.imm8sex16: case K.imm8sex32: case K.imm8sex64: case K.br64_1: case K.br32_1: case K.br16_1: return 1;
    case K.imm16: case K.br16_2: return 2;
    case K.imm32: case K.imm32sex64: case K.br64_4: case K.br32_4: return 4;
    case K.imm64: return 8;
    case K.mem_offs: return addressBits / 8;
    default: return 0;
  }
}

export function isVex(info: OpCodeInfo): boolean { return info.encoding === EncodingKind.VEX; }

/** The three-byte VEX prefix (SDM Vol. 2A, 2.3.5). @param rex bits W, R, X, B @param vvvv the register it names, 0 where it names none */
export function vexBytes(info: OpCodeInfo, rex: number, vvvv: number): number[] {
  const map = info.table === OpCodeTableKind.T0F ? 1 : info.table === OpCodeTableKind.T0F38 ? 2 : 3;
  const pp = info.mandatoryPrefix === MandatoryPrefix.PF3 ? 2 : info.mandatoryPrefix === MandatoryPrefix.PF2 ? 3 : info.mandatoryPrefix === MandatoryPrefix.P66 ? 1 : 0;
  return [0xc4, (~rex & 7) << 5 | map, (rex & 8) << 4 | (~vvvv & 15) << 3 | pp];
}

/** Opcode bytes with their table's escape and mandatory prefix apart. */
export function opcodeBytes(info: OpCodeInfo): { prefix: number[]; opcode: number[] } {
  const escape = info.table === OpCodeTableKind.T0F ? [0x0f] : info.table === OpCodeTableKind.T0F38 ? [0x0f, 0x38] : info.table === OpCodeTableKind.T0F3A ? [0x0f, 0x3a] : [];
  const prefix = info.mandatoryPrefix === MandatoryPrefix.PF3 ? [0xf3] : info.mandatoryPrefix === MandatoryPrefix.PF2 ? [0xf2] : info.mandatoryPrefix === MandatoryPrefix.P66 ? [0x66] : [];
  const opcode = info.opCodeLength === 2 ? [info.opCode >> 8, info.opCode & 0xff] : [info.opCode];
  return { prefix, opcode: [...escape, ...opcode] };
}
