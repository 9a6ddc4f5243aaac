import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, Vector } from '../../core.js';
import { FX_MXCSR, LEGACY_SIZE, loadX87, loadXmm, MXCSR_MASK, saveMxcsr, saveX87, saveXmm } from '../../cpu/fxsaveArea.js';
import * as L from '../../cpu/layout.js';
import { CodeMode } from '../../cpu/layout.js';
import { CR4_OSFXSR } from '../../cpu/modes.js';
import type { CpuState } from '../../cpu/state.js';
import { enterMmx, X87_ALL_EMPTY } from '../../cpu/x87State.js';
import type { Insn } from '../../translate/insn.js';
import { effectiveAddress, privilegeOf, readMemory, wrapLinear, writeMemory } from '../operands.js';
import { requireMmx, requireSse } from '../vector/registry.js';
import { handle } from './registry.js';

const EM = 1 << 2, TS = 1 << 3;
/** Bytes of one access: pages are crossed between accesses if the area is aligned, and inside one if not. */
const CHUNK = 32;

/** XMM registers that code of the CPU's present mode can name. */
export function xmmCount(cpu: CpuState): number { return cpu.int(L.MODE) & CodeMode.Long ? 16 : 8; }

/**
 * Linear address of a save area of `size` bytes, which must be aligned: else #GP(0). Where alignment is checked (CR0.AM) the SDM
 * permits #AC(0) instead; processors raise it if not even doublewords are aligned (measured).
 */
export function areaAddress(cpu: CpuState, insn: Insn, size: number, write: boolean, alignment: number): bigint {
  // Alignment comes ahead of the segment's rights and limit (measured).
  const address = effectiveAddress(cpu, insn);
  if (address & BigInt(alignment - 1)) throw new GuestFault(cpu.int(L.MODE) & CodeMode.AlignmentCheck && address & 3n ? Vector.AC : Vector.GP, 0);
  return effectiveAddress(cpu, insn, size, write);
}

/** Reads a save area; pages fault in the order of their addresses. */
export function readArea(core: Core, cpu: CpuState, insn: Insn, address: bigint, size: number): DataView {
  const bytes = new Uint8Array(size), privilege = privilegeOf(insn.memory!.segment);
  for (let at = 0; at < size; at += CHUNK) bytes.set(core.access.readBytes(cpu, wrapLinear(cpu, address + BigInt(at)), Math.min(CHUNK, size - at), privilege), at);
  return new DataView(bytes.buffer);
}

/** Writes parts of a save area, `from` and `to` as offsets; nothing is written if any of it cannot be. */
export function writeArea(core: Core, cpu: CpuState, insn: Insn, address: bigint, area: DataView, parts: readonly (readonly [from: number, to: number])[]): void {
  const privilege = privilegeOf(insn.memory!.segment), bytes = new Uint8Array(area.buffer);
  for (const [from, to] of parts) core.access.checkWrite(cpu, wrapLinear(cpu, address + BigInt(from)), to - from, privilege);
  for (const [from, to] of parts) {
    for (let at = from; at < to; at += CHUNK) core.access.writeBytes(cpu, wrapLinear(cpu, address + BigInt(at)), bytes.subarray(at, Math.min(to, at + CHUNK)), privilege);
  }
}

/** The exceptions of FXSAVE and FXRSTOR (SDM Vol. 2A): a waiting x87 exception is none of them. */
function requireFxsr(cpu: CpuState): void {
  if (cpu.int(L.CR0) & EM) throw new GuestFault(Vector.UD);
  if (cpu.int(L.CR0) & TS) throw new GuestFault(Vector.NM);
}

/** FXSAVE (SDM Vol. 2A). Without CR4.OSFXSR the XMM registers and MXCSR are left out, which the SDM leaves open. */
for (const [mnemonic, wide] of [[Mnemonic.Fxsave, false], [Mnemonic.Fxsave64, true]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireFxsr(cpu);
    const address = areaAddress(cpu, insn, LEGACY_SIZE, true, 16), area = new DataView(new ArrayBuffer(LEGACY_SIZE));
    core.access.checkWrite(cpu, address, LEGACY_SIZE, privilegeOf(insn.memory!.segment));
    saveX87(cpu, area, wide);
    const parts: [number, number][] = [[0, 24], [32, 160]], count = xmmCount(cpu);
    if (cpu.get(L.CR4) & CR4_OSFXSR) {
      saveMxcsr(cpu, area);
      saveXmm(cpu, area, count);
      parts.push([24, 32], [160, 160 + 16 * count]);
    }
    writeArea(core, cpu, insn, address, area, parts);
  });
}

/** FXRSTOR (SDM Vol. 2A). */
for (const [mnemonic, wide] of [[Mnemonic.Fxrstor, false], [Mnemonic.Fxrstor64, true]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireFxsr(cpu);
    const area = readArea(core, cpu, insn, areaAddress(cpu, insn, LEGACY_SIZE, false, 16), LEGACY_SIZE);
    if (cpu.get(L.CR4) & CR4_OSFXSR) {
      loadMxcsr(cpu, area.getUint32(FX_MXCSR, true));
      loadXmm(cpu, area, xmmCount(cpu));
    }
    loadX87(cpu, area, wide);
  });
}

/** Loads MXCSR; #GP(0) for bits that it does not have. */
export function loadMxcsr(cpu: CpuState, value: number): void {
  if (value & ~MXCSR_MASK) throw new GuestFault(Vector.GP, 0);
  cpu.setInt(L.MXCSR, value);
}

handle(Mnemonic.Ldmxcsr, (core, cpu, insn) => {
  requireSse(cpu);
  loadMxcsr(cpu, Number(readMemory(core, cpu, insn, 4)));
});
handle(Mnemonic.Stmxcsr, (core, cpu, insn) => {
  requireSse(cpu);
  writeMemory(core, cpu, insn, 4, BigInt(cpu.int(L.MXCSR)));
});

/** EMMS (SDM Vol. 2A; Vol. 3A, table 12-1): the x87 registers are free again; TOP becomes 0 as by all MMX instructions. */
handle(Mnemonic.Emms, (_core, cpu) => {
  requireMmx(cpu);
  enterMmx(cpu);
  cpu.setInt(L.X87_TAGS, X87_ALL_EMPTY);
});
