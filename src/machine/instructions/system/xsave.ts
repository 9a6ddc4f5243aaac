import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, Vector } from '../../core.js';
import { FX_MXCSR, MXCSR_MASK, saveMxcsr } from '../../cpu/fxsaveArea.js';
import * as L from '../../cpu/layout.js';
import { CodeMode, Seg } from '../../cpu/layout.js';
import { CR4_OSXSAVE, isCanonical } from '../../cpu/modes.js';
import type { CpuState } from '../../cpu/state.js';
import { definedXcr0, XCR0_PKRU, XCR0_SSE, XCR0_X87, XSAVE_HEADER, XSAVE_HEADER_SIZE, type XsaveComponent, xsaveComponents, type XsaveForm, xsaveSize } from '../../cpu/xstate.js';
import type { Insn } from '../../translate/insn.js';
import { effectiveAddress, privilegeOf } from '../operands.js';
import { areaAddress, loadMxcsr, readArea, writeArea, xmmCount } from './fxsave.js';
import { handle, requireCpl0 } from './registry.js';

const RAX = 0, RCX = 1, RDX = 2;
const TS = 1 << 3;
/** In XCOMP_BV: the area is compacted. */
const COMPACTED = 1n << 63n;

/** The XSAVE instructions are there with CR4.OSXSAVE (SDM Vol. 1, 13.3). */
function requireXsave(cpu: CpuState): void {
  if (!(cpu.get(L.CR4) & CR4_OSXSAVE)) throw new GuestFault(Vector.UD);
}
function requireState(cpu: CpuState): void {
  requireXsave(cpu);
  if (cpu.int(L.CR0) & TS) throw new GuestFault(Vector.NM);
}

function pair(cpu: CpuState): bigint { return (cpu.gpr(RDX) & 0xffffffffn) << 32n | cpu.gpr(RAX) & 0xffffffffn; }
/** Address of the area. That its first byte is outside the stack segment, or not canonical, comes ahead of its alignment (measured). */
function xsaveArea(cpu: CpuState, insn: Insn, size: number, write: boolean): bigint {
  if (insn.memory!.segment === Seg.SS && cpu.int(L.MODE) & CodeMode.Long && !isCanonical(effectiveAddress(cpu, insn))) throw new GuestFault(Vector.SS, 0);
  effectiveAddress(cpu, insn, 1);
  return areaAddress(cpu, insn, size, write, 64);
}

/** Components that EDX:EAX asks for and XCR0 has: RFBM. */
function requested(cpu: CpuState): bigint { return pair(cpu) & cpu.get(L.XCR0); }
function componentsOf(mask: bigint): XsaveComponent[] { return xsaveComponents.filter(c => mask >> BigInt(c.bit) & 1n); }

/**
 * XSAVE and XSAVEOPT in the standard format (SDM Vol. 1, 13.7 and 13.9). Which components are in use is found out by comparison
 * with their initial state; XSAVEOPT leaves out those that are not, but does not track modification.
 */
function save(core: Core, cpu: CpuState, insn: Insn, wide: boolean, optimized: boolean): void {
  requireState(cpu);
  const mask = requested(cpu), form: XsaveForm = { wide, xmm: xmmCount(cpu) }, size = xsaveSize(mask);
  const address = xsaveArea(cpu, insn, size, true), area = new DataView(new ArrayBuffer(size)), parts: (readonly [number, number])[] = [[XSAVE_HEADER, XSAVE_HEADER + 8]];
  // The last byte is touched first (measured).
  core.access.checkWrite(cpu, effectiveAddress(cpu, insn, 1, true, size - 1), 1, privilegeOf(insn.memory!.segment));
  const before = readArea(core, cpu, insn, address + BigInt(XSAVE_HEADER), 8).getBigUint64(0, true);
  let used = 0n;
  for (const component of componentsOf(mask)) {
    const inUse = component.inUse(cpu, form);
    if (inUse) used |= 1n << BigInt(component.bit);
    if (optimized && !inUse) continue;
    component.save(cpu, area, form);
    parts.push(...component.parts(form));
  }
  if (mask & XCR0_SSE && (!optimized || used & XCR0_SSE)) {
    saveMxcsr(cpu, area);
    parts.push([FX_MXCSR, FX_MXCSR + 8]);
  }
  area.setBigUint64(XSAVE_HEADER, before & ~mask | used, true);
  writeArea(core, cpu, insn, address, area, parts);
}
for (const [mnemonic, wide, optimized] of [
  [Mnemonic.Xsave, false, false], [Mnemonic.Xsave64, true, false], [Mnemonic.Xsaveopt, false, true], [Mnemonic.Xsaveopt64, true, true],
] as const) handle(mnemonic, (core, cpu, insn) => save(core, cpu, insn, wide, optimized));

/** XRSTOR of the standard format (SDM Vol. 1, 13.8); the compacted one is not there and raises #GP(0). */
for (const [mnemonic, wide] of [[Mnemonic.Xrstor, false], [Mnemonic.Xrstor64, true]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireState(cpu);
    const mask = requested(cpu), form: XsaveForm = { wide, xmm: xmmCount(cpu) };
    const address = xsaveArea(cpu, insn, xsaveSize(mask), false);
    // The order in which parts are touched and judged is measured.
    readArea(core, cpu, insn, effectiveAddress(cpu, insn, 8, false, XSAVE_HEADER + 8), 8);
    const header = readArea(core, cpu, insn, address + BigInt(XSAVE_HEADER), XSAVE_HEADER_SIZE), present = header.getBigUint64(0, true);
    if (header.getBigUint64(8, true) & COMPACTED) throw new GuestFault(Vector.GP, 0);
    if (mask & XCR0_X87) readArea(core, cpu, insn, address, 2);
    // MXCSR is loaded whether or not the area has XMM registers.
    const mxcsr = mask & XCR0_SSE ? readArea(core, cpu, insn, address + BigInt(FX_MXCSR), 4).getUint32(0, true) : 0;
    if (present & ~cpu.get(L.XCR0) || header.getBigUint64(8, true) || header.getBigUint64(16, true) || mxcsr & ~MXCSR_MASK) throw new GuestFault(Vector.GP, 0);
    const area = mask & present ? readArea(core, cpu, insn, address, xsaveSize(mask & present)) : header;
    if (mask & XCR0_SSE) loadMxcsr(cpu, mxcsr);
    for (const component of componentsOf(mask)) {
      if (present >> BigInt(component.bit) & 1n) component.load(cpu, area, form);
      else component.init(cpu, form);
    }
    if (mask & XCR0_PKRU) core.mmu.setProtectionKeys(cpu);
  });
}

handle(Mnemonic.Xgetbv, (_core, cpu) => {
  requireXsave(cpu);
  if (cpu.gpr(RCX) & 0xffffffffn) throw new GuestFault(Vector.GP, 0);
  const value = cpu.get(L.XCR0);
  cpu.setGpr(RAX, value & 0xffffffffn);
  cpu.setGpr(RDX, value >> 32n);
});

/** XSETBV (SDM Vol. 2D): XCR0 cannot lose the x87 state. */
handle(Mnemonic.Xsetbv, (core, cpu) => {
  requireXsave(cpu);
  requireCpl0(cpu);
  const value = pair(cpu);
  if (cpu.gpr(RCX) & 0xffffffffn || !(value & XCR0_X87) || value & ~definedXcr0(core.features)) throw new GuestFault(Vector.GP, 0);
  cpu.set(L.XCR0, value);
});
