import type { Core } from '../core.js';

/**
 * Clock cycles since power-up: what the time stamp counters show, the same on all CPUs. A tick of machine time is a cycle, and what
 * the events of all CPUs have cost beyond their steps comes on top (`model.ts`). Timers go by machine time alone, so that where a turn
 * ends does not depend on costs; a timer set to a value of the counter (IA32_TSC_DEADLINE) expires when at least that value is reached.
 */
export function clockCycles(core: Core): number {
  let cycles = Math.floor(core.now());
  for (const cpu of core.cpus) cycles += cpu.extraCycles;
  return cycles;
}
