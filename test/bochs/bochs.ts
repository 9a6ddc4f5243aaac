import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildDisk, HEADS, type Payload, SECTORS_PER_TRACK } from './image.js';

/** What Bochs needs beside its program; the first that exists is taken (the names differ between distributions). */
const BIOS = ['/usr/share/bochs/BIOS-bochs-legacy', '/usr/share/bochs/BIOS-bochs-latest'];
const VGA_BIOS = ['/usr/share/bochs/VGABIOS-lgpl-latest', '/usr/share/vgabios/vgabios.bin', '/usr/share/bochs/VGABIOS-lgpl-latest.bin'];

/** Undefined if Bochs can run here, else what is missing. */
export function bochsMissing(): string | undefined {
  const onPath = (process.env.PATH ?? '').split(path.delimiter).some(folder => existsSync(path.join(folder, 'bochs')));
  if (!onPath) return 'the program `bochs` is not on the PATH';
  if (!BIOS.some(existsSync)) return `Bochs has no BIOS image (looked for ${BIOS.join(', ')})`;
  if (!VGA_BIOS.some(existsSync)) return `Bochs has no VGA BIOS image (looked for ${VGA_BIOS.join(', ')})`;
  return undefined;
}

export interface BochsRun {
  /** What the guest wrote to port 0xe9, together with what Bochs itself prints to its standard output. */
  debugConsole: string;
  /** What the guest wrote to the UART at 0x3f8. */
  serial: string;
  log: string;
}

/** The other end of the guest's serial line. */
class Terminal {
  text = '';
  ended = false;
  onEnd: () => void = () => {};

  private constructor(private readonly server: Server, readonly port: number, private readonly until: string) {}

  static open({ types, until }: { types: string; until: string }): Promise<Terminal> {
    return new Promise((resolve, reject) => {
      const server = createServer();
      server.on('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const terminal = new Terminal(server, (server.address() as { port: number }).port, until);
        server.on('connection', socket => {
          socket.on('data', data => terminal.received(data.toString('latin1')));
          socket.on('error', () => { /* Bochs was switched off */ });
          socket.write(types);
        });
        resolve(terminal);
      });
    });
  }

  close(): void { this.server.close(); }

  private received(text: string): void {
    this.text += text;
    if (this.ended || !this.text.includes(this.until)) return;
    this.ended = true;
    this.onEnd();
  }
}

export interface BochsOptions {
  ramMiB?: number;
  /** Instructions per second of guest time: it decides how long a character on the UART takes. */
  ips?: number;
  /** Of the host's time, until Bochs is taken for hanging. */
  seconds?: number;
  /** A person at the UART: types this at once, and switches the machine off when the text `until` has come. */
  terminal?: { types: string; until: string };
}

/** Boots a payload in Bochs until it asks for the shutdown (port 0x8900), the processor shuts down, or the terminal ends it. */
export async function runInBochs(payload: Payload, options: BochsOptions = {}): Promise<BochsRun> {
  const missing = bochsMissing();
  if (missing) throw new Error(missing);
  const folder = mkdtempSync(path.join(tmpdir(), 'bochs-')), file = (name: string) => path.join(folder, name);
  const disk = buildDisk(folder, payload), ram = options.ramMiB ?? 64;
  const terminal = options.terminal && await Terminal.open(options.terminal);
  writeFileSync(file('disk.img'), disk);
  writeFileSync(file('serial'), '');
  // The processor must have what the machine has: PCID, INVPCID, SMEP, SMAP, FSGSBASE, UMIP, 1 GiB pages.
  writeFileSync(file('bochsrc'), [
    'config_interface: textconfig', 'display_library: term',
    `romimage: file=${BIOS.find(existsSync)}`, `vgaromimage: file=${VGA_BIOS.find(existsSync)}`, `memory: guest=${ram}, host=${ram}`,
    `cpu: model=corei7_icelake_u, count=1, ips=${options.ips ?? 4_000_000}, reset_on_triple_fault=0, ignore_bad_msrs=0`, 'clock: sync=none',
    'ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14',
    `ata0-master: type=disk, path="${file('disk.img')}", mode=flat, cylinders=${disk.length / (512 * HEADS * SECTORS_PER_TRACK)}, heads=${HEADS}, spt=${SECTORS_PER_TRACK}`,
    'boot: disk', terminal ? `com1: enabled=1, mode=socket-client, dev=127.0.0.1:${terminal.port}` : `com1: enabled=1, mode=file, dev="${file('serial')}"`, 'port_e9_hack: enabled=1', `log: "${file('log')}"`,
    'panic: action=fatal', 'error: action=report', 'info: action=ignore', 'debug: action=ignore', '',
  ].join('\n'));
  // Debian's build has the debugger: it waits for a command, and gets an end of file after it.
  writeFileSync(file('commands'), 'c\nq\n');
  const child = spawn('bochs', ['-q', '-f', file('bochsrc'), '-rc', file('commands')], { cwd: folder, env: { ...process.env, TERM: 'xterm' }, stdio: ['ignore', 'pipe', 'ignore'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => output.push(data));
  if (terminal) terminal.onEnd = () => child.kill('SIGKILL');
  const timer = setTimeout(() => child.kill('SIGKILL'), (options.seconds ?? 300) * 1000);
  try {
    const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (_code, ended) => resolve(ended));
    });
    const run = { debugConsole: Buffer.concat(output).toString('latin1'), serial: terminal?.text ?? readFileSync(file('serial'), 'latin1'), log: readFileSync(file('log'), 'latin1') };
    if (signal && !terminal?.ended) throw new Error(`Bochs did not end by itself. Its log says:\n${run.log.slice(-2000)}\nIt printed:\n${run.debugConsole.slice(-2000)}\n${run.serial.slice(-2000)}`);
    return run;
  } finally {
    clearTimeout(timer);
    terminal?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
