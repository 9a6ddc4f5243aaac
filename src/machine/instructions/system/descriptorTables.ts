import { Code, Mnemonic } from 'iced-x86';
import { type Core, GuestFault, type Handler, Vector } from '../../core.js';
import { readArithmeticFlags, writeArithmeticFlags } from '../../cpu/flags.js';
import * as L from '../../cpu/layout.js';
import { Flag, Seg } from '../../cpu/layout.js';
import { isCanonical, isLongMode, Rights } from '../../cpu/modes.js';
import { descriptorAddress, dplOf, isCode, isConforming, isNull, loadLdt, loadTask, parseDescriptor, SystemType } from '../../cpu/segments.js';
import type { CpuState } from '../../cpu/state.js';
import { Privilege } from '../../memory/access.js';
import type { Insn } from '../../translate/insn.js';
import { effectiveAddress, operandSize, privilegeOf, readMemory, readOperand, writeOperand } from '../operands.js';
import { in64BitCode, refuseUserMode, requireProtected } from './moves.js';
import { handle, handlePrivileged } from './registry.js';

/** With a 16-bit operand size only 24 bits of the base count (SDM Vol. 2A, LGDT). */
const shortBase = new Set<Code>([Code.Lgdt_m1632_16, Code.Lidt_m1632_16, Code.Sgdt_m1632_16, Code.Sidt_m1632_16]);

function loadTable(baseField: number, limitField: number): Handler {
  return (core, cpu, insn) => {
    const limit = readMemory(core, cpu, insn, 2), wide = in64BitCode(cpu);
    let base = readMemory(core, cpu, insn, wide ? 8 : 4, 2);
    if (shortBase.has(insn.code)) base &= 0xffffffn;
    if (wide && !isCanonical(base)) throw new GuestFault(Vector.GP, 0);
    cpu.set(baseField, base);
    cpu.set(limitField, limit);
  };
}

function storeTable(baseField: number, limitField: number): Handler {
  return (core, cpu, insn) => {
    refuseUserMode(cpu);
    const wide = in64BitCode(cpu), bytes = new Uint8Array(wide ? 10 : 6), view = new DataView(bytes.buffer);
    view.setUint16(0, Number(cpu.get(limitField)), true);
    const base = cpu.get(baseField);
    if (wide) view.setBigUint64(2, base, true);
    else view.setUint32(2, Number(base & (shortBase.has(insn.code) ? 0xffffffn : 0xffffffffn)), true);
    core.access.writeBytes(cpu, effectiveAddress(cpu, insn, bytes.length, true), bytes, privilegeOf(insn.memory!.segment));
  };
}

handlePrivileged(Mnemonic.Lgdt, loadTable(L.GDTR_BASE, L.GDTR_LIMIT));
handlePrivileged(Mnemonic.Lidt, loadTable(L.IDTR_BASE, L.IDTR_LIMIT));
handle(Mnemonic.Sgdt, storeTable(L.GDTR_BASE, L.GDTR_LIMIT));
handle(Mnemonic.Sidt, storeTable(L.IDTR_BASE, L.IDTR_LIMIT));

const selectorOperand = (core: Core, cpu: CpuState, insn: Insn, n: number): number => Number(readOperand(core, cpu, insn, n) & 0xffffn);

for (const [mnemonic, load] of [[Mnemonic.Lldt, loadLdt], [Mnemonic.Ltr, loadTask]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireProtected(cpu);
    if (cpu.cpl !== 0) throw new GuestFault(Vector.GP, 0);
    load(core, cpu, selectorOperand(core, cpu, insn, 0));
  });
}
for (const [mnemonic, seg] of [[Mnemonic.Sldt, Seg.LDTR], [Mnemonic.Str, Seg.TR]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireProtected(cpu);
    refuseUserMode(cpu);
    writeOperand(core, cpu, insn, 0, BigInt(cpu.segSelector(seg)));
  });
}

/** What LAR, LSL, VERR and VERW see of a descriptor; undefined if it is out of reach for the CPL and RPL. */
function visible(core: Core, cpu: CpuState, selector: number): { rights: number; limit: number; high: number } | undefined {
  if (isNull(selector)) return undefined;
  const address = descriptorAddress(cpu, selector);
  if (address === undefined) return undefined;
  const low = core.access.read32(cpu, address, Privilege.Supervisor), high = core.access.read32(cpu, address + 4n, Privilege.Supervisor);
  const d = parseDescriptor(selector, address, low, high);
  if (isLongMode(cpu) && !(d.rights & Rights.CodeData) && !hasUpperHalf(core, cpu, selector)) return undefined;
  const conforming = isCode(d.rights) && isConforming(d.rights);
  if (!conforming && Math.max(cpu.cpl, selector & 3) > dplOf(d.rights)) return undefined;
  return { rights: d.rights, limit: d.limit, high };
}

/** System descriptors of long mode have 16 bytes: all within the table, with type 0 in the second half (SDM Vol. 3A, 7.2.3). */
function hasUpperHalf(core: Core, cpu: CpuState, selector: number): boolean {
  const address = descriptorAddress(cpu, selector, 16);
  return address !== undefined && (core.access.read32(cpu, address + 12n, Privilege.Supervisor) & 0x1f00) === 0;
}

function setZero(cpu: CpuState, set: boolean): void {
  const flags = readArithmeticFlags(cpu);
  writeArithmeticFlags(cpu, set ? flags | Flag.ZF : flags & ~Flag.ZF);
}

/** System descriptors that LAR and LSL know (SDM Vol. 2A, tables of LAR and LSL). */
function systemTypes(cpu: CpuState, gates: boolean): readonly number[] {
  if (isLongMode(cpu)) return [SystemType.Ldt, SystemType.Tss, SystemType.TssBusy, ...(gates ? [SystemType.CallGate] : [])];
  const legacy = [SystemType.Ldt, SystemType.Tss16, SystemType.Tss16Busy, SystemType.Tss, SystemType.TssBusy];
  return gates ? [...legacy, SystemType.CallGate16, SystemType.CallGate, SystemType.TaskGate] : legacy;
}

for (const [mnemonic, gates] of [[Mnemonic.Lar, true], [Mnemonic.Lsl, false]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireProtected(cpu);
    const d = visible(core, cpu, selectorOperand(core, cpu, insn, 1));
    const known = d !== undefined && ((d.rights & Rights.CodeData) !== 0 || systemTypes(cpu, gates).includes(d.rights & 15));
    setZero(cpu, known);
    if (!known) return;
    const value = gates ? d.high & 0x00f0ff00 : d.limit;
    writeOperand(core, cpu, insn, 0, BigInt.asUintN(operandSize(insn, 0) * 8, BigInt(value >>> 0)));
  });
}
for (const [mnemonic, write] of [[Mnemonic.Verr, false], [Mnemonic.Verw, true]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireProtected(cpu);
    const d = visible(core, cpu, selectorOperand(core, cpu, insn, 0));
    let good = d !== undefined && (d.rights & Rights.CodeData) !== 0;
    if (good) {
      const code = isCode(d!.rights), readWrite = (d!.rights & Rights.ReadWrite) !== 0;
      good = write ? !code && readWrite : !code || readWrite;
    }
    setZero(cpu, good);
  });
}
