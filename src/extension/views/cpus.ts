import type { CpusReply, CpuState } from '../protocol.js';
import { activityWords, halfWords, hex, type L10n } from '../words.js';
import type { Row } from './row.js';

/** The CPUs view: one row a CPU, with where it is, its mode, CR3 decoded, and its task below. */
export function cpuRows({ cpus }: CpusReply, l10n: L10n): Row[] {
  return cpus.map(cpu => cpuRow(cpu, cpus.length <= 2, l10n));
}

function cpuRow(cpu: CpuState, few: boolean, l10n: L10n): Row {
  const id = `cpu/${cpu.index}`;
  const label = l10n.t('CPU {0}', cpu.index);
  const held = { context: cpu.held ? 'heldCpu' : 'freeCpu', cpu: cpu.index };
  if (cpu.state === 'waiting-for-sipi') {
    return { id, label, description: activityWords(cpu, l10n), icon: 'watch', value: cpu.state, ...held };
  }
  const pcid = cpu.pcid ? l10n.t('PCID {0}', hex(cpu.pcid)) : '';
  const task = cpu.task ? l10n.t('{0} (pid {1})', cpu.task.name, cpu.task.pid) : '';
  // The half comes first: a narrow side bar cuts the end off.
  const summary = [halfWords(cpu.half, l10n), activityWords(cpu, l10n), pcid, task].filter(Boolean);
  const rip: Row = {
    id: `${id}/rip`, label: 'RIP', description: cpu.symbol ? `${cpu.symbol} · ${cpu.rip}` : cpu.rip, icon: 'debug-stackframe',
    context: 'address', address: cpu.rip,
  };
  const mode: Row = {
    id: `${id}/mode`, label: l10n.t('Mode'), description: l10n.t('{0} · CPL {1}', cpu.mode, cpu.cpl), icon: 'symbol-misc',
    value: `${cpu.mode}, CPL ${cpu.cpl}`,
  };
  const cr3: Row = {
    id: `${id}/cr3`, label: 'CR3', icon: 'key', value: cpu.cr3,
    description: cpu.pagingOn ? [cpu.cr3, halfWords(cpu.half, l10n)].join(' · ') : l10n.t('{0} · paging off', cpu.cr3),
    expanded: true,
    children: cpu.pagingOn ? () => [
      { id: `${id}/cr3/half`, label: l10n.t('Half'), description: halfWords(cpu.half, l10n), icon: halfIcon(cpu), value: cpu.half },
      { id: `${id}/cr3/root`, label: l10n.t('Root'), description: cpu.root, icon: 'type-hierarchy', value: cpu.root },
      { id: `${id}/cr3/pcid`, label: 'PCID', description: hex(cpu.pcid), icon: 'tag', value: hex(cpu.pcid) },
    ] : undefined,
  };
  const taskRow: Row = {
    id: `${id}/task`, label: l10n.t('Task'), description: task || l10n.t('none known'), icon: 'person', value: task,
  };
  return {
    id, ...held, label, description: summary.join(' · '), spoken: [label, ...summary, cpu.symbol].filter(Boolean).join(', '),
    icon: cpu.state === 'shutdown' ? 'error' : cpu.held ? 'lock' : cpu.state === 'halted' ? 'debug-pause' : 'chip',
    iconColor: cpu.state === 'shutdown' ? 'errorForeground' : undefined,
    value: `${halfWords(cpu.half, l10n)}, ${activityWords(cpu, l10n)}`,
    expanded: few,
    children: () => [rip, mode, cr3, taskRow],
  };
}

function halfIcon(cpu: CpuState): string {
  return cpu.half === 'shadow' ? 'eye-closed' : 'eye';
}
