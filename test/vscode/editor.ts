import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { _electron, chromium, type Page } from 'playwright-core';
import { quietSettings, startEditor } from '../../scripts/editor/server.mjs';
import { startPatience, until } from './until.js';
import { Workbench } from './workbench.js';

const root = path.resolve(import.meta.dirname, '../..');

const chromiumFlags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export interface EditorOptions {
  /** Files of a folder to open, by name; left out, the window is empty. */
  files?: Record<string, string>;
  /** One of the files that is open from the start. */
  open?: string;
  settings?: Record<string, unknown>;
  width?: number;
  height?: number;
}

export interface Editor {
  workbench: Workbench;
  /** The folder that is open, if one is. */
  folder?: string;
  close(): Promise<void>;
}

/** Opens a real editor with this extension and a profile of its own: VSCODE=desktop takes desktop VS Code. */
export async function openEditor(options: EditorOptions = {}): Promise<Editor> {
  const state = mkdtempSync(path.join(tmpdir(), 'kaiserscope-editor-'));
  const settings = {
    ...quietSettings, 'workbench.reduceMotion': 'on', 'window.menuBarVisibility': 'compact',
    // Stops open the sources of this very checkout: no key that goes astray may change them.
    'files.readonlyInclude': { '**/*.{S,c,h}': true },
    ...options.settings,
  };
  let folder: string | undefined;
  if (options.files) {
    folder = path.join(state, 'folder');
    for (const [name, text] of Object.entries(options.files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
  }
  const opened = process.env.VSCODE === 'desktop' ? await openDesktop(state, settings, folder, options) : await openServer(state, settings, folder, options);
  const workbench = new Workbench(opened.page);
  const close = async () => {
    await opened.close();
    rmSync(state, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    // A file that is being opened takes the focus from the palette, and what is typed there would be its text.
    if (options.open) await until(() => workbench.activeTab(), tab => tab.startsWith(options.open!), 'the file', startPatience).then(() => workbench.page.waitForTimeout(500));
    await workbench.ready();
    // In a window with a folder F5 is the editor's own: it works once an extension host has told of its debuggers.
    if (folder) await until(() => workbench.offers('Debug: Select and Start Debugging'), offered => offered, 'debugging to be available', startPatience);
  } catch (error) {
    await workbench.picture('not-ready');
    await close();
    throw error;
  }
  return { workbench, folder, close };
}

interface Opened {
  page: Page;
  close(): Promise<void>;
}

/** VS Code's server build, seen through Chromium. */
async function openServer(state: string, settings: Record<string, unknown>, folder: string | undefined, options: EditorOptions): Promise<Opened> {
  // EXTENSION names an unpacked package to test in the place of this checkout.
  const server = await startEditor({ state, settings, extension: process.env.EXTENSION });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: chromiumFlags });
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1600, height: options.height ?? 1200 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const query = new URLSearchParams();
  if (folder) query.set('folder', folder);
  if (folder && options.open) query.set('payload', JSON.stringify([['openFile', `vscode-remote://${new URL(server.address).host}${path.join(folder, options.open)}`]]));
  await page.goto(`${server.address}/?${query}`, { timeout: startPatience });
  return {
    page,
    async close() {
      await browser.close();
      await server.stop();
    },
  };
}

/** Desktop VS Code, downloaded by @vscode/test-electron. */
async function openDesktop(state: string, settings: Record<string, unknown>, folder: string | undefined, { open }: EditorOptions): Promise<Opened> {
  const { downloadAndUnzipVSCode } = createRequire(import.meta.url)('@vscode/test-electron') as typeof import('@vscode/test-electron');
  const executablePath = await downloadAndUnzipVSCode();
  const data = path.join(state, 'data');
  mkdirSync(path.join(data, 'User'), { recursive: true });
  writeFileSync(path.join(data, 'User/settings.json'), JSON.stringify(settings));
  const application = await _electron.launch({
    executablePath,
    args: [...(folder ? [folder] : []), ...(folder && open ? [path.join(folder, open)] : []), `--extensionDevelopmentPath=${root}`, `--user-data-dir=${data}`,
      `--extensions-dir=${path.join(state, 'extensions')}`, '--disable-workspace-trust', '--skip-welcome', '--skip-release-notes', '--no-sandbox'],
  });
  return { page: await application.firstWindow(), close: () => application.close() };
}
