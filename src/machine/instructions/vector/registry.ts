import { Mnemonic } from 'iced-x86';
import { GuestFault, type Handler, Vector } from '../../core.js';
import * as L from '../../cpu/layout.js';
import { CodeMode } from '../../cpu/layout.js';
import { raisePendingX87 } from '../../cpu/x87State.js';
import type { CpuState } from '../../cpu/state.js';
import type { Insn } from '../../translate/insn.js';
import { emitMmxCheck, emitMmxTop, emitMmxTransition } from '../../translate/vectors.js';
import type { Definition } from '../define.js';
import { mnemonicName } from '../../translate/icedLibrary.js';

/**
 * Instructions with XMM or MMX register operands. They have maps of their own because some share their mnemonics with others
 * (MOVSD and CMPSD with the string instructions).
 */
export const vectorDefinitions = new Map<Mnemonic, Definition>();
export const vectorHandlers = new Map<Mnemonic, Handler>();

const EM = 1 << 2, TS = 1 << 3, OSFXSR = 1 << 9;

/** Gives mnemonics a meaning that is emitted (`translate/vectors.ts` has the operands). What concerns all MMX instructions is done here. */
export function defineVector(mnemonics: Mnemonic | readonly Mnemonic[], definition: Definition): void {
  for (const mnemonic of Array.isArray(mnemonics) ? mnemonics as readonly Mnemonic[] : [mnemonics as Mnemonic]) {
    refuseSecond(vectorDefinitions, mnemonic);
    vectorDefinitions.set(mnemonic, e => {
      const mmx = hasRegister(e.insn, 'mmx');
      if (mmx) emitMmxCheck(e);
      // A store changes TOP even if it faults (measured); what else faults changes nothing.
      if (mmx && e.insn.operands[0]?.kind === 'memory') emitMmxTop(e);
      definition(e);
      if (mmx) emitMmxTransition(e);
    });
  }
}

/**
 * Gives a mnemonic a meaning in TypeScript: alone, or where its definition hands over. With an MMX register the handler is not
 * called while an x87 exception waits; `enterMmx` is its own business, behind all that may fault.
 */
export function handleVector(mnemonic: Mnemonic, handler: Handler): void {
  refuseSecond(vectorHandlers, mnemonic);
  vectorHandlers.set(mnemonic, (core, cpu, insn) => {
    if (hasRegister(insn, 'mmx')) raisePendingX87(cpu);
    return handler(core, cpu, insn);
  });
}

function refuseSecond(map: ReadonlyMap<Mnemonic, unknown>, mnemonic: Mnemonic): void {
  if (map.has(mnemonic)) throw new Error(`${mnemonicName(mnemonic)} is defined twice`);
}

export function hasRegister(insn: Insn, kind: 'xmm' | 'mmx'): boolean {
  return insn.operands.some(o => o.kind === 'register' && o.register.class === kind);
}

/** Conversions that belong to SSE also where their source is memory and their destination no XMM register. */
export const CONVERSIONS: ReadonlySet<Mnemonic> = new Set<Mnemonic>([Mnemonic.Cvtss2si, Mnemonic.Cvttss2si, Mnemonic.Cvtsd2si, Mnemonic.Cvttsd2si,
  Mnemonic.Cvtps2pi, Mnemonic.Cvttps2pi, Mnemonic.Cvtpd2pi, Mnemonic.Cvttpd2pi]);

/**
 * The meaning of an instruction with XMM or MMX registers, undefined for others. Where they are off by CR0 or CR4, which the
 * code's mode says, it is the exception.
 */
export function vectorMeaning(insn: Insn): { definition?: Definition; handler?: Handler } | undefined {
  const xmm = hasRegister(insn, 'xmm') || CONVERSIONS.has(insn.mnemonic);
  if (!xmm && !hasRegister(insn, 'mmx')) return undefined;
  if (xmm ? !(insn.mode & CodeMode.SseOn) : insn.mode & CodeMode.FpuOff) return { handler: xmm ? refuseSse : refuseMmx };
  const definition = vectorDefinitions.get(insn.mnemonic);
  return { definition, handler: vectorHandlers.get(insn.mnemonic) ?? (definition && waiting) };
}

const waiting: Handler = (_core, cpu) => {
  raisePendingX87(cpu);
  throw new Error('a vector instruction has been handed over for no reason');
};
const refuseSse: Handler = (_core, cpu) => {
  requireSse(cpu);
  throw new Error('SSE is on');
};
const refuseMmx: Handler = (_core, cpu) => {
  requireMmx(cpu);
  throw new Error('MMX is on');
};

/** The exceptions of instructions that use XMM registers or MXCSR (SDM Vol. 3A, 13.1): #UD with CR0.EM or without CR4.OSFXSR, #NM with CR0.TS. */
export function requireSse(cpu: CpuState): void {
  if (cpu.int(L.CR0) & EM || !(cpu.int(L.CR4) & OSFXSR)) throw new GuestFault(Vector.UD);
  if (cpu.int(L.CR0) & TS) throw new GuestFault(Vector.NM);
}

/** The exceptions of MMX instructions (SDM Vol. 3A, 12.1): #UD with CR0.EM, #NM with CR0.TS, #MF if an x87 exception waits. */
export function requireMmx(cpu: CpuState): void {
  if (cpu.int(L.CR0) & EM) throw new GuestFault(Vector.UD);
  if (cpu.int(L.CR0) & TS) throw new GuestFault(Vector.NM);
  raisePendingX87(cpu);
}
