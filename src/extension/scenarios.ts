import * as vscode from 'vscode';
import { debugType } from './protocol.js';

/** What the names of scenario files end with; the manifest's when clauses and its schema go by the same. */
const ending = '.kaiserscope.json';

/** A scenario file as a list shows it. */
export interface ListedScenario {
  uri: vscode.Uri;
  /** H1 to H32; undefined for a file that cannot be read as a scenario. */
  hazard?: string;
  title: string;
}

/** The scenario file that the user looks at, if it is one. */
export function activeScenario(): vscode.Uri | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri;
  return uri?.path.endsWith(ending) ? uri : undefined;
}

/** The launch configuration that shows a scenario, or the same machine with the cure. */
export function scenarioConfiguration(uri: vscode.Uri, cured = false): vscode.DebugConfiguration {
  const name = baseName(uri).slice(0, -ending.length);
  return {
    type: debugType, request: 'launch', name: cured ? vscode.l10n.t('{0} with the cure', name) : name, scenario: uri.fsPath, ...(cured ? { cured } : {}),
  };
}

/** The scenarios that come with the extension and those of the workspace, in the order of their hazards. */
export async function listScenarios(extension: vscode.Uri): Promise<ListedScenario[]> {
  const folder = vscode.Uri.joinPath(extension, 'examples', 'hazards');
  const own = (await vscode.workspace.fs.readDirectory(folder)).map(([name]) => vscode.Uri.joinPath(folder, name));
  const found = await vscode.workspace.findFiles(`**/*${ending}`);
  const uris = new Map([...own, ...found].filter(uri => uri.path.endsWith(ending)).map(uri => [uri.toString(), uri]));
  const listed = await Promise.all([...uris.values()].map(listedScenario));
  const order = ({ hazard }: ListedScenario) => Number(/^H(\d+)$/.exec(hazard ?? '')?.[1] ?? 99);
  return listed.sort((a, b) => order(a) - order(b) || a.uri.path.localeCompare(b.uri.path));
}

/** Saves what is edited of a scenario, ends the session of another one, and starts it. */
export async function runScenario(uri: vscode.Uri, cured: boolean): Promise<void> {
  if (uri.scheme !== 'file') throw new Error(vscode.l10n.t('{0} is not a file on this machine. Save it as one to run it.', baseName(uri)));
  const document = vscode.workspace.textDocuments.find(one => one.uri.toString() === uri.toString());
  if (document?.isDirty && !await document.save()) throw new Error(vscode.l10n.t('{0} could not be saved, so it has not been run.', baseName(uri)));
  const before = vscode.debug.activeDebugSession;
  if (before?.type === debugType && before.configuration.scenario !== undefined) await vscode.debug.stopDebugging(before);
  await vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(uri), scenarioConfiguration(uri, cured));
}

async function listedScenario(uri: vscode.Uri): Promise<ListedScenario> {
  try {
    const { hazard, title } = JSON.parse(new TextDecoder().decode(await vscode.workspace.fs.readFile(uri))) as Record<string, unknown>;
    if (typeof hazard === 'string' && typeof title === 'string') return { uri, hazard, title };
  } catch { /* listed by its name: running it tells what is wrong with it */ }
  return { uri, title: baseName(uri) };
}

function baseName(uri: vscode.Uri): string {
  return uri.path.slice(uri.path.lastIndexOf('/') + 1);
}
