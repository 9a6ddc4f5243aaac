import type { Debuggee } from './debuggee.js';

/**
 * The name of a CPU's thread, with the state that matters in it: `CPU 1 · user · shadow CR3 · PCID 0x801 · storm`.
 * While the machine runs only the number is told, since the rest changes at every moment.
 */
export function threadName(debuggee: Debuggee, cpu: number, running: boolean): string {
  const parts = [`CPU ${cpu}`];
  if (running) return parts[0]!;
  const info = debuggee.target.cpu(cpu);
  if (debuggee.target.isHeld(cpu)) parts.push('held');
  switch (info.state) {
    case 'waiting-for-sipi':
      return [...parts, 'waiting for SIPI'].join(' · ');
    case 'shutdown':
      parts.push('shut down');
      break;
    case 'halted':
      parts.push(debuggee.kaiser.isOffline(cpu) ? 'off-line' : 'halted');
      break;
    case 'running':
      parts.push(
        info.mode === 'real' || (info.mode === 'protected' && !info.pagingOn)
          ? `${info.mode} mode`
          : info.cpl === 3
            ? 'user'
            : 'kernel',
      );
  }
  if (info.pagingOn) parts.push(debuggee.kaiser.cr3(info).text);
  const task = info.state === 'running' ? debuggee.kaiser.currentTask(cpu) : undefined;
  if (task?.name) parts.push(task.name);
  return parts.join(' · ');
}
