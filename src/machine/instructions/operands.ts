import type { Core } from '../core.js';
import * as L from '../cpu/layout.js';
import { CodeMode, Seg } from '../cpu/layout.js';
import { segmentToLinear } from '../cpu/segmentLimit.js';
import type { CpuState } from '../cpu/state.js';
import { Privilege } from '../memory/access.js';
import type { Insn, Register } from '../translate/insn.js';

/** Reads a general register of 1, 2, 4 or 8 bytes. */
export function readRegister(cpu: CpuState, register: Register): bigint {
  const value = cpu.gpr(register.number);
  return register.class === 'high8' ? value >> 8n & 0xffn : BigInt.asUintN(register.size * 8, value);
}

/** Writes a general register: 32-bit results clear the upper half, narrower ones keep the rest (SDM Vol. 1, 3.4.1.1). */
export function writeRegister(cpu: CpuState, register: Register, value: bigint): void {
  const n = register.number, old = cpu.gpr(n);
  if (register.class === 'high8') cpu.setGpr(n, old & ~0xff00n | (value & 0xffn) << 8n);
  else if (register.size >= 4) cpu.setGpr(n, BigInt.asUintN(register.size * 8, value));
  else {
    const mask = (1n << BigInt(register.size * 8)) - 1n;
    cpu.setGpr(n, old & ~mask | value & mask);
  }
}

/** Offset of the memory operand within its segment, cut to the address size. */
export function effectiveOffset(cpu: CpuState, insn: Insn): bigint {
  const m = insn.memory!;
  let offset = m.displacement;
  if (m.base >= 0) offset += cpu.gpr(m.base);
  if (m.index >= 0) offset += cpu.gpr(m.index) * BigInt(m.scale);
  return BigInt.asUintN(m.addressSize * 8, offset);
}

/**
 * Linear address of the memory operand; outside 64-bit code after the segment's checks.
 * @param size bytes that are accessed there, from `at` bytes on; 0 checks nothing (INVLPG) @param write whether they are written
 */
export function effectiveAddress(cpu: CpuState, insn: Insn, size = 0, write = false, at = 0): bigint {
  const segment = insn.memory!.segment, offset = BigInt.asUintN(insn.memory!.addressSize * 8, effectiveOffset(cpu, insn) + BigInt(at));
  return segmentAddress(cpu, segment, offset, size, write);
}

/** Linear address of an offset in a segment. In 64-bit code only FS and GS have a base and nothing has a limit. */
export function segmentAddress(cpu: CpuState, segment: Seg, offset: bigint, size: number, write: boolean): bigint {
  if (cpu.int(L.MODE) & CodeMode.Long) return segment >= Seg.FS ? BigInt.asUintN(64, cpu.segBase(segment) + offset) : offset;
  if (size > 0) return BigInt(segmentToLinear(cpu, segment, Number(BigInt.asUintN(32, offset)), size, write));
  return BigInt.asUintN(32, cpu.segBase(segment) + offset);
}

/** A linear address that has grown: outside 64-bit code it starts again at 0. */
export function wrapLinear(cpu: CpuState, address: bigint): bigint { return BigInt.asUintN(cpu.int(L.MODE) & CodeMode.Long ? 64 : 32, address); }

/** How an access through that segment is made: the stack segment has its own fault. */
export function privilegeOf(segment: Seg): Privilege { return segment === Seg.SS ? Privilege.Stack : Privilege.Current; }

/** Reads 1, 2, 4 or 8 bytes, zero-extended. */
export function readLinear(core: Core, cpu: CpuState, address: bigint, size: number, privilege: Privilege = Privilege.Current): bigint {
  switch (size) {
    case 1: return BigInt(core.access.read8(cpu, address, privilege));
    case 2: return BigInt(core.access.read16(cpu, address, privilege));
    case 4: return BigInt(core.access.read32(cpu, address, privilege));
    case 8: return core.access.read64(cpu, address, privilege);
    default: throw new Error(`no access of ${size} bytes`);
  }
}

/** Writes the low 1, 2, 4 or 8 bytes of `value`. */
export function writeLinear(core: Core, cpu: CpuState, address: bigint, size: number, value: bigint, privilege: Privilege = Privilege.Current): void {
  switch (size) {
    case 1: core.access.write8(cpu, address, Number(value & 0xffn), privilege); break;
    case 2: core.access.write16(cpu, address, Number(value & 0xffffn), privilege); break;
    case 4: core.access.write32(cpu, address, Number(value & 0xffffffffn), privilege); break;
    case 8: core.access.write64(cpu, address, BigInt.asUintN(64, value), privilege); break;
    default: throw new Error(`no access of ${size} bytes`);
  }
}

/** Reads the memory operand: `size` bytes from offset `at` of it on. */
export function readMemory(core: Core, cpu: CpuState, insn: Insn, size: number, at = 0): bigint {
  return readLinear(core, cpu, effectiveAddress(cpu, insn, size, false, at), size, privilegeOf(insn.memory!.segment));
}

export function writeMemory(core: Core, cpu: CpuState, insn: Insn, size: number, value: bigint, at = 0): void {
  writeLinear(core, cpu, effectiveAddress(cpu, insn, size, true, at), size, value, privilegeOf(insn.memory!.segment));
}

/** Operand `n` as an unsigned value of its size: general register, memory (1, 2, 4 or 8 bytes) or immediate. */
export function readOperand(core: Core, cpu: CpuState, insn: Insn, n: number): bigint {
  const operand = insn.operands[n]!;
  switch (operand.kind) {
    case 'register': return readRegister(cpu, operand.register);
    case 'memory': return readMemory(core, cpu, insn, operand.size);
    case 'immediate': return insn.immediate;
    default: throw new Error(`operand ${n} is a branch target`);
  }
}

/** Writes operand `n`: a general register or memory. */
export function writeOperand(core: Core, cpu: CpuState, insn: Insn, n: number, value: bigint): void {
  const operand = insn.operands[n]!;
  if (operand.kind === 'register') writeRegister(cpu, operand.register, value);
  else if (operand.kind === 'memory') writeMemory(core, cpu, insn, operand.size, value);
  else throw new Error(`operand ${n} cannot be written`);
}

/** Size in bytes of operand `n`, register or memory. */
export function operandSize(insn: Insn, n: number): number {
  const operand = insn.operands[n]!;
  return operand.kind === 'register' ? operand.register.size : operand.kind === 'memory' ? operand.size : 0;
}
