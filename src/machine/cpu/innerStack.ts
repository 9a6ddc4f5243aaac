import { type Core, GuestFault, Vector } from '../core.js';
import { Privilege } from '../memory/access.js';
import { Seg } from './layout.js';
import { isLongMode, Rights } from './modes.js';
import { commitStackSegment, type Descriptor, isNull, readDescriptor } from './segments.js';
import type { CpuState } from './state.js';

/**
 * Stacks of inner privilege levels outside long mode: the TSS names them, calls through gates and events switch to them
 * (SDM Vol. 3A, 5.8.5; Vol. 2A, CALL and INT n).
 */

const RSP = 4;

/** A stack segment and a pointer into it, which need not be those of the CPU yet. */
export interface Stack { segment: Pick<Descriptor, 'selector' | 'rights' | 'limit' | 'base'>; pointer: number; }

/** The stack that the CPU is using. */
export function currentStack(cpu: CpuState): Stack {
  const segment = { selector: cpu.segSelector(Seg.SS), rights: cpu.segRights(Seg.SS), limit: cpu.segLimit(Seg.SS), base: cpu.segBase(Seg.SS) };
  return { segment, pointer: Number(cpu.gpr(RSP) & 0xffffffffn) };
}

/** SSn:ESPn of the present TSS, of 32 or 16 bits, for level `cpl` with all checks of its segment. Throws #TS and #SS with the EXT bit given. */
export function innerStack(core: Core, cpu: CpuState, cpl: number, ext: number): Stack & { segment: Descriptor } {
  const task = cpu.segSelector(Seg.TR) & 0xfffc, wide = (cpu.segRights(Seg.TR) & 8) !== 0, size = wide ? 4 : 2, at = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
  if (at + size + 1 > cpu.segLimit(Seg.TR)) throw new GuestFault(Vector.TS, task | ext);
  const linear = (offset: number): bigint => BigInt.asUintN(32, cpu.segBase(Seg.TR) + BigInt(offset));
  const pointer = wide ? core.access.read32(cpu, linear(at), Privilege.Supervisor) : core.access.read16(cpu, linear(at), Privilege.Supervisor);
  const selector = core.access.read16(cpu, linear(at + size), Privilege.Supervisor), error = selector & 0xfffc | ext;
  if (isNull(selector)) throw new GuestFault(Vector.TS, ext);
  const segment = readDescriptor(core, cpu, selector, Vector.TS, ext);
  const writableData = (segment.rights & (Rights.CodeData | Rights.Code | Rights.ReadWrite)) === (Rights.CodeData | Rights.ReadWrite);
  if ((selector & 3) !== cpl || segment.dpl !== cpl || !writableData) throw new GuestFault(Vector.TS, error);
  if (!(segment.rights & Rights.Present)) throw new GuestFault(Vector.SS, error);
  return { segment, pointer };
}

/**
 * Pushes values of `size` bytes on a stack, all of them or, if that faults, none. Outside long mode.
 * @param error error code of the #SS that is raised where they do not fit
 * @param privilege `Supervisor` if the stack is one of an inner level
 * @returns the new stack pointer
 */
export function pushValues(core: Core, cpu: CpuState, { segment, pointer }: Stack, values: readonly number[], size: 2 | 4, error: number, privilege: Privilege): number {
  const mask = segment.rights & Rights.Big ? 0xffffffff : 0xffff;
  const down = (segment.rights & (Rights.CodeData | Rights.Code | Rights.DownConforming)) === (Rights.CodeData | Rights.DownConforming);
  const addresses = values.map(() => {
    const offset = (pointer - size & mask) >>> 0, last = offset + size - 1;
    if (down ? offset <= segment.limit || last > mask >>> 0 : last > segment.limit) throw new GuestFault(Vector.SS, error);
    pointer = offset;
    return BigInt.asUintN(32, segment.base + BigInt(offset));
  });
  for (const address of addresses) core.access.checkWrite(cpu, address, size, privilege);
  values.forEach((value, n) => {
    if (size === 4) core.access.write32(cpu, addresses[n]!, value >>> 0, privilege);
    else core.access.write16(cpu, addresses[n]!, value & 0xffff, privilege);
  });
  return pointer;
}

/** Makes an inner level's stack segment and pointer the CPU's. */
export function switchStack(core: Core, cpu: CpuState, segment: Descriptor, pointer: number): void {
  commitStackSegment(core, cpu, segment);
  setPointer(cpu, pointer);
}

/** Sets ESP or, on a 16-bit stack, SP alone. */
export function setPointer(cpu: CpuState, pointer: number): void {
  const big = (cpu.segRights(Seg.SS) & Rights.Big) !== 0;
  cpu.setGpr(RSP, big ? BigInt(pointer >>> 0) : cpu.gpr(RSP) & ~0xffffn | BigInt(pointer & 0xffff));
}

/** RSPn of the 64-bit TSS (SDM Vol. 3A, figure 7-11) at its `offset`, or a stack of the IST. */
export function readTaskStack(core: Core, cpu: CpuState, offset: number, ext: number): bigint {
  if (offset + 7 > cpu.segLimit(Seg.TR)) throw new GuestFault(Vector.TS, cpu.segSelector(Seg.TR) & 0xfffc | ext);
  return core.access.read64(cpu, BigInt.asUintN(isLongMode(cpu) ? 64 : 32, cpu.segBase(Seg.TR) + BigInt(offset)), Privilege.Supervisor);
}
