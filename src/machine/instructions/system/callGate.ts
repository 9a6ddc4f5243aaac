import { type Core, GuestFault, Unimplemented, Vector } from '../../core.js';
import { innerStack, pushValues, readTaskStack, switchStack } from '../../cpu/innerStack.js';
import { Seg } from '../../cpu/layout.js';
import { isCanonical, isLongMode, Rights, updateMode } from '../../cpu/modes.js';
import {
  commitCodeSegment, type Descriptor, descriptorAddress, dplOf, isCode, isConforming, isNull, readDescriptor, setNullStack, SystemType,
} from '../../cpu/segments.js';
import type { CpuState } from '../../cpu/state.js';
import { Privilege } from '../../memory/access.js';
import type { Insn } from '../../translate/insn.js';
import { StackCursor } from './stack.js';

/** A call gate (SDM Vol. 3A, 5.8.3): where it leads, the size of what is pushed, and how many values of that size are copied. */
interface CallGate { selector: number; offset: bigint; size: 2 | 4 | 8; count: number; }

/**
 * Far JMP or CALL through a system descriptor (SDM Vol. 2A, CALL and JMP): a call gate is taken; a TSS or task gate outside long mode, which
 * would switch tasks, stops the machine.
 * @returns false if the selector names no system descriptor; then nothing has been done
 */
export function throughGate(core: Core, cpu: CpuState, insn: Insn, selector: number, call: boolean): boolean {
  if (isNull(selector)) return false;
  const { rights, dpl } = readDescriptor(core, cpu, selector), type = rights & 0xf, long = isLongMode(cpu), error = selector & 0xfffc;
  if (rights & Rights.CodeData) return false;
  const isGate = type === SystemType.CallGate || !long && type === SystemType.CallGate16;
  const isTask = !long && (type === SystemType.TaskGate || type === SystemType.Tss || type === SystemType.Tss16);
  if (!isGate && !isTask) throw new GuestFault(Vector.GP, error);
  if (dpl < cpu.cpl || dpl < (selector & 3)) throw new GuestFault(Vector.GP, error);
  const gate = isGate ? readGate(core, cpu, selector) : undefined;
  if (!(rights & Rights.Present)) throw new GuestFault(Vector.NP, error);
  if (!gate) {
    throw new Unimplemented(`CPU ${cpu.index}, eip 0x${insn.ip.toString(16)}: far ${call ? 'call' : 'jmp'} through selector 0x${selector.toString(16)}, a `
      + `${type === SystemType.TaskGate ? 'task gate' : 'TSS'}: this machine has no task switches.`);
  }
  const code = gateCode(core, cpu, gate.selector, call), inner = !isConforming(code.rights) && code.dpl < cpu.cpl;
  if (long) enterLong(core, cpu, insn, gate, code, call, inner);
  else enterProtected(core, cpu, insn, gate, code, call, inner);
  updateMode(core, cpu);
  return true;
}

function readGate(core: Core, cpu: CpuState, selector: number): CallGate {
  const long = isLongMode(cpu), error = selector & 0xfffc;
  const address = descriptorAddress(cpu, selector, long ? 16 : 8);
  if (address === undefined) throw new GuestFault(Vector.GP, error);
  const low = core.access.read32(cpu, address, Privilege.Supervisor), high = core.access.read32(cpu, address + 4n, Privilege.Supervisor);
  const wide = (high >>> 8 & 8) !== 0;
  const gate: CallGate = { selector: low >>> 16, offset: BigInt((wide ? high & 0xffff0000 | low & 0xffff : low & 0xffff) >>> 0), size: long ? 8 : wide ? 4 : 2, count: long ? 0 : high & 0x1f };
  if (long) {
    const upper = core.access.read64(cpu, address + 8n, Privilege.Supervisor);
    // The type field of the second half must be zero (figure 5-9).
    if (upper >> 40n & 0x1fn) throw new GuestFault(Vector.GP, error);
    gate.offset |= (upper & 0xffffffffn) << 32n;
  }
  return gate;
}

/** The code segment that the gate names: of an inner level (CALL only) or the same one, in long mode 64-bit code. */
function gateCode(core: Core, cpu: CpuState, selector: number, call: boolean): Descriptor {
  if (isNull(selector)) throw new GuestFault(Vector.GP, 0);
  const code = readDescriptor(core, cpu, selector), error = selector & 0xfffc;
  if (!isCode(code.rights) || dplOf(code.rights) > cpu.cpl || !call && !isConforming(code.rights) && code.dpl < cpu.cpl) throw new GuestFault(Vector.GP, error);
  if (isLongMode(cpu) && (code.rights & (Rights.Long | Rights.Big)) !== Rights.Long) throw new GuestFault(Vector.GP, error);
  if (!(code.rights & Rights.Present)) throw new GuestFault(Vector.NP, error);
  return code;
}

/** Long mode: quadwords are pushed, an inner level has RSPn of the TSS and a null SS, and nothing is copied (SDM Vol. 3A, 5.8.5.1). */
function enterLong(core: Core, cpu: CpuState, insn: Insn, gate: CallGate, code: Descriptor, call: boolean, inner: boolean): void {
  const cpl = inner ? code.dpl : cpu.cpl;
  if (call) {
    const values = [BigInt(cpu.segSelector(Seg.CS)), insn.next], top = inner ? readTaskStack(core, cpu, 4 + 8 * cpl, 0) : cpu.gpr(4);
    if (inner) values.unshift(BigInt(cpu.segSelector(Seg.SS)), cpu.gpr(4));
    if (!isCanonical(gate.offset)) throw new GuestFault(Vector.GP, 0);
    // The frame is one of 64-bit code, so the base of the present SS does not count.
    const bottom = BigInt.asUintN(64, top - BigInt(8 * values.length)), privilege = Privilege.Stack | (cpl === 3 ? Privilege.Current : Privilege.Supervisor);
    values.forEach((_, n) => core.access.checkWrite(cpu, BigInt.asUintN(64, top - BigInt(8 * n + 8)), 8, privilege));
    values.forEach((value, n) => core.access.write64(cpu, BigInt.asUintN(64, top - BigInt(8 * n + 8)), value, privilege));
    cpu.setGpr(4, bottom);
  } else if (!isCanonical(gate.offset)) throw new GuestFault(Vector.GP, 0);
  commitCodeSegment(core, cpu, code, cpl);
  if (inner) setNullStack(cpu, cpl);
  cpu.rip = gate.offset;
}

/** Protected mode: to an inner level SS and ESP are pushed on its stack, then the parameters, then CS and EIP (SDM Vol. 3A, 5.8.5). */
function enterProtected(core: Core, cpu: CpuState, insn: Insn, gate: CallGate, code: Descriptor, call: boolean, inner: boolean): void {
  const size = gate.size as 2 | 4;
  if (inner) {
    const stack = innerStack(core, cpu, code.dpl, 0), parameters = new StackCursor(core, cpu);
    const outer = [cpu.segSelector(Seg.SS), Number(cpu.gpr(4) & 0xffffffffn)];
    const copied = Array.from({ length: gate.count }, () => Number(parameters.pop(size))).reverse();
    if (gate.offset > BigInt(code.limit)) throw new GuestFault(Vector.GP, 0);
    const pointer = pushValues(core, cpu, stack, [...outer, ...copied, cpu.segSelector(Seg.CS), Number(insn.next & 0xffffffffn)], size, stack.segment.selector & 0xfffc, Privilege.Supervisor);
    commitCodeSegment(core, cpu, code, code.dpl);
    switchStack(core, cpu, stack.segment, pointer);
  } else {
    if (gate.offset > BigInt(code.limit)) throw new GuestFault(Vector.GP, 0);
    if (call) {
      const stack = new StackCursor(core, cpu);
      stack.push(size, BigInt(cpu.segSelector(Seg.CS)));
      stack.push(size, insn.next);
      stack.commit();
    }
    commitCodeSegment(core, cpu, code, cpu.cpl);
  }
  cpu.rip = gate.offset;
}
