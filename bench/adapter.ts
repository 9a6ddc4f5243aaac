import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Benchmark } from './benchmark.js';
import { cache, root } from './guests.js';

const CLI = path.join(root, 'dist/cli.cjs');

/** Memory in MB of `kaiserscope dap` with the built-in kernel at its shell's prompt. */
async function residentMemory(): Promise<number> {
  if (!existsSync(CLI)) throw new Error('The adapter is not built: run `npm run build` first.');
  const child = spawn(process.execPath, [CLI, 'dap'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let sequence = 1, received = '';
  const send = (command: string, args: object) => {
    const text = JSON.stringify({ seq: sequence++, type: 'request', command, arguments: args });
    child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  };
  child.stdout.on('data', data => { received += String(data); });
  const seen = async (words: RegExp): Promise<void> => {
    for (let n = 0; n < 600 && !words.test(received); n++) await new Promise(resolve => setTimeout(resolve, 50));
    if (!words.test(received)) throw new Error(`The adapter did not answer ${words}: ${received.slice(-400)}`);
  };
  try {
    send('initialize', { adapterID: 'kaiserscope' });
    send('launch', { stopAt: 'kaiser_shell_ready' });
    await seen(/"event":"initialized"/);
    send('configurationDone', {});
    await seen(/"event":"stopped"/);
    for (const command of ['threads', 'kaiserscope/addressSpaces', 'kaiserscope/cpus']) send(command, {});
    send('stackTrace', { threadId: 1 });
    await seen(/"command":"stackTrace"/);
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1000;
  } finally {
    child.kill('SIGKILL');
  }
}

/** Milliseconds from the key F5 to the stop at the shell's prompt in the real editor, as test/vscode measures them. */
function editor(): number {
  const file = path.join(cache, 'f5.json');
  mkdirSync(cache, { recursive: true });
  rmSync(file, { force: true });
  const { status, stdout, stderr } = spawnSync('npx', ['vitest', 'run', '--config', 'test/vscode/vitest.config.ts', 'test/vscode/firstStop.test.ts'],
    { cwd: root, encoding: 'utf8', env: { CHROMIUM: '/usr/bin/chromium', ...process.env, FIRST_STOP_FILE: file } });
  if (status !== 0 || !existsSync(file)) throw new Error(`The editor did not come to its first stop: ${(stdout + stderr).slice(-600)}`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { milliseconds: number }).milliseconds;
}

export const adapter: Benchmark[] = [
  { id: 'memory', work: 'memory of the adapter with the built-in kernel at its prompt', unit: 'MB', better: 'less', rounds: 3, target: 'below 300 MB', met: ours => ours < 300,
    measure: async () => ({ ours: await residentMemory() }) },
  { id: 'editor', work: 'F5 to the first stop at the shell prompt in the real editor', unit: 'ms', better: 'less', rounds: 1, target: 'below 2 s', met: ours => ours < 2000, measure: () => ({ ours: editor() }) },
];
