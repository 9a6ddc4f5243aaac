import * as vscode from 'vscode';
import { activeScenario, listScenarios, runScenario, type ListedScenario } from '../scenarios.js';
import { registerCommand } from './command.js';

/** Commands that run a scenario file: the one of a menu, the one in the active editor, or one picked from a list. */
export function registerScenarioCommands(extension: vscode.Uri): vscode.Disposable {
  const run = async (argument: unknown, cured: boolean) => {
    const uri = argument instanceof vscode.Uri ? argument : activeScenario() ?? await pick(extension, cured);
    if (uri) await runScenario(uri, cured);
  };
  return vscode.Disposable.from(
    registerCommand('runScenario', uri => run(uri, false)),
    registerCommand('runScenarioCured', uri => run(uri, true)),
  );
}

type Item = vscode.QuickPickItem & { scenario: ListedScenario };

/** Lets the user choose a scenario; its button opens the file instead. */
async function pick(extension: vscode.Uri, cured: boolean): Promise<vscode.Uri | undefined> {
  const open: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('go-to-file'), tooltip: vscode.l10n.t('Open the file') };
  const list = vscode.window.createQuickPick<Item>();
  list.placeholder = cured ? vscode.l10n.t('The hazard whose cure is to be shown') : vscode.l10n.t('The hazard to be shown');
  list.matchOnDescription = true;
  list.items = (await listScenarios(extension)).map(scenario => ({
    label: scenario.hazard ?? scenario.title, description: scenario.hazard ? scenario.title : '', buttons: [open], scenario,
  }));
  return new Promise(resolve => {
    list.onDidAccept(() => {
      resolve(list.selectedItems[0]?.scenario.uri);
      list.hide();
    });
    list.onDidTriggerItemButton(({ item }) => {
      list.hide();
      void vscode.window.showTextDocument(item.scenario.uri);
    });
    list.onDidHide(() => {
      resolve(undefined);
      list.dispose();
    });
    list.show();
  });
}
