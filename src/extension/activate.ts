import * as vscode from 'vscode';
import { registerCommand } from './commands/command.js';
import { registerEntryPointCommands } from './commands/entryPoints.js';
import { registerKaiserCommands } from './commands/kaiser.js';
import { registerMachineCommands } from './commands/machine.js';
import { registerPageTableCommands } from './commands/pageTables.js';
import { registerScenarioCommands } from './commands/scenarios.js';
import { registerConfigurations } from './configuration.js';
import { PageTableDocuments } from './documents/pageTables.js';
import { EntryBreakpoints } from './entryBreakpoints.js';
import { introduceViews } from './introduceViews.js';
import { debugType } from './protocol.js';
import { SessionModel } from './sessionModel.js';
import { StatusBar } from './statusBar.js';
import { addressSpaceRows, type AddressSpacesAs } from './views/addressSpaces.js';
import { cpuRows } from './views/cpus.js';
import { entryPointRows } from './views/entryPoints.js';
import { kaiserRows } from './views/kaiser.js';
import { registerBadges, RowTree } from './views/rowTree.js';

/** Where the choice between ranges and levels is kept, and the context key that the menus ask. */
const addressSpacesAsKey = 'kaiserscope.addressSpacesAs';

/**
 * Starts the extension.
 * @param createAdapter makes the debug adapter of a session; what stands behind it is the entry's business
 */
export function activateExtension(context: vscode.ExtensionContext, createAdapter: () => vscode.DebugAdapter): void {
  const { l10n } = vscode;
  const model = new SessionModel();
  const documents = new PageTableDocuments(model);
  const breakpoints = new EntryBreakpoints();

  let as: AddressSpacesAs = context.workspaceState.get(addressSpacesAsKey) === 'levels' ? 'levels' : 'ranges';
  const addressSpaces = new RowTree('kaiserscope.addressSpaces', model, () => addressSpaceRows(model, as, l10n));
  const cpus = new RowTree('kaiserscope.cpus', model, async () => cpuRows(await model.ask('kaiserscope/cpus'), l10n), { live: true });
  const entryPoints = new RowTree('kaiserscope.entryPoints', model,
    async () => entryPointRows(await model.ask('kaiserscope/entryPoints'), symbol => breakpoints.isSet(symbol), l10n), { steady: true });
  const kaiser = new RowTree('kaiserscope.kaiser', model, async () => kaiserRows(await model.ask('kaiserscope/kaiser'), l10n), { live: true });

  const showAs = async (next: AddressSpacesAs) => {
    as = next;
    await context.workspaceState.update(addressSpacesAsKey, next);
    await vscode.commands.executeCommand('setContext', addressSpacesAsKey, next);
    addressSpaces.refresh();
  };
  void vscode.commands.executeCommand('setContext', addressSpacesAsKey, as);

  const copy = (id: string, tree: RowTree) => registerCommand(id, async () => {
    await vscode.env.clipboard.writeText(await tree.text());
  });

  const commandContext = { model, documents };
  context.subscriptions.push(
    model, documents, addressSpaces, cpus, entryPoints, kaiser, new StatusBar(model), registerBadges(),
    registerConfigurations(),
    introduceViews(context, ['kaiserscope.kaiser', 'kaiserscope.entryPoints', 'kaiserscope.cpus', 'kaiserscope.addressSpaces']),
    vscode.debug.registerDebugAdapterDescriptorFactory(debugType, {
      createDebugAdapterDescriptor: () => new vscode.DebugAdapterInlineImplementation(createAdapter()),
    }),
    entryPoints.view.onDidChangeCheckboxState(({ items }) => {
      for (const [row, state] of items) breakpoints.set(row.label, state === vscode.TreeItemCheckboxState.Checked);
    }),
    vscode.debug.onDidChangeBreakpoints(({ added, removed, changed }) => {
      if ([...added, ...removed, ...changed].some(breakpoint => breakpoint instanceof vscode.FunctionBreakpoint)) entryPoints.refresh();
    }),
    registerMachineCommands(commandContext),
    registerKaiserCommands(commandContext),
    registerPageTableCommands(commandContext),
    registerEntryPointCommands(commandContext, breakpoints),
    registerScenarioCommands(context.extensionUri),
    registerCommand('showLevels', () => showAs('levels')),
    registerCommand('showRanges', () => showAs('ranges')),
    copy('copyAddressSpaces', addressSpaces),
    copy('copyCpus', cpus),
    copy('copyEntryPoints', entryPoints),
    copy('copyKaiser', kaiser),
  );
}
