import * as L from '../machine/cpu/layout.js';
import { CodeMode, RunState } from '../machine/cpu/layout.js';
import { isLongMode, isProtected } from '../machine/cpu/modes.js';
import type { CpuState } from '../machine/cpu/state.js';
import type { CpuInfo } from './target.js';

/** What a debugger shows of a CPU. */
export function cpuInfo(cpu: CpuState): CpuInfo {
  return {
    index: cpu.index,
    state: runStates[cpu.runState]!,
    mode: modeOf(cpu),
    cpl: cpu.cpl as CpuInfo['cpl'],
    rip: cpu.linearRip,
    rsp: cpu.gpr(4),
    rbp: cpu.gpr(5),
    cr3: cpu.get(L.CR3),
    pagingOn: ((cpu.get(L.CR0) >> 31n) & 1n) === 1n,
    pcidEnabled: ((cpu.get(L.CR4) >> 17n) & 1n) === 1n,
  };
}

const runStates: Record<number, CpuInfo['state']> = {
  [RunState.Running]: 'running',
  [RunState.Halted]: 'halted',
  [RunState.WaitForSipi]: 'waiting-for-sipi',
  [RunState.Shutdown]: 'shutdown',
};

function modeOf(cpu: CpuState): CpuInfo['mode'] {
  if (!isProtected(cpu)) return 'real';
  if (!isLongMode(cpu)) return 'protected';
  return cpu.int(L.MODE) & CodeMode.Long ? 'long' : 'compatibility';
}

/** The size of the CPU's code segment: 16, 32 or 64. */
export function bitnessOf(cpu: CpuState): number {
  const mode = cpu.int(L.MODE);
  return mode & CodeMode.Long ? 64 : mode & CodeMode.Code32 ? 32 : 16;
}
