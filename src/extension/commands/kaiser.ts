import * as vscode from 'vscode';
import { grouped, isOn, onOff } from '../words.js';
import { registerCommand, type CommandContext } from './command.js';

/** Commands that switch KAISER: by the guest's own protocol, and by writing the flag as the naive patch would. */
export function registerKaiserCommands({ model }: CommandContext): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand('toggleThroughGuest', async () => {
      const kaiser = await requireKaiser();
      const stopped = model.state === 'stopped';
      await model.tell('kaiserscope/toggle', { to: isOn(kaiser.enabled) ? 0 : 1 });
      // The line stands in the guest's console; its shell reads it only while the machine runs.
      if (stopped) await vscode.commands.executeCommand('workbench.action.debug.continue');
    }),
    registerCommand('pokeFlag', async () => {
      const kaiser = await requireKaiser();
      const value = isOn(kaiser.flag) ? 0 : 1;
      await model.tell('kaiserscope/pokeFlag', { value });
      const { position } = await model.ask('kaiserscope/cpus');
      void vscode.window.showInformationMessage(vscode.l10n.t(
        'The flag that entry code tests is {0} from position {1} on. Nothing else was changed: no table, no TLB, no policy.',
        onOff(value, vscode.l10n), grouped(position)));
    }),
  );

  async function requireKaiser() {
    const kaiser = await model.ask('kaiserscope/kaiser');
    if (!kaiser.available) throw new Error(kaiser.message ?? vscode.l10n.t('This program does not say how its KAISER is switched.'));
    return kaiser;
  }
}
