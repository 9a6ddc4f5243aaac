import { type Core, GuestFault, Vector } from '../core.js';
import type { Watchpoint } from '../memory/watch.js';
import { Delivery, deliverFault } from './events.js';
import * as L from './layout.js';
import { Flag, RunState } from './layout.js';
import { isCanonical } from './modes.js';
import type { CpuState } from './state.js';

/**
 * The debug registers (SDM Vol. 3B, 17.2 and 17.3). Breakpoints on instructions are kept by the translator like those of a debugger, so
 * that they cost nothing elsewhere; those on data by `memory/watch.ts`. Conditions that have been met wait in
 * PENDING_DEBUG for the end of the instruction, and the run loop delivers them together as one #DB before it looks at anything else.
 */

/** Bits of DR6 that #DB sets. */
export const DR6_BD = 1 << 13, DR6_BS = 1 << 14;
const DR6_BREAKPOINTS = 0xf;
/** DR7: general detect; the local and global enable bits. */
const DR7_GD = 1 << 13, DR7_ENABLE = 0xff;
/** CR4.DE in the low half of the register. */
const DE = 1 << 3;
const DR6 = L.DR + 48, DR7 = L.DR + 56;

/** R/Wn of DR7. `Io` counts with CR4.DE only; without it it is undefined, and never met here. */
const enum Condition { Execute = 0, Write = 1, Io = 2, Data = 3 }

const condition = (dr7: number, n: number): Condition => dr7 >>> 16 + 4 * n & 3;
/** Bytes that breakpoint n covers: LENn 10 stands for 8. */
const length = (dr7: number, n: number): number => [1, 2, 8, 4][dr7 >>> 18 + 4 * n & 3]!;
const enabled = (dr7: number, n: number): boolean => (dr7 >>> 2 * n & 3) !== 0;
/** The address of breakpoint n, aligned to its length, whose low bits do not count. */
function address(cpu: CpuState, n: number, bytes: number): bigint { return cpu.get(L.DR + 8 * n) & ~BigInt(bytes - 1); }

/**
 * The bits Bn of the breakpoints that `meets` says are met, none unless one of them is enabled: when a debug exception comes, the
 * registers that are not enabled have their bits set as well, as on processors (17.2.3 leaves it open).
 */
function metBy(dr7: number, meets: (n: number) => boolean): number {
  let met = 0, counts = false;
  for (let n = 0; n < 4; n++) {
    if (!meets(n)) continue;
    met |= 1 << n;
    counts ||= enabled(dr7, n);
  }
  return counts ? met : 0;
}

/** Reads DR0-DR7 by number. */
export function readDebugRegister(cpu: CpuState, number: number): bigint { return cpu.get(L.DR + 8 * number); }

/** Writes DR0-3, DR6 or DR7 with their fixed bits. Throws #GP(0) for the upper halves of DR6 and DR7. */
export function writeDebugRegister(core: Core, cpu: CpuState, number: number, value: bigint): void {
  if (number >= 6 && value >> 32n) throw new GuestFault(Vector.GP, 0);
  if (number === 6) value = value & 0xe00fn | 0xffff0ff0n;
  else if (number === 7) value = value & 0xffff2bffn | 0x400n;
  cpu.set(L.DR + 8 * number, value);
  if (number !== 6) applyDebugRegisters(core, cpu);
}

/** Throws the #DB of an access to a debug register while DR7.GD is set. */
export function checkGeneralDetect(cpu: CpuState): void {
  if (cpu.int(DR7) & DR7_GD) throw new GuestFault(Vector.DB, undefined, BigInt(DR6_BD));
}

/** Tells translator and watchpoints what DR0-3 and DR7 of this CPU ask for; to be called when these have changed in any way. */
export function applyDebugRegisters(core: Core, cpu: CpuState): void {
  const dr7 = cpu.int(DR7), data: Watchpoint[] = [];
  for (let n = 0; n < 4; n++) {
    if (!enabled(dr7, n) || condition(dr7, n) !== Condition.Write && condition(dr7, n) !== Condition.Data) continue;
    const bytes = length(dr7, n), linear = address(cpu, n, bytes);
    if (isCanonical(linear)) data.push({ linear, length: bytes, read: condition(dr7, n) === Condition.Data, write: true, source: 'dr', id: n });
  }
  if (data.length || core.watch.list(cpu.index).some(w => w.source === 'dr')) core.watch.set(cpu.index, 'dr', data);
  core.instructionBreakpointsChanged();
}

/** Addresses at which an instruction breakpoint of the CPU's debug registers is enabled. */
export function instructionBreakpointAddresses(cpu: CpuState): bigint[] {
  const dr7 = cpu.int(DR7), list: bigint[] = [];
  if (!(dr7 & DR7_ENABLE)) return list;
  for (let n = 0; n < 4; n++) if (enabled(dr7, n) && condition(dr7, n) === Condition.Execute) list.push(cpu.get(L.DR + 8 * n));
  return list;
}

/**
 * The #DB to be raised ahead of the instruction at RIP, if one of the instruction breakpoints is there and neither RF nor the shadow
 * of MOV SS suppresses it (17.3.1.1).
 */
export function instructionBreakpoint(cpu: CpuState): GuestFault | undefined {
  const dr7 = cpu.int(DR7);
  if (!(dr7 & DR7_ENABLE) || cpu.int(L.FLAGS) & Flag.RF || cpu.int(L.SHADOW) === L.SHADOW_STACK) return undefined;
  const rip = cpu.linearRip;
  const met = metBy(dr7, n => condition(dr7, n) === Condition.Execute && cpu.get(L.DR + 8 * n) === rip);
  return met ? new GuestFault(Vector.DB, undefined, BigInt(met)) : undefined;
}

/** Notes the data accesses of an instruction that has completed. */
export function noteDataAccesses(cpu: CpuState, hits: readonly { linear: bigint; size: number; write: boolean }[]): void {
  const dr7 = cpu.int(DR7);
  const met = metBy(dr7, n => {
    const kind = condition(dr7, n), bytes = length(dr7, n), start = address(cpu, n, bytes);
    return hits.some(h => (kind === Condition.Data || kind === Condition.Write && h.write) && h.linear < start + BigInt(bytes) && start < h.linear + BigInt(h.size));
  });
  cpu.setInt(L.PENDING_DEBUG, cpu.int(L.PENDING_DEBUG) | met);
}

/** Notes an access to `size` ports from `port` on by the instruction that is executing; a fault of it takes that back. */
export function notePortAccess(cpu: CpuState, port: number, size: number): void {
  const dr7 = cpu.int(DR7);
  if (!(dr7 & DR7_ENABLE) || !(cpu.int(L.CR4) & DE)) return;
  const met = metBy(dr7, n => {
    const bytes = length(dr7, n), start = address(cpu, n, bytes);
    return condition(dr7, n) === Condition.Io && BigInt(port) < start + BigInt(bytes) && start < BigInt(port + size);
  });
  cpu.setInt(L.PENDING_DEBUG, cpu.int(L.PENDING_DEBUG) | met);
}

/** Is a debug trap to be delivered before the next instruction? MOV SS and POP SS hold it over one more (SDM Vol. 3A, 6.8.3). */
export function debugTrapReady(cpu: CpuState): boolean { return cpu.int(L.PENDING_DEBUG) !== 0 && cpu.int(L.SHADOW) !== L.SHADOW_STACK; }

/** Delivers all conditions that wait as one #DB. Wakes a halted CPU. One step. */
export function deliverDebugTrap(core: Core, cpu: CpuState): Delivery {
  const pending = cpu.int(L.PENDING_DEBUG), before = cpu.runState;
  cpu.setInt(L.PENDING_DEBUG, 0);
  if (before === RunState.Halted) cpu.runState = RunState.Running;
  const undo = (): void => {
    cpu.setInt(L.PENDING_DEBUG, pending);
    cpu.runState = before;
  };
  try {
    const result = deliverFault(core, cpu, new GuestFault(Vector.DB, undefined, BigInt(pending)));
    if (result === Delivery.Stopped) undo();
    return result;
  } catch (error) {
    undo();
    throw error;
  }
}

/** What #DB does to the debug registers as its handler is entered: `met` are the bits of DR6 that say why (17.2.3, 17.2.4). */
export function recordDebugException(cpu: CpuState, met: number): void {
  if (met) cpu.setInt(DR6, cpu.int(DR6) & ~DR6_BREAKPOINTS | met);
  cpu.setInt(DR7, cpu.int(DR7) & ~DR7_GD);
}

/**
 * RFLAGS.RF lasts until an instruction has completed. So that nothing needs to clear it in between, it is noted with the budget of that
 * moment and counts while the budget is still the same.
 * To be called by the handler of an instruction, whose own step is taken from the budget afterwards.
 */
export function setResumeFlag(cpu: CpuState): void {
  cpu.setInt(L.FLAGS, cpu.int(L.FLAGS) | Flag.RF);
  cpu.setInt(L.RESUME_MARK, cpu.int(L.BUDGET) - 1);
}

/** Clears RF if an instruction has completed since it was set. */
export function expireResumeFlag(cpu: CpuState): void {
  if (cpu.int(L.FLAGS) & Flag.RF && cpu.int(L.BUDGET) !== cpu.int(L.RESUME_MARK)) cpu.setInt(L.FLAGS, cpu.int(L.FLAGS) & ~Flag.RF);
}
