import { type Core, GuestFault, Unimplemented, Vector } from '../core.js';
import { Privilege } from '../memory/access.js';
import { readFlags, writeFlags } from './flags.js';
import { currentStack, innerStack, pushValues, readTaskStack, setPointer, switchStack } from './innerStack.js';
import * as L from './layout.js';
import { Flag, Seg } from './layout.js';
import { isCanonical, isLongMode, isProtected, Rights, updateMode } from './modes.js';
import { commitCodeSegment, type Descriptor, isCode, isConforming, isNull, readDescriptor, setNullStack, SystemType } from './segments.js';
import type { CpuState } from './state.js';

/** An event on its way through the IDT. */
export interface Event {
  vector: number;
  errorCode?: number;
  /** Raised by INT n, INT3 or INTO: the gate's DPL counts, and error codes have EXT clear. */
  software: boolean;
  /** The instruction pointer that is pushed. */
  returnIp: bigint;
  /** RF in the pushed flags. */
  resumeFlag: boolean;
}

/**
 * Takes the CPU through the IDT (SDM Vol. 3A, 6.12 and 6.14; Vol. 2A, INT n). Throws the `GuestFault` that delivery
 * itself raises; then neither
 * registers nor, in long mode, memory have changed, except for accessed bits.
 */
export function enterHandler(core: Core, cpu: CpuState, event: Event): void {
  if (!isProtected(cpu)) enterReal(core, cpu, event);
  else if (isLongMode(cpu)) enterLong(core, cpu, event);
  else enterProtected(core, cpu, event);
  cpu.setInt(L.SHADOW, 0);
}

/** Reads the gate's first 8 bytes after the checks that all modes share. */
function readGate(core: Core, cpu: CpuState, event: Event, size: number): { low: number; high: number; address: bigint; error: number; ext: number } {
  const ext = event.software ? 0 : 1, offset = event.vector * size, error = event.vector * 8 + 2 + ext;
  if (offset + size - 1 > Number(cpu.get(L.IDTR_LIMIT))) throw new GuestFault(Vector.GP, error);
  const address = BigInt.asUintN(isLongMode(cpu) ? 64 : 32, cpu.get(L.IDTR_BASE) + BigInt(offset));
  const low = core.access.read32(cpu, address, Privilege.Supervisor), high = core.access.read32(cpu, BigInt.asUintN(isLongMode(cpu) ? 64 : 32, address + 4n), Privilege.Supervisor);
  return { low, high, address, error, ext };
}

function checkGate(cpu: CpuState, event: Event, high: number, error: number): void {
  if (event.software && (high >>> 13 & 3) < cpu.cpl) throw new GuestFault(Vector.GP, error);
  if (!(high & 0x8000)) throw new GuestFault(Vector.NP, error);
}

/** The code segment of a gate: it may lead to the same or an inner level, never outwards. */
function gateCode(core: Core, cpu: CpuState, selector: number, ext: number, long: boolean): Descriptor {
  if (isNull(selector)) throw new GuestFault(Vector.GP, ext);
  const code = readDescriptor(core, cpu, selector, Vector.GP, ext), error = selector & 0xfffc | ext;
  if (!isCode(code.rights) || code.dpl > cpu.cpl) throw new GuestFault(Vector.GP, error);
  if (long && (code.rights & (Rights.Long | Rights.Big)) !== Rights.Long) throw new GuestFault(Vector.GP, error);
  if (!(code.rights & Rights.Present)) throw new GuestFault(Vector.NP, error);
  return code;
}

function enterLong(core: Core, cpu: CpuState, event: Event): void {
  const { access } = core, { low, high, address, error, ext } = readGate(core, cpu, event, 16);
  const type = high >>> 8 & 0x1f;
  if (type !== SystemType.InterruptGate && type !== SystemType.TrapGate) throw new GuestFault(Vector.GP, error);
  checkGate(cpu, event, high, error);
  const upper = access.read32(cpu, address + 8n, Privilege.Supervisor);
  const target = BigInt(upper) << 32n | BigInt((high & 0xffff0000 | low & 0xffff) >>> 0);
  const code = gateCode(core, cpu, low >>> 16, ext, true);
  const cpl = cpu.cpl, newCpl = isConforming(code.rights) ? cpl : code.dpl;
  const ist = high & 7;
  const stackPointer = ist !== 0 ? readTaskStack(core, cpu, 0x24 + (ist - 1) * 8, ext)
    : newCpl !== cpl ? readTaskStack(core, cpu, 4 + newCpl * 8, ext)
    : cpu.gpr(4);
  if (!isCanonical(target)) throw new GuestFault(Vector.GP, ext);

  const flags = readFlags(cpu);
  const frame = [
    BigInt(cpu.segSelector(Seg.SS)), cpu.gpr(4), BigInt((event.resumeFlag ? flags | Flag.RF : flags) >>> 0),
    BigInt(cpu.segSelector(Seg.CS)), event.returnIp,
  ];
  if (event.errorCode !== undefined) frame.push(BigInt(event.errorCode));
  // The frame starts at a multiple of 16 whatever the stack pointer was (SDM Vol. 3A, 6.14.2).
  const top = BigInt.asUintN(64, stackPointer & ~0xfn);
  const bottom = BigInt.asUintN(64, top - BigInt(8 * frame.length));
  if (!isCanonical(BigInt.asUintN(64, top - 1n)) || !isCanonical(bottom)) throw new GuestFault(Vector.SS, ext);
  const privilege = Privilege.Stack | (newCpl === 3 ? Privilege.Current : Privilege.Supervisor);
  checkFrame(core, cpu, top, bottom, privilege);
  frame.forEach((value, n) => access.write64(cpu, BigInt.asUintN(64, top - BigInt(8 * (n + 1))), value, privilege));

  commitCodeSegment(core, cpu, code, newCpl);
  if (newCpl !== cpl) setNullStack(cpu, newCpl);
  cpu.setGpr(4, bottom);
  cpu.rip = target;
  finish(core, cpu, flags, type === SystemType.InterruptGate);
}

/** Throws the page fault that pushing the frame downwards from `top` would raise first, before any of it is written. */
function checkFrame(core: Core, cpu: CpuState, top: bigint, bottom: bigint, privilege: number): void {
  const first = BigInt.asUintN(64, top - 8n);
  core.access.checkWrite(cpu, first, 8, privilege);
  if (bottom >> 12n !== first >> 12n) core.access.checkWrite(cpu, (first & ~0xfffn) - 8n, 8, privilege);
}

/** Protected mode: 32-bit and 16-bit gates, to the same level or to an inner one with its own stack. Task gates stop the machine. */
function enterProtected(core: Core, cpu: CpuState, event: Event): void {
  const { low, high, error, ext } = readGate(core, cpu, event, 8);
  const type = high >>> 8 & 0x1f, size = type & 8 ? 4 : 2;
  if (type === SystemType.TaskGate) {
    checkGate(cpu, event, high, error);
    throw new Unimplemented(`CPU ${cpu.index}, eip 0x${cpu.rip.toString(16)}: vector ${event.vector} has a task gate, and this machine has no task switches: `
      + 'use an interrupt or trap gate.');
  }
  if ((type & 0x16) !== SystemType.InterruptGate16) throw new GuestFault(Vector.GP, error);
  checkGate(cpu, event, high, error);
  const code = gateCode(core, cpu, low >>> 16, ext, false), cpl = cpu.cpl, newCpl = isConforming(code.rights) ? cpl : code.dpl;
  const target = size === 4 ? (high & 0xffff0000 | low & 0xffff) >>> 0 : low & 0xffff;
  const flags = readFlags(cpu), pushed = event.resumeFlag ? flags | Flag.RF : flags;
  const frame = [pushed, cpu.segSelector(Seg.CS), Number(event.returnIp & 0xffffffffn)];
  if (event.errorCode !== undefined) frame.push(event.errorCode);
  if (newCpl === cpl) {
    if (target > code.limit) throw new GuestFault(Vector.GP, ext);
    const pointer = pushValues(core, cpu, currentStack(cpu), frame, size, ext, Privilege.Current);
    commitCodeSegment(core, cpu, code, cpl);
    setPointer(cpu, pointer);
  } else {
    const stack = innerStack(core, cpu, newCpl, ext);
    if (target > code.limit) throw new GuestFault(Vector.GP, ext);
    const outer = [cpu.segSelector(Seg.SS), Number(cpu.gpr(4) & 0xffffffffn)];
    const pointer = pushValues(core, cpu, stack, [...outer, ...frame], size, stack.segment.selector & 0xfffc | ext, Privilege.Supervisor);
    commitCodeSegment(core, cpu, code, newCpl);
    switchStack(core, cpu, stack.segment, pointer);
  }
  cpu.rip = BigInt(target);
  finish(core, cpu, flags, (type & 7) === (SystemType.InterruptGate & 7));
}

/** Real mode: four bytes of interrupt vector table each, no error codes (SDM Vol. 3A, 20.1.4). */
function enterReal(core: Core, cpu: CpuState, event: Event): void {
  if (event.vector * 4 + 3 > Number(cpu.get(L.IDTR_LIMIT))) throw new GuestFault(Vector.GP, 0);
  const entry = core.access.read32(cpu, BigInt.asUintN(32, cpu.get(L.IDTR_BASE) + BigInt(event.vector * 4)), Privilege.Supervisor);
  const flags = readFlags(cpu);
  const pointer = pushValues(core, cpu, currentStack(cpu), [flags, cpu.segSelector(Seg.CS), Number(event.returnIp & 0xffffn)], 2, 0, Privilege.Current);
  setPointer(cpu, pointer);
  cpu.setSegment(Seg.CS, entry >>> 16, cpu.segRights(Seg.CS), cpu.segLimit(Seg.CS), BigInt(entry >>> 16 << 4));
  cpu.rip = BigInt(entry & 0xffff);
  finish(core, cpu, flags & ~Flag.AC, true);
}

/** TF, NT, RF and VM are cleared, IF by interrupt gates (SDM Vol. 3A, 6.12.1.3). */
function finish(core: Core, cpu: CpuState, flags: number, clearIf: boolean): void {
  writeFlags(cpu, flags & ~(Flag.TF | Flag.NT | Flag.RF | Flag.VM | (clearIf ? Flag.IF : 0)));
  updateMode(core, cpu);
}
