import { readFile } from 'node:fs/promises';
import { createSession } from '../dap/session.js';
import { activateExtension } from '../extension/activate.js';
import { enableBranchHints } from './branchHints.js';
import { nodeHost } from './nodeHost.js';

type Context = Parameters<typeof activateExtension>[0];

/** The extension in an editor with a Node extension host: the adapter and the machine run inside it. */
export function activate(context: Context): void {
  enableBranchHints();
  activateExtension(context, () => createSession(nodeHost(context.extensionPath, readFile)));
}
