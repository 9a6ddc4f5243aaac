import type { Core } from '../core.js';
import { PAGE_SIZE } from '../memory/layout.js';
import * as L from './layout.js';
import { RunState } from './layout.js';
import type { CpuState } from './state.js';

/** The line that MONITOR watches, in bytes: CPUID leaf 5 says so. */
export const MONITOR_LINE = 64;

/**
 * Arms the monitor of a CPU: a store of any CPU to the line that holds the physical address disarms it and ends the wait of
 * MWAIT. Stores to the page of the line take the slow way meanwhile, others cost nothing. Undefined disarms it.
 */
export function armMonitor(core: Core, cpu: CpuState, physical: number | undefined): void {
  const old = monitoredLine(cpu);
  cpu.set(L.MONITOR_ADDRESS, physical === undefined ? 0n : BigInt(physical - physical % MONITOR_LINE + 1));
  if (old >= 0) watchPage(core, pageOf(old));
  if (physical !== undefined) watchPage(core, pageOf(physical));
}

/** Physical address of the watched line, -1 if there is none. */
export function monitoredLine(cpu: CpuState): number { return Number(cpu.get(L.MONITOR_ADDRESS)) - 1; }
function pageOf(physical: number): number { return Math.floor(physical / PAGE_SIZE); }

/** Does MWAIT of a halted CPU end when an interrupt is pending, although RFLAGS.IF holds it off? */
export function wakesMasked(cpu: CpuState): boolean { return cpu.runState === RunState.Halted && cpu.int(L.MWAIT) === L.MWAIT_MASKED; }

/** The monitors of a machine's CPUs see all stores from now on. */
export function connectMonitors(core: Core): void {
  core.memory.onMonitoredWrite = (physical, length) => {
    for (const cpu of core.cpus) {
      const line = monitoredLine(cpu);
      if (line < 0 || physical >= line + MONITOR_LINE || physical + length <= line) continue;
      armMonitor(core, cpu, undefined);
      if (cpu.runState === RunState.Halted && cpu.int(L.MWAIT) !== 0) cpu.runState = RunState.Running;
    }
  };
}

/** After memory and the CPUs' state have been put back: which pages are watched follows from them. */
export function restoreMonitors(core: Core): void {
  core.memory.clearMonitored();
  for (const cpu of core.cpus) if (monitoredLine(cpu) >= 0) watchPage(core, pageOf(monitoredLine(cpu)));
}

function watchPage(core: Core, page: number): void {
  core.memory.setMonitored(page, core.cpus.some(cpu => monitoredLine(cpu) >= 0 && pageOf(monitoredLine(cpu)) === page));
}
