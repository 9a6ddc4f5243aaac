import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { buildTiny } from '../fixtures/tiny.js';
import { installFolder } from './runCli.js';

/** The command line as it is shipped: bundled, in a process of its own. */
const folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-dap-'));
const cli = path.join(folder, 'dist/cli.cjs');
let program: string;
beforeAll(() => {
  execFileSync(process.execPath, [path.join(installFolder, 'scripts/build.mjs'), '--no-guest', '--to', path.dirname(cli)]);
  program = buildTiny();
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let child: ChildProcess | undefined;
afterEach(() => { child?.kill(); });

interface Message { type: string; event?: string; command?: string; success?: boolean; body?: { output?: string; category?: string; exitCode?: number } }

/** Speaks the protocol's framing over a pair of streams: launches the program and gathers messages until `terminated`. */
function converse(input: Readable, output: Writable): Promise<Message[]> {
  const send = (seq: number, command: string, args: object): void => {
    const text = JSON.stringify({ seq, type: 'request', command, arguments: args });
    output.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  };
  const messages: Message[] = [];
  return new Promise((resolve, reject) => {
    let data = Buffer.alloc(0);
    input.on('error', reject);
    input.on('data', (chunk: Buffer) => {
      data = Buffer.concat([data, chunk]);
      for (;;) {
        const end = data.indexOf('\r\n\r\n');
        const length = Number(/^Content-Length: (\d+)$/.exec(data.subarray(0, end).toString())?.[1]);
        if (end < 0 || data.length < end + 4 + length) return;
        const message = JSON.parse(data.subarray(end + 4, end + 4 + length).toString()) as Message;
        data = data.subarray(end + 4 + length);
        messages.push(message);
        if (message.event === 'initialized') send(3, 'configurationDone', {});
        if (message.event === 'terminated') resolve(messages);
      }
    });
    send(1, 'initialize', { adapterID: 'kaiserscope', pathFormat: 'path' });
    send(2, 'launch', { program, cpus: 1 });
  });
}

function checkSession(messages: Message[]): void {
  expect(messages.filter(message => message.type === 'response').map(({ command, success }) => [command, success])).toEqual([['initialize', true], ['launch', true], ['configurationDone', true]]);
  expect(messages.filter(message => message.body?.category === 'stdout').map(message => message.body!.output).join('')).toBe('hello from a tiny guest\n');
  expect(messages.find(message => message.event === 'exited')!.body!.exitCode).toBe(0);
}

it('serves a session over standard input and output, and ends with its client', async () => {
  child = spawn(process.execPath, [cli, 'dap'], { stdio: ['pipe', 'pipe', 'inherit'] });
  checkSession(await converse(child.stdout!, child.stdin!));
  const ended = new Promise(resolve => child!.on('exit', resolve));
  child.stdin!.end();
  expect(await ended).toBe(0);
});

it('serves several sessions over TCP', async () => {
  child = spawn(process.execPath, [cli, 'dap', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>(resolve => child!.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString())));
  const port = Number(/^Listening on 127\.0\.0\.1:(\d+)\n$/.exec(line)![1]);
  const session = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    checkSession(await converse(socket, socket));
    socket.destroy();
  };
  await Promise.all([session(), session()]);
  await session();
});

it('runs as a program, with exit code and streams', async () => {
  const run = (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> => new Promise(resolve => {
    const started = spawn(process.execPath, [cli, ...args]);
    let [stdout, stderr] = ['', ''];
    started.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); });
    started.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
    started.on('close', code => resolve({ code, stdout, stderr }));
  });
  expect(await run('run', program, '--append', 'c')).toMatchObject({ code: 5, stdout: 'hello from a tiny guest\n' });
  expect(await run('rum')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Did you mean run?') as string });
  expect(await run('run')).toMatchObject({ code: 2, stderr: expect.stringContaining('The built-in kernel') as string });
});

it('whoever reads the output may go away: the command ends without complaint', async () => {
  const run = spawn(process.execPath, [cli, 'run', program, '--append', 'c'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child = run;
  let complaints = '';
  run.stderr.on('data', (data: Buffer) => { complaints += String(data); });
  run.stdout.destroy();
  expect(await new Promise(resolve => { run.on('close', resolve); })).toBe(0);
  expect(complaints).not.toContain('EPIPE');
});
