import * as vscode from 'vscode';
import type { Row } from '../views/row.js';
import { registerCommand, type CommandContext } from './command.js';

/** Commands that open page tables and walks as documents. */
export function registerPageTableCommands({ model, documents }: CommandContext): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand('compareTables', async row => {
      const { kernel, shadow } = await rootsOf(row);
      if (!shadow) throw new Error(vscode.l10n.t('This address space has no shadow table to compare with: the kernel built none for it.'));
      await vscode.commands.executeCommand('vscode.diff',
        documents.uri(vscode.l10n.t('kernel {0}', kernel), { show: 'table', root: kernel }),
        documents.uri(vscode.l10n.t('shadow {0}', shadow), { show: 'table', root: shadow }),
        vscode.l10n.t('Kernel {0} ↔ Shadow {1}', kernel, shadow));
    }),
    registerCommand('showPageTable', async row => {
      const { kernel, shadow } = await rootsOf(row);
      const choices = [
        { label: vscode.l10n.t('Kernel table'), description: kernel, root: kernel, name: vscode.l10n.t('kernel {0}', kernel) },
        ...(shadow ? [{ label: vscode.l10n.t('Shadow table'), description: shadow, root: shadow, name: vscode.l10n.t('shadow {0}', shadow) }] : []),
      ];
      const choice = await vscode.window.showQuickPick(choices, { placeHolder: vscode.l10n.t('The table to show') });
      if (choice) await vscode.window.showTextDocument(documents.uri(choice.name, { show: 'table', root: choice.root }), { preview: true });
    }),
    registerCommand('walkAddress', async () => {
      const address = await vscode.window.showInputBox({
        title: vscode.l10n.t('Walk an address'),
        prompt: vscode.l10n.t('A linear address (0xffff…) or a symbol; both tables of the selected CPU are walked.'),
        placeHolder: '0xffffffff80000000',
        validateInput: text => (text.trim() === '' ? vscode.l10n.t('Type an address or a symbol.') : undefined),
      });
      if (address !== undefined) await walk(address.trim());
    }),
    registerCommand('walkHere', async row => {
      const { address, roots } = (row ?? {}) as Partial<Row>;
      if (address !== undefined) await walk(address, roots);
    }),
    registerCommand('copyAddress', async row => {
      const { address } = (row ?? {}) as Partial<Row>;
      if (address !== undefined) await vscode.env.clipboard.writeText(address);
    }),
  );

  /** The tables of a row of the Address spaces view, else those of the selected CPU. */
  async function rootsOf(row: unknown): Promise<{ kernel: string; shadow: string | null }> {
    const roots = (row as Partial<Row> | undefined)?.roots;
    if (roots) return roots;
    const machine = await model.ask('kaiserscope/cpus');
    const index = model.selectedCpu(machine);
    const cpu = machine.cpus.find(candidate => candidate.index === index);
    if (!cpu?.pagingOn) {
      throw new Error(vscode.l10n.t('CPU {0} has not switched paging on yet, so it has no page table. Let it run further.', index));
    }
    const { spaces } = await model.ask('kaiserscope/addressSpaces');
    const space = spaces.find(candidate => candidate.kernelRoot === cpu.root || candidate.shadowRoot === cpu.root);
    return space ? { kernel: space.kernelRoot, shadow: space.shadowRoot } : { kernel: cpu.root, shadow: null };
  }

  async function walk(address: string, roots?: Row['roots']): Promise<void> {
    const { kernel, shadow } = roots ?? await rootsOf(undefined);
    const cpu = model.selectedCpu(await model.ask('kaiserscope/cpus'));
    const tables = [
      { name: vscode.l10n.t('Kernel table {0}', kernel), root: kernel },
      ...(shadow ? [{ name: vscode.l10n.t('Shadow table {0}', shadow), root: shadow }] : []),
    ];
    // Asked once before the document opens, so that a wrong address is a message and not a document.
    await Promise.all(tables.map(({ root }) => model.ask('kaiserscope/walk', { address, root, cpu })));
    const uri = documents.uri(vscode.l10n.t('walk {0}', address), { show: 'walk', address, cpu, roots: tables });
    await vscode.window.showTextDocument(uri, { preview: true });
  }
}
