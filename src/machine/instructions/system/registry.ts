import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, type Handler, Vector } from '../../core.js';
import type { CpuState } from '../../cpu/state.js';
import type { Insn } from '../../translate/insn.js';
import { mnemonicName } from '../../translate/icedLibrary.js';

/** Handlers by iced's mnemonic; filled by the files of this folder. */
export const handlers = new Map<Mnemonic, Handler>();

/** Gives a mnemonic its meaning. A LOCK prefix on any of them is #UD (SDM Vol. 2A, LOCK). */
export function handle(mnemonic: Mnemonic, handler: Handler): void {
  if (handlers.has(mnemonic)) throw new Error(`${mnemonicName(mnemonic)} is defined twice`);
  handlers.set(mnemonic, (core, cpu, insn) => {
    if (insn.lock) throw new GuestFault(Vector.UD);
    return handler(core, cpu, insn);
  });
}

/** As `handle`; the instruction raises #GP(0) unless CPL is 0. */
export function handlePrivileged(mnemonic: Mnemonic, handler: Handler): void {
  handle(mnemonic, (core: Core, cpu: CpuState, insn: Insn) => {
    requireCpl0(cpu);
    return handler(core, cpu, insn);
  });
}

export function requireCpl0(cpu: CpuState): void {
  if (cpu.cpl !== 0) throw new GuestFault(Vector.GP, 0);
}

