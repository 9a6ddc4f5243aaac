import { type Core, GuestFault, Vector } from '../core.js';
import { Privilege } from '../memory/access.js';
import * as L from './layout.js';
import { Seg } from './layout.js';
import { isCanonical, isLongMode, isProtected, Rights } from './modes.js';
import type { CpuState } from './state.js';

/** A segment descriptor as it lies in the GDT or LDT (SDM Vol. 3A, 3.4.5). */
export interface Descriptor {
  selector: number;
  /** Linear address of the descriptor. */
  address: bigint;
  /** Access rights as in SEG_RIGHTS. */
  rights: number;
  /** In bytes, scaled by the granularity. */
  limit: number;
  base: bigint;
  dpl: number;
}

export const dplOf = (rights: number): number => rights >> 5 & 3;
export const isCode = (rights: number): boolean => (rights & (Rights.CodeData | Rights.Code)) === (Rights.CodeData | Rights.Code);
export const isConforming = (rights: number): boolean => (rights & Rights.DownConforming) !== 0;
export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;

/** Types of system descriptors (SDM Vol. 3A, table 3-2). */
export const enum SystemType {
  Tss16 = 1, Ldt = 2, Tss16Busy = 3, CallGate16 = 4, TaskGate = 5, InterruptGate16 = 6, TrapGate16 = 7,
  Tss = 9, TssBusy = 11, CallGate = 12, InterruptGate = 14, TrapGate = 15,
}

/**
 * Where the descriptor of a selector lies, or undefined if the selector is beyond the table's limit or there is no LDT.
 * @param size 8 bytes, or 16 for system descriptors of long mode
 */
export function descriptorAddress(cpu: CpuState, selector: number, size = 8): bigint | undefined {
  const offset = selector & 0xfff8;
  if (selector & 4) {
    if (!(cpu.segRights(Seg.LDTR) & Rights.Present)) return undefined;
    return offset + size - 1 <= cpu.segLimit(Seg.LDTR) ? linear(cpu, cpu.segBase(Seg.LDTR), offset) : undefined;
  }
  return offset + size - 1 <= Number(cpu.get(L.GDTR_LIMIT)) ? linear(cpu, cpu.get(L.GDTR_BASE), offset) : undefined;
}

function linear(cpu: CpuState, base: bigint, offset: number): bigint {
  return BigInt.asUintN(isLongMode(cpu) ? 64 : 32, base + BigInt(offset));
}

/**
 * Reads the descriptor that `selector` (not null) means.
 * @param vector exception if it lies outside its table: #GP, or #TS and the like for loads on behalf of a task
 * @param ext the EXT bit of the error code (SDM Vol. 3A, 6.13)
 */
export function readDescriptor(core: Core, cpu: CpuState, selector: number, vector: Vector = Vector.GP, ext = 0): Descriptor {
  const address = descriptorAddress(cpu, selector);
  if (address === undefined) throw new GuestFault(vector, selector & 0xfffc | ext);
  const low = core.access.read32(cpu, address, Privilege.Supervisor), high = core.access.read32(cpu, address + 4n, Privilege.Supervisor);
  return parseDescriptor(selector, address, low, high);
}

export function parseDescriptor(selector: number, address: bigint, low: number, high: number): Descriptor {
  const rights = high >>> 8 & 0xf0ff;
  let limit = (low & 0xffff | high & 0xf0000) >>> 0;
  if (rights & Rights.Granularity) limit = (limit << 12 | 0xfff) >>> 0;
  const base = BigInt((low >>> 16 | (high & 0xff) << 16 | high & 0xff000000) >>> 0);
  return { selector, address, rights, limit, base, dpl: dplOf(rights) };
}

/** Sets the accessed bit of a code or data descriptor in memory, unless it is set. */
function markAccessed(core: Core, cpu: CpuState, descriptor: Descriptor): void {
  if (descriptor.rights & Rights.Accessed) return;
  descriptor.rights |= Rights.Accessed;
  core.access.write8(cpu, descriptor.address + 5n, descriptor.rights & 0xff, Privilege.Supervisor);
}

/** Real mode: the base follows from the selector, limit and rights stay (SDM Vol. 3A, 20.1.1). */
export function loadRealSegment(cpu: CpuState, seg: Seg, selector: number): void {
  cpu.setSegment(seg, selector, cpu.segRights(seg), cpu.segLimit(seg), BigInt(selector << 4));
}

/** A null selector in ES, DS, FS, GS or LDTR: any use of it faults (64-bit code apart); the base is zero, as on Intel's processors. */
function loadNull(cpu: CpuState, seg: Seg, selector: number): void { cpu.setSegment(seg, selector, 0, 0, 0n); }

/**
 * MOV to Sreg, POP Sreg: loads ES, SS, DS, FS or GS with all checks (SDM Vol. 2B, MOV; Vol. 3A, 5.6 and 5.7).
 * The caller calls `updateMode` after a change of SS.
 */
export function loadSegment(core: Core, cpu: CpuState, seg: Seg, selector: number): void {
  if (!isProtected(cpu)) loadRealSegment(cpu, seg, selector);
  else if (seg === Seg.SS) loadStackSegment(core, cpu, selector, cpu.cpl);
  else loadDataSegment(core, cpu, seg, selector);
}

function loadDataSegment(core: Core, cpu: CpuState, seg: Seg, selector: number): void {
  if (isNull(selector)) { loadNull(cpu, seg, selector); return; }
  const d = readDescriptor(core, cpu, selector), error = selector & 0xfffc;
  const readable = d.rights & Rights.CodeData && (!(d.rights & Rights.Code) || d.rights & Rights.ReadWrite);
  if (!readable) throw new GuestFault(Vector.GP, error);
  if (!(isCode(d.rights) && isConforming(d.rights)) && Math.max(selector & 3, cpu.cpl) > d.dpl) throw new GuestFault(Vector.GP, error);
  if (!(d.rights & Rights.Present)) throw new GuestFault(Vector.NP, error);
  markAccessed(core, cpu, d);
  cpu.setSegment(seg, selector, d.rights, d.limit, d.base);
}

/**
 * Loads SS for privilege level `cpl` (which becomes current by it). In long mode a null selector is allowed below
 * CPL 3 if its RPL is `cpl` and the code that runs then is 64-bit.
 */
export function loadStackSegment(core: Core, cpu: CpuState, selector: number, cpl: number, to64Bit = is64BitCode(cpu)): void {
  const d = checkStackSegment(core, cpu, selector, cpl, to64Bit);
  if (d) commitStackSegment(core, cpu, d);
  else setNullStack(cpu, cpl);
}

/** The checks of `loadStackSegment` alone. Undefined means an allowed null selector. */
export function checkStackSegment(core: Core, cpu: CpuState, selector: number, cpl: number, to64Bit: boolean): Descriptor | undefined {
  if (isNull(selector)) {
    if (to64Bit && cpl !== 3 && (selector & 3) === cpl) return undefined;
    throw new GuestFault(Vector.GP, 0);
  }
  const d = readDescriptor(core, cpu, selector), error = selector & 0xfffc;
  const writableData = (d.rights & (Rights.CodeData | Rights.Code | Rights.ReadWrite)) === (Rights.CodeData | Rights.ReadWrite);
  if ((selector & 3) !== cpl || !writableData || d.dpl !== cpl) throw new GuestFault(Vector.GP, error);
  if (!(d.rights & Rights.Present)) throw new GuestFault(Vector.SS, error);
  return d;
}

export function commitStackSegment(core: Core, cpu: CpuState, d: Descriptor): void {
  markAccessed(core, cpu, d);
  cpu.setSegment(Seg.SS, d.selector, d.rights, d.limit, d.base);
}

/** SS with a null selector; its DPL goes on to say the CPL. */
export function setNullStack(cpu: CpuState, cpl: number): void { cpu.setSegment(Seg.SS, cpl, cpl << 5, 0, 0n); }

/** What brings a new CS, as far as privilege checks go. */
export type CodeTransfer = 'jump' | 'return';

/**
 * Checks a code segment for a far JMP or CALL without gate (stays at CPL), or a far RET or IRET (goes to the RPL of the
 * selector, which must not be inner). SDM Vol. 3A, 5.8.1; Vol. 2, JMP and RET.
 */
export function checkCodeSegment(core: Core, cpu: CpuState, selector: number, transfer: CodeTransfer): Descriptor {
  if (isNull(selector)) throw new GuestFault(Vector.GP, 0);
  const d = readDescriptor(core, cpu, selector), error = selector & 0xfffc, rpl = selector & 3;
  if (!isCode(d.rights)) throw new GuestFault(Vector.GP, error);
  checkLongBits(cpu, d, error);
  if (transfer === 'jump') {
    if (isConforming(d.rights) ? d.dpl > cpu.cpl : rpl > cpu.cpl || d.dpl !== cpu.cpl) throw new GuestFault(Vector.GP, error);
  } else {
    if (rpl < cpu.cpl || (isConforming(d.rights) ? d.dpl > rpl : d.dpl !== rpl)) throw new GuestFault(Vector.GP, error);
  }
  if (!(d.rights & Rights.Present)) throw new GuestFault(Vector.NP, error);
  return d;
}

/** L and D together are reserved in long mode. */
function checkLongBits(cpu: CpuState, d: Descriptor, error: number): void {
  if (isLongMode(cpu) && (d.rights & (Rights.Long | Rights.Big)) === (Rights.Long | Rights.Big)) throw new GuestFault(Vector.GP, error);
}

/** Loads CS from a checked descriptor; its RPL becomes `cpl`. The caller sets SS to match and calls `updateMode`. */
export function commitCodeSegment(core: Core, cpu: CpuState, d: Descriptor, cpl: number): void {
  markAccessed(core, cpu, d);
  cpu.setSegment(Seg.CS, d.selector & 0xfffc | cpl, d.rights, d.limit, d.base);
}

/** True if code of that segment is 64-bit code. */
export function is64BitSegment(cpu: CpuState, rights: number): boolean { return isLongMode(cpu) && (rights & Rights.Long) !== 0; }
function is64BitCode(cpu: CpuState): boolean { return is64BitSegment(cpu, cpu.segRights(Seg.CS)); }

/**
 * After a return to an outer level: data segments that the new level may not use become null (SDM Vol. 2, RET).
 */
export function dropInnerSegments(cpu: CpuState, cpl: number): void {
  for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) {
    const rights = cpu.segRights(seg);
    if (!(rights & Rights.Present)) {
      // Null: 1, 2 and 3 become 0, which processors do though the manual's text is silent; the base stays, it may be an MSR's.
      cpu.setSegment(seg, 0, rights, cpu.segLimit(seg), cpu.segBase(seg));
      continue;
    }
    if (dplOf(rights) < cpl && !(isCode(rights) && isConforming(rights))) loadNull(cpu, seg, 0);
  }
}

/** LLDT (SDM Vol. 2A): a null selector means that there is no LDT. */
export function loadLdt(core: Core, cpu: CpuState, selector: number): void {
  if (isNull(selector)) { cpu.setSegment(Seg.LDTR, selector, 0, 0, 0n); return; }
  const d = readSystemDescriptor(core, cpu, selector);
  if ((d.rights & 0x1f) !== SystemType.Ldt) throw new GuestFault(Vector.GP, selector & 0xfffc);
  if (!(d.rights & Rights.Present)) throw new GuestFault(Vector.NP, selector & 0xfffc);
  cpu.setSegment(Seg.LDTR, selector, d.rights, d.limit, d.base);
}

/** LTR (SDM Vol. 2A): loads the task register and marks the TSS busy. */
export function loadTask(core: Core, cpu: CpuState, selector: number): void {
  if (isNull(selector)) throw new GuestFault(Vector.GP, 0);
  const d = readSystemDescriptor(core, cpu, selector), type = d.rights & 0x1f;
  // A 16-bit TSS exists outside long mode only.
  if (type !== SystemType.Tss && (type !== SystemType.Tss16 || isLongMode(cpu))) throw new GuestFault(Vector.GP, selector & 0xfffc);
  if (!(d.rights & Rights.Present)) throw new GuestFault(Vector.NP, selector & 0xfffc);
  d.rights |= 2;
  core.access.write8(cpu, d.address + 5n, d.rights & 0xff, Privilege.Supervisor);
  cpu.setSegment(Seg.TR, selector, d.rights, d.limit, d.base);
}

/** Reads an LDT or TSS descriptor from the GDT: 16 bytes in long mode, with a 64-bit base (SDM Vol. 3A, 7.2.3). */
function readSystemDescriptor(core: Core, cpu: CpuState, selector: number): Descriptor {
  const error = selector & 0xfffc, long = isLongMode(cpu);
  const address = selector & 4 ? undefined : descriptorAddress(cpu, selector, long ? 16 : 8);
  if (address === undefined) throw new GuestFault(Vector.GP, error);
  const d = readDescriptor(core, cpu, selector);
  if (!long) return d;
  const upper = core.access.read64(cpu, address + 8n, Privilege.Supervisor);
  d.base |= (upper & 0xffffffffn) << 32n;
  if (upper >> 40n & 0x1fn || !isCanonical(d.base)) throw new GuestFault(Vector.GP, error);
  return d;
}
