import * as vscode from 'vscode';
import { builtInConfiguration } from '../configuration.js';
import { activityWords, halfWords } from '../words.js';
import { registerCommand, type CommandContext } from './command.js';

/** Commands that act on the machine as a whole or on one CPU. */
export function registerMachineCommands({ model }: CommandContext): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand('start', () => vscode.debug.startDebugging(undefined, builtInConfiguration())),
    registerCommand('injectNmi', async () => {
      const { cpus } = await model.ask('kaiserscope/cpus');
      const choices = cpus.filter(cpu => cpu.state === 'running' || cpu.state === 'halted').map(cpu => ({
        label: vscode.l10n.t('CPU {0}', cpu.index),
        description: [activityWords(cpu, vscode.l10n), halfWords(cpu.half, vscode.l10n), cpu.symbol].filter(Boolean).join(' · '),
        cpu: cpu.index,
      }));
      const choice = await vscode.window.showQuickPick(choices, { placeHolder: vscode.l10n.t('The CPU that receives the NMI') });
      if (!choice) return;
      await model.tell('kaiserscope/injectNmi', { cpu: choice.cpu });
      void vscode.window.showInformationMessage(vscode.l10n.t(
        'An NMI is pending on CPU {0}. The CPU takes it before its next instruction, unless it is in an NMI handler.', choice.cpu));
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
