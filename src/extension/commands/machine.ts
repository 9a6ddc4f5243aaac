import * as vscode from 'vscode';
import { builtInConfiguration } from '../configuration.js';
import type { CpuState } from '../protocol.js';
import type { SessionModel } from '../sessionModel.js';
import type { Row } from '../views/row.js';
import { activityWords, halfWords } from '../words.js';
import { registerCommand, type CommandContext } from './command.js';

/** Commands that act on the machine as a whole or on one CPU. */
export function registerMachineCommands({ model }: CommandContext): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand('start', () => vscode.debug.startDebugging(undefined, builtInConfiguration())),
    registerCommand('injectNmi', async () => {
      const cpu = await pickCpu(model, vscode.l10n.t('The CPU that receives the NMI'), one => one.state === 'running' || one.state === 'halted');
      if (cpu === undefined) return;
      await model.tell('kaiserscope/injectNmi', { cpu });
      void vscode.window.showInformationMessage(vscode.l10n.t(
        'An NMI is pending on CPU {0}. The CPU takes it before its next instruction, unless it is in an NMI handler.', cpu));
    }),
    registerCommand('holdCpu', async row => {
      const cpu = (row as Row | undefined)?.cpu ?? await pickCpu(model, vscode.l10n.t('The CPU that gets no turns until it is released'), one => !one.held);
      if (cpu !== undefined) await model.tell('kaiserscope/holdCpu', { cpu, held: true });
    }),
    registerCommand('releaseCpu', async row => {
      const cpu = (row as Row | undefined)?.cpu ?? await pickCpu(model, vscode.l10n.t('The CPU that gets turns again'), one => one.held);
      if (cpu !== undefined) await model.tell('kaiserscope/holdCpu', { cpu, held: false });
    }),
    registerCommand('sendConsoleInput', async () => {
      const text = await vscode.window.showInputBox({
        title: vscode.l10n.t('Send text to the guest console'), placeHolder: 'ps',
        prompt: vscode.l10n.t('One line for the guest\'s shell; it is typed with a new line at its end.'),
      });
      if (text !== undefined) await model.tell('kaiserscope/consoleInput', { text: `${text}\n` });
    }),
    registerCommand('stepInstruction', async () => {
      const session = model.session;
      if (!session) return;
      const machine = await model.ask('kaiserscope/cpus');
      const index = model.selectedCpu(machine);
      const thread = machine.cpus.find(cpu => cpu.index === index)?.threadId;
      await session.customRequest('stepIn', { threadId: thread, granularity: 'instruction' });
    }),
  );
}

/** Lets the user choose one of the CPUs for which `is` holds; undefined if he does not. Throws an Error where there is none. */
async function pickCpu(model: SessionModel, placeHolder: string, is: (cpu: CpuState) => boolean): Promise<number | undefined> {
  const cpus = (await model.ask('kaiserscope/cpus')).cpus.filter(is);
  if (cpus.length === 0) throw new Error(vscode.l10n.t('There is no such CPU now.'));
  const choices = cpus.map(cpu => ({
    label: vscode.l10n.t('CPU {0}', cpu.index),
    description: [activityWords(cpu, vscode.l10n), halfWords(cpu.half, vscode.l10n), cpu.symbol].filter(Boolean).join(' · '),
    cpu: cpu.index,
  }));
  return (await vscode.window.showQuickPick(choices, { placeHolder }))?.cpu;
}
