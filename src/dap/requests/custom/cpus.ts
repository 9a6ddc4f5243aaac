import { hex } from '../../debuggee.js';
import { defineRequest } from '../../request.js';

interface CpuState {
  index: number;
  threadId: number;
  state: string;
  rip: string;
  symbol: string;
  cpl: number;
  mode: string;
  cr3: string;
  root: string;
  half: 'kernel' | 'shadow' | 'none';
  pcid: number;
  task?: { pid: number; name: string };
  pagingOn: boolean;
  held: boolean;
  /** The guest has taken it out of use. */
  offline: boolean;
}

/** Every CPU with its CR3 decoded and the task on it. */
export const cpus = defineRequest<unknown, { cpus: CpuState[]; position: string }>({
  command: 'kaiserscope/cpus',
  needs: 'launched',
  handle(adapter) {
    const { debuggee } = adapter;
    const { target, kaiser } = debuggee;
    return {
      position: String(target.position),
      cpus: Array.from({ length: target.cpuCount }, (_, index): CpuState => {
        const info = target.cpu(index);
        const { root, half, pcid } = kaiser.cr3(info);
        const task = kaiser.currentTask(index);
        return {
          index,
          threadId: index + 1,
          state: info.state,
          rip: hex(info.rip),
          symbol: debuggee.symbolAt(info.rip) ?? '',
          cpl: info.cpl,
          mode: info.mode,
          cr3: hex(info.cr3),
          root: hex(root),
          half,
          pcid,
          ...(task ? { task } : {}),
          pagingOn: info.pagingOn,
          held: target.isHeld(index),
          offline: kaiser.isOffline(index),
        };
      }),
    };
  },
});
