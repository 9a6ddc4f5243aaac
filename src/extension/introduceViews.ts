import * as vscode from 'vscode';
import { debugType } from './protocol.js';

/** Set once the views have been opened for the user. */
const introducedKey = 'kaiserscope.viewsIntroduced';

/**
 * Opens the extension's views when a session starts for the first time: the editor adds views to Run and Debug collapsed,
 * and opens that side bar only at a breakpoint. Afterwards the user's own arrangement stands.
 */
export function introduceViews(context: vscode.ExtensionContext, views: readonly string[]): vscode.Disposable {
  return vscode.debug.onDidStartDebugSession(async session => {
    if (session.type !== debugType || context.globalState.get(introducedKey)) return;
    if (vscode.workspace.getConfiguration('debug').get('openDebug') === 'neverOpen') return;
    await context.globalState.update(introducedKey, true);
    for (const view of views) await vscode.commands.executeCommand(`${view}.focus`, { preserveFocus: true });
  });
}
