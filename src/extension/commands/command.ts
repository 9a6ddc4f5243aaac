import * as vscode from 'vscode';
import type { PageTableDocuments } from '../documents/pageTables.js';
import type { SessionModel } from '../sessionModel.js';

/** What commands work with. */
export interface CommandContext {
  model: SessionModel;
  documents: PageTableDocuments;
}

/** Registers a command whose failure is shown to the user as its message. */
export function registerCommand(id: string, action: (...args: unknown[]) => unknown): vscode.Disposable {
  return vscode.commands.registerCommand(`kaiserscope.${id}`, async (...args: unknown[]) => {
    try {
      return await action(...args);
    } catch (error) {
      void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  });
}
