// `npm start`: builds, then opens an editor with the extension loaded. Desktop VS Code where `code` is on the PATH,
// else VS Code's server build on a loopback port. PORT chooses that port.
import { createServer } from 'node:net';
import path from 'node:path';
import { onPath, Problem, root, run, runMain } from './lib/run.mjs';
import { requireNode, requireNpmPackages } from './lib/requirements.mjs';

const preferredPort = 8321;

await runMain(async () => {
  requireNode();
  requireNpmPackages();
  const { build } = await import('./build.mjs');
  await build();
  if (onPath('code')) {
    run('code', ['--new-window', `--extensionDevelopmentPath=${root}`]);
    console.log('VS Code is open with Kaiserscope loaded. Press F5 in its window.');
    return;
  }
  const { requireEditor } = await import('./editor/install.mjs');
  const { startEditor } = await import('./editor/server.mjs');
  requireEditor();
  const editor = await startEditor({ state: path.join(root, '.cache/editor'), port: await choosePort() });
  console.log(`VS Code with Kaiserscope is at ${editor.address}/ : open it in a browser and press F5. Ctrl+C ends it.`);
  console.log('It has no password: everyone on this machine can use it while it runs.');
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void editor.stop().then(() => process.exit(0)));
  editor.process.once('exit', code => process.exit(code ?? 0));
});

/** $PORT, or the usual port when it is free, or 0 for any. */
async function choosePort() {
  if (process.env.PORT) {
    const port = Number(process.env.PORT);
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new Problem(`PORT is "${process.env.PORT}", which is not a port number (0 to 65535). Correct it or unset it.`);
    }
    return port;
  }
  return new Promise(resolve => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(preferredPort, '127.0.0.1', () => probe.close(() => resolve(preferredPort)));
  });
}
