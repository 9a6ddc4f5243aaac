import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, Vector } from '../../core.js';
import { requireAlignment } from '../../cpu/alignment.js';
import * as L from '../../cpu/layout.js';
import { isProtected } from '../../cpu/modes.js';
import type { CpuState } from '../../cpu/state.js';
import { contentTag, raisePendingX87, X87_ALL_EMPTY, X87_ES, X87Tag } from '../../cpu/x87State.js';
import type { Insn } from '../../translate/insn.js';
import { effectiveAddress, privilegeOf, readLinear, readOperand, writeOperand } from '../operands.js';
import { handle } from '../system/registry.js';
import { BUSY, requireX87, SF } from './unit.js';

/** Control instructions (SDM Vol. 1, 8.3.11): the environment of the x87 as a whole. They leave the instruction pointer alone. */

/** The control word: bit 6 reads as one, bits 7 and 13-15 as zero. */
function setControl(cpu: CpuState, value: number): void {
  cpu.setInt(L.X87_CONTROL, value & 0x1f3f | 0x40);
  updateSummary(cpu);
}
/** ES and B tell whether an exception waits that the control word does not mask. */
function updateSummary(cpu: CpuState): void {
  const status = cpu.int(L.X87_STATUS) & ~(X87_ES | BUSY);
  cpu.setInt(L.X87_STATUS, status & ~cpu.int(L.X87_CONTROL) & 0x3f ? status | X87_ES | BUSY : status);
}

/** Defines an instruction that does not wait for exceptions of earlier ones, or that does. */
function control(mnemonic: Mnemonic, waits: boolean, meaning: (core: Core, cpu: CpuState, insn: Insn) => void): void {
  handle(mnemonic, (core, cpu, insn) => {
    requireX87(cpu);
    if (waits) raisePendingX87(cpu);
    meaning(core, cpu, insn);
  });
}

const MP = 1 << 1, TS = 1 << 3;
/** FWAIT minds CR0.TS only together with CR0.MP, and never CR0.EM (SDM Vol. 3A, 2.5). */
handle(Mnemonic.Wait, (_core, cpu) => {
  if ((cpu.int(L.CR0) & (MP | TS)) === (MP | TS)) throw new GuestFault(Vector.NM);
  raisePendingX87(cpu);
});

/** FNINIT: the state of the x87 that its reset gives, registers apart (SDM Vol. 2A, FINIT). */
export function initialiseX87(cpu: CpuState): void {
  cpu.setInt(L.X87_CONTROL, 0x37f);
  cpu.setInt(L.X87_STATUS, 0);
  cpu.setInt(L.X87_TAGS, X87_ALL_EMPTY);
  cpu.setInt(L.X87_OPCODE, 0);
  cpu.set(L.X87_IP, 0n);
  cpu.set(L.X87_DATA, 0n);
  cpu.setInt(L.X87_CS, 0);
  cpu.setInt(L.X87_DS, 0);
}
control(Mnemonic.Fninit, false, (_core, cpu) => initialiseX87(cpu));
control(Mnemonic.Fnclex, false, (_core, cpu) => cpu.setInt(L.X87_STATUS, cpu.int(L.X87_STATUS) & ~(0x3f | SF | X87_ES | BUSY)));
control(Mnemonic.Fldcw, true, (core, cpu, insn) => setControl(cpu, Number(readOperand(core, cpu, insn, 0))));
control(Mnemonic.Fnstcw, false, (core, cpu, insn) => writeOperand(core, cpu, insn, 0, BigInt(cpu.int(L.X87_CONTROL))));
control(Mnemonic.Fnstsw, false, (core, cpu, insn) => writeOperand(core, cpu, insn, 0, BigInt(cpu.int(L.X87_STATUS))));
/** Those of the 8087 and 80287 do nothing since the 80387. */
for (const mnemonic of [Mnemonic.Fneni, Mnemonic.Fndisi, Mnemonic.Fnsetpm]) control(mnemonic, false, () => {});

/** Bytes of an environment in memory, with and without 16-bit operand size. */
const ENVIRONMENT = { small: 14, large: 28 };
/** FNSTENV m14byte and FNSAVE m94byte: the operand size is 16 bits. */
function isSmall(insn: Insn): boolean { return insn.memory!.size === ENVIRONMENT.small || insn.memory!.size === ENVIRONMENT.small + 80; }

/** The environment as FNSTENV writes it (SDM Vol. 1, figures 8-9 to 8-12). */
function environmentBytes(cpu: CpuState, small: boolean): Uint8Array {
  const bytes = new Uint8Array(small ? ENVIRONMENT.small : ENVIRONMENT.large), view = new DataView(bytes.buffer);
  const ip = cpu.get(L.X87_IP), data = cpu.get(L.X87_DATA), opcode = cpu.int(L.X87_OPCODE) & 0x7ff;
  const words = [cpu.int(L.X87_CONTROL), cpu.int(L.X87_STATUS), fullTags(cpu)];
  const low = (value: bigint, bits: number) => Number(BigInt.asUintN(bits, value));
  if (small) {
    // In real mode the pointers are linear addresses of 20 bits, with the opcode between.
    const real = !isProtected(cpu), high = (value: bigint) => low(value >> 16n, 4) << 12;
    const pointers = real ? [low(ip, 16), high(ip) | opcode, low(data, 16), high(data)] : [low(ip, 16), cpu.int(L.X87_CS), low(data, 16), cpu.int(L.X87_DS)];
    [...words, ...pointers].forEach((word, n) => view.setUint16(2 * n, word, true));
    return bytes;
  }
  words.forEach((word, n) => view.setUint32(4 * n, 0xffff0000 | word, true));
  if (isProtected(cpu)) {
    view.setUint32(12, low(ip, 32), true);
    view.setUint32(16, cpu.int(L.X87_CS) & 0xffff | opcode << 16, true);
    view.setUint32(20, low(data, 32), true);
    view.setUint32(24, 0xffff0000 | cpu.int(L.X87_DS), true);
  } else {
    view.setUint32(12, 0xffff0000 | low(ip, 16), true);
    view.setUint32(16, low(ip >> 16n, 16) << 12 | opcode, true);
    view.setUint32(20, 0xffff0000 | low(data, 16), true);
    view.setUint32(24, low(data >> 16n, 16) << 12, true);
  }
  return bytes;
}

/** The tag word with what the registers hold. */
function fullTags(cpu: CpuState): number {
  let tags = 0;
  for (let n = 0; n < 8; n++) {
    const empty = (cpu.int(L.X87_TAGS) >> 2 * n & 3) === X87Tag.Empty;
    tags |= (empty ? X87Tag.Empty : contentTag(cpu, n)) << 2 * n;
  }
  return tags;
}

function loadEnvironment(cpu: CpuState, bytes: Uint8Array, small: boolean): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset), step = small ? 2 : 4, word = (n: number) => view.getUint16(n * step, true);
  const real = !isProtected(cpu);
  let ip: number, data: number, opcode: number;
  if (small) {
    ip = real ? word(3) | word(4) >> 12 << 16 : word(3);
    data = real ? word(5) | word(6) >> 12 << 16 : word(5);
    opcode = real ? word(4) & 0x7ff : 0;
  } else {
    ip = real ? word(3) | view.getUint32(16, true) >>> 12 << 16 : view.getUint32(12, true);
    data = real ? word(5) | view.getUint32(24, true) >>> 12 << 16 : view.getUint32(20, true);
    opcode = real ? word(4) & 0x7ff : view.getUint16(18, true) & 0x7ff;
  }
  cpu.setInt(L.X87_STATUS, word(1) & ~(X87_ES | BUSY));
  cpu.setInt(L.X87_TAGS, word(2));
  setControl(cpu, word(0));
  cpu.set(L.X87_IP, BigInt(ip >>> 0));
  cpu.set(L.X87_DATA, BigInt(data >>> 0));
  cpu.setInt(L.X87_OPCODE, opcode);
}

/** Accesses longer than one of `Access`, in pieces; the whole is checked first, and before that its first field and its last byte (measured). */
const PIECE = 32;
function probe(core: Core, cpu: CpuState, insn: Insn, length: number, write: boolean): void {
  const privilege = privilegeOf(insn.memory!.segment);
  const field = isSmall(insn) ? 2 : 4;
  for (const [at, size] of [[0, field], [length - 1, 1]] as const) {
    const address = effectiveAddress(cpu, insn, size, write, at);
    if (at === 0) requireAlignment(cpu, address, field);
    if (write) core.access.checkWrite(cpu, address, size, privilege);
    else readLinear(core, cpu, address, size, privilege);
  }
}
function writeLong(core: Core, cpu: CpuState, insn: Insn, bytes: Uint8Array): void {
  probe(core, cpu, insn, bytes.length, true);
  const address = effectiveAddress(cpu, insn, bytes.length, true), privilege = privilegeOf(insn.memory!.segment);
  core.access.checkWrite(cpu, address, bytes.length, privilege);
  for (let n = 0; n < bytes.length; n += PIECE) core.access.writeBytes(cpu, BigInt.asUintN(64, address + BigInt(n)), bytes.slice(n, n + PIECE), privilege);
}
function readLong(core: Core, cpu: CpuState, insn: Insn, length: number): Uint8Array {
  probe(core, cpu, insn, length, false);
  const address = effectiveAddress(cpu, insn, length), privilege = privilegeOf(insn.memory!.segment), bytes = new Uint8Array(length);
  for (let n = 0; n < length; n += PIECE) bytes.set(core.access.readBytes(cpu, BigInt.asUintN(64, address + BigInt(n)), Math.min(PIECE, length - n), privilege), n);
  return bytes;
}

/** FNSTENV masks all exceptions behind itself. */
control(Mnemonic.Fnstenv, false, (core, cpu, insn) => {
  writeLong(core, cpu, insn, environmentBytes(cpu, isSmall(insn)));
  setControl(cpu, cpu.int(L.X87_CONTROL) | 0x3f);
});
control(Mnemonic.Fldenv, true, (core, cpu, insn) => {
  const small = isSmall(insn);
  loadEnvironment(cpu, readLong(core, cpu, insn, small ? ENVIRONMENT.small : ENVIRONMENT.large), small);
});

/** Offset of ST(i) in the state: the registers stand in memory in the order of the stack. */
function registerField(cpu: CpuState, i: number): number { return L.X87 + 16 * ((cpu.int(L.X87_STATUS) >> 11) + i & 7); }

control(Mnemonic.Fnsave, false, (core, cpu, insn) => {
  const environment = environmentBytes(cpu, isSmall(insn)), bytes = new Uint8Array(environment.length + 80), view = new DataView(bytes.buffer);
  bytes.set(environment);
  for (let i = 0; i < 8; i++) {
    const field = registerField(cpu, i);
    view.setBigUint64(environment.length + 10 * i, cpu.get(field), true);
    view.setUint16(environment.length + 10 * i + 8, cpu.int(field + 8), true);
  }
  writeLong(core, cpu, insn, bytes);
  initialiseX87(cpu);
});
control(Mnemonic.Frstor, true, (core, cpu, insn) => {
  const small = isSmall(insn), length = small ? ENVIRONMENT.small : ENVIRONMENT.large, bytes = readLong(core, cpu, insn, length + 80);
  const view = new DataView(bytes.buffer);
  loadEnvironment(cpu, bytes, small);
  for (let i = 0; i < 8; i++) {
    const field = registerField(cpu, i);
    cpu.set(field, view.getBigUint64(length + 10 * i, true));
    cpu.setInt(field + 8, view.getUint16(length + 10 * i + 8, true));
  }
});
