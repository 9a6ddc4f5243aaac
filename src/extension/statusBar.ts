import * as vscode from 'vscode';
import type { SessionModel } from './sessionModel.js';
import { grouped, halfWords, onOff } from './words.js';

/** The one status bar item: position, selected CPU, its half, and KAISER. Selecting it shows the CPUs view. */
export class StatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('kaiserscope.position', vscode.StatusBarAlignment.Left, 10);
  readonly #model: SessionModel;
  readonly #listeners: vscode.Disposable;

  constructor(model: SessionModel) {
    this.#model = model;
    this.#item.name = vscode.l10n.t('Kaiserscope position');
    this.#item.command = 'kaiserscope.cpus.focus';
    this.#listeners = vscode.Disposable.from(model.onDidChange(() => void this.#update()), model.onDidSelect(() => void this.#update()));
  }

  dispose(): void {
    this.#listeners.dispose();
    this.#item.dispose();
  }

  async #update(): Promise<void> {
    const session = this.#model.session;
    if (!session) {
      this.#item.hide();
      return;
    }
    try {
      const [machine, kaiser] = await Promise.all([this.#model.ask('kaiserscope/cpus'), this.#model.ask('kaiserscope/kaiser')]);
      if (this.#model.session !== session) return;
      const cpu = machine.cpus.find(({ index }) => index === this.#model.selectedCpu(machine));
      const words = [
        grouped(machine.position),
        this.#model.state === 'running' ? vscode.l10n.t('running') : cpu && vscode.l10n.t('CPU {0}', cpu.index),
        this.#model.state !== 'running' && cpu && halfWords(cpu.half, vscode.l10n),
        kaiser.available && vscode.l10n.t('KAISER {0}', onOff(kaiser.enabled, vscode.l10n)),
      ].filter(Boolean);
      this.#item.text = `$(chip) ${words.join(' · ')}`;
      this.#item.accessibilityInformation = { label: vscode.l10n.t('Kaiserscope: position {0}', words.join(', ')) };
      this.#item.tooltip = vscode.l10n.t('Instructions completed, selected CPU, its page table, KAISER. Select to show the CPUs.');
      this.#item.show();
    } catch {
      // The session ended or does not answer yet; the next change asks again.
      if (!this.#model.session) this.#item.hide();
    }
  }
}
