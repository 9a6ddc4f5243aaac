import type { CpuState } from './cpu/state.js';
import type { Insn } from './translate/insn.js';
import type { GuestMemory } from './memory/guestMemory.js';
import type { Mmu } from './memory/mmu.js';
import type { Access } from './memory/access.js';
import type { Watch } from './memory/watch.js';
import type { LocalApic } from './devices/localApic.js';
import type { IoPorts } from './devices/ioPorts.js';
import type { CpuFeatures } from './cpu/features.js';

/** What instruction handlers, event delivery and devices see of the machine they belong to. */
export interface Core {
  readonly memory: GuestMemory;
  readonly mmu: Mmu;
  readonly access: Access;
  readonly watch: Watch;
  readonly cpus: readonly CpuState[];
  readonly apics: readonly LocalApic[];
  readonly io: IoPorts;
  readonly features: CpuFeatures;
  /** Machine time in ticks, exact at the instruction that asks; drives TSC and timers. */
  now(): number;
  /** Stops the machine after the current instruction: the debug-exit port was written. */
  requestExit(code: number): void;
  /** The instruction breakpoints of a CPU's debug registers may have changed. */
  instructionBreakpointsChanged(): void;
}

/**
 * Executes one instruction whose meaning is written in TypeScript (system instructions, far transfers).
 * RIP is that of the instruction on entry; unless the handler returns `jumped`, the caller advances it afterwards.
 * Throws `GuestFault` for an exception (then nothing may have been changed) and `Unimplemented` for what is missing.
 */
export type Handler = (core: Core, cpu: CpuState, insn: Insn) => 'jumped' | void;

/** An exception raised by the current instruction. No `Error`: those cost a walk of the stack each, and guests fault often. */
export class GuestFault {
  /** @param address linear address of a page fault; of a debug exception the bits of DR6 that say what it is for */
  constructor(readonly vector: number, readonly errorCode?: number, readonly address?: bigint) {}
}

/** Something the machine lacks: stops the machine at this instruction with the message. */
export class Unimplemented extends Error {}

/** Exception vectors (SDM Vol. 3A, table 6-1). */
export const enum Vector { DE = 0, DB = 1, NMI = 2, BP = 3, OF = 4, BR = 5, UD = 6, NM = 7, DF = 8, TS = 10, NP = 11, SS = 12, GP = 13, PF = 14, MF = 16, AC = 17, MC = 18, XM = 19 }
