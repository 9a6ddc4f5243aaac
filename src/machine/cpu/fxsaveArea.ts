import * as L from './layout.js';
import type { CpuState } from './state.js';
import { contentTag, X87_ES, X87_TOP, X87Tag } from './x87State.js';

/**
 * The legacy region of the extended state, as FXSAVE and XSAVE write it (SDM Vol. 1, 10.5.1 and 13.4.1). Selectors of the x87
 * pointers are not kept: CPUID.(7,0).EBX[13] says so, and zeros stand in their places.
 */
export const LEGACY_SIZE = 512;
/** Bytes of it that processors write, without XMM8-15 in code that is not 64-bit. */
export const FX_MXCSR = 24, FX_X87 = 32, FX_XMM = 160, FX_XMM_END = 416;
/** Bits of MXCSR that there are (SDM Vol. 1, figure 10-3, with DAZ). */
export const MXCSR_MASK = 0xffff;
export const MXCSR_DEFAULT = 0x1f80;

/** Writes the x87 state. @param wide pointers of 64 bits (REX.W), not 32 bits and selectors */
export function saveX87(cpu: CpuState, area: DataView, wide: boolean): void {
  const status = cpu.int(L.X87_STATUS), top = topOf(status);
  area.setUint16(0, cpu.int(L.X87_CONTROL), true);
  area.setUint16(2, status, true);
  area.setUint8(4, abridged(cpu.int(L.X87_TAGS)));
  area.setUint8(5, 0);
  area.setUint16(6, cpu.int(L.X87_OPCODE), true);
  for (const [at, field] of [[8, L.X87_IP], [16, L.X87_DATA]] as const) area.setBigUint64(at, wide ? cpu.get(field) : cpu.get(field) & 0xffffffffn, true);
  for (let n = 0; n < 8; n++) {
    const from = L.X87 + 16 * (top + n & 7), to = FX_X87 + 16 * n;
    area.setBigUint64(to, cpu.get(from), true);
    area.setBigUint64(to + 8, cpu.get(from + 8) & 0xffffn, true);
  }
}

/** Loads the x87 state. Unlike FLDENV and FRSTOR the area has no tags of registers in use: those come from their contents. */
export function loadX87(cpu: CpuState, area: DataView, wide: boolean): void {
  const control = area.getUint16(0, true) & X87_CONTROL_BITS | X87_CONTROL_ALWAYS, status = pendingOf(area.getUint16(2, true), control), top = topOf(status);
  cpu.setInt(L.X87_CONTROL, control);
  cpu.setInt(L.X87_STATUS, status);
  cpu.setInt(L.X87_OPCODE, area.getUint16(6, true) & 0x7ff);
  for (const [at, field] of [[8, L.X87_IP], [16, L.X87_DATA]] as const) cpu.set(field, area.getBigUint64(at, true) & (wide ? -1n : 0xffffffffn));
  cpu.setInt(L.X87_CS, 0);
  cpu.setInt(L.X87_DS, 0);
  for (let n = 0; n < 8; n++) {
    const to = L.X87 + 16 * (top + n & 7), from = FX_X87 + 16 * n;
    cpu.set(to, area.getBigUint64(from, true));
    cpu.set(to + 8, BigInt(area.getUint16(from + 8, true)));
  }
  const used = area.getUint8(4);
  let tags = 0;
  for (let n = 0; n < 8; n++) tags |= (used >> n & 1 ? contentTag(cpu, n) : X87Tag.Empty) << 2 * n;
  cpu.setInt(L.X87_TAGS, tags);
}

/** The x87 state of FNINIT, with registers of zero: what XRSTOR makes where the area has none (SDM Vol. 1, 13.6). */
export function initX87(cpu: CpuState): void {
  cpu.i32.fill(0, L.X87 >> 2, L.X87_DS + 4 >> 2);
  cpu.setInt(L.X87_CONTROL, 0x37f);
  cpu.setInt(L.X87_TAGS, 0xffff);
}

/** Whether the x87 state is another one than that of `initX87`. */
export function x87InUse(cpu: CpuState): boolean {
  if (cpu.int(L.X87_CONTROL) !== 0x37f || cpu.int(L.X87_TAGS) !== 0xffff) return true;
  for (let at = L.X87; at < L.X87_DS + 4; at += 4) if (at !== L.X87_CONTROL && at !== L.X87_TAGS && cpu.int(at) !== 0) return true;
  return false;
}

/** Bits of the control word that exist, and the one that is always set. */
const X87_CONTROL_BITS = 0x1f7f, X87_CONTROL_ALWAYS = 0x40;
/** B, the copy of ES. */
const X87_BUSY = 1 << 15;

/** A status word whose ES and B agree with its exceptions and the masks. */
function pendingOf(status: number, control: number): number {
  const waits = status & ~control & 0x3f;
  return waits ? status | X87_ES | X87_BUSY : status & ~(X87_ES | X87_BUSY);
}

function topOf(status: number): number { return (status & X87_TOP) >> 11; }

/** One bit for each register that is not empty. */
function abridged(tags: number): number {
  let used = 0;
  for (let n = 0; n < 8; n++) if ((tags >> 2 * n & 3) !== X87Tag.Empty) used |= 1 << n;
  return used;
}

/** Writes MXCSR and its mask. */
export function saveMxcsr(cpu: CpuState, area: DataView): void {
  area.setUint32(FX_MXCSR, cpu.int(L.MXCSR), true);
  area.setUint32(FX_MXCSR + 4, MXCSR_MASK, true);
}

/** Writes XMM0 and on. @param count 16, or 8 outside 64-bit code */
export function saveXmm(cpu: CpuState, area: DataView, count: number): void {
  for (let n = 0; n < 4 * count; n++) area.setInt32(FX_XMM + 4 * n, cpu.int(L.XMM + 4 * n), true);
}
export function loadXmm(cpu: CpuState, area: DataView, count: number): void {
  for (let n = 0; n < 4 * count; n++) cpu.setInt(L.XMM + 4 * n, area.getInt32(FX_XMM + 4 * n, true));
}
export function clearXmm(cpu: CpuState, count: number): void { cpu.i32.fill(0, L.XMM >> 2, (L.XMM >> 2) + 4 * count); }
export function xmmInUse(cpu: CpuState, count: number): boolean {
  for (let n = 0; n < 4 * count; n++) if (cpu.int(L.XMM + 4 * n) !== 0) return true;
  return false;
}
