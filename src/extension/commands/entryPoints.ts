import * as vscode from 'vscode';
import type { EntryBreakpoints } from '../entryBreakpoints.js';
import { kindWords } from '../views/entryPoints.js';
import { registerCommand, type CommandContext } from './command.js';

/** The check boxes of the Entry points view as a list to pick from: filtered by typing, and quick by the keyboard. */
export function registerEntryPointCommands({ model }: CommandContext, breakpoints: EntryBreakpoints): vscode.Disposable {
  return registerCommand('breakOnEntryPoints', async () => {
    const { points } = await model.ask('kaiserscope/entryPoints');
    if (points.length === 0) throw new Error(vscode.l10n.t('No entry trampolines are known in this program: it has none of the symbols that Kaiserscope looks for.'));
    const choices = points.map(point => ({
      label: point.symbol, description: `${point.path} · ${kindWords(point.kind, vscode.l10n)}`, picked: breakpoints.isSet(point.symbol),
    }));
    const chosen = await vscode.window.showQuickPick(choices, {
      canPickMany: true, matchOnDescription: true, placeHolder: vscode.l10n.t('The entry and exit points to stop at'),
    });
    if (!chosen) return;
    for (const { label } of choices) breakpoints.set(label, chosen.some(choice => choice.label === label));
  });
}
