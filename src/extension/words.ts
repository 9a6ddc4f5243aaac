import type { CpuState, Half } from './protocol.js';

/** The part of `vscode.l10n` that texts need; passed in, so that what makes texts runs without an editor. */
export interface L10n {
  t(message: string, ...args: (string | number | boolean)[]): string;
}

/** A position or count with its thousands apart. */
export function grouped(value: string | number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** A number as the manuals write it: `0x801`. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

export function halfWords(half: Half, l10n: L10n): string {
  switch (half) {
    case 'kernel': return l10n.t('kernel CR3');
    case 'shadow': return l10n.t('shadow CR3');
    case 'none': return l10n.t('paging off');
  }
}

/** What the CPU does: its mode by the privilege level, or why it does not run. */
export function activityWords(cpu: CpuState, l10n: L10n): string {
  const activity = stateWords(cpu, l10n);
  return cpu.held ? l10n.t('held · {0}', activity) : activity;
}

function stateWords(cpu: CpuState, l10n: L10n): string {
  switch (cpu.state) {
    case 'halted': return cpu.offline ? l10n.t('off-line') : l10n.t('halted');
    case 'waiting-for-sipi': return l10n.t('waits for SIPI');
    case 'shutdown': return l10n.t('shut down by a triple fault');
    case 'running': return cpu.cpl === 3 ? l10n.t('user mode') : l10n.t('kernel mode');
  }
}

export function isOn(value: number | boolean | undefined): boolean {
  return value === true || value === 1;
}

export function onOff(value: number | boolean | undefined, l10n: L10n): string {
  return isOn(value) ? l10n.t('on') : l10n.t('off');
}
