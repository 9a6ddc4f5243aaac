import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/**
 * Boots a payload in Bochs until it asks for the shutdown (port 0x8900) or the processor shuts down.
 * @param options.ips instructions per second of guest time: it decides how long a character on the UART takes
 */
export async function runInBochs(payload: Payload, options: { ramMiB?: number; ips?: number; seconds?: number } = {}): Promise<BochsRun> {
  const missing = bochsMissing();
  if (missing) throw new Error(missing);
  const folder = mkdtempSync(path.join(tmpdir(), 'bochs-')), file = (name: string) => path.join(folder, name);
  const disk = buildDisk(folder, payload), ram = options.ramMiB ?? 64;
  writeFileSync(file('disk.img'), disk);
  writeFileSync(file('serial'), '');
  // The processor must have what the machine has: PCID, INVPCID, SMEP, SMAP, FSGSBASE, UMIP, 1 GiB pages.
  writeFileSync(file('bochsrc'), [
    'config_interface: textconfig', 'display_library: term',
    `romimage: file=${BIOS.find(existsSync)}`, `vgaromimage: file=${VGA_BIOS.find(existsSync)}`, `memory: guest=${ram}, host=${ram}`,
    `cpu: model=corei7_icelake_u, count=1, ips=${options.ips ?? 4_000_000}, reset_on_triple_fault=0, ignore_bad_msrs=0`, 'clock: sync=none',
    'ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14',
    `ata0-master: type=disk, path="${file('disk.img')}", mode=flat, cylinders=${disk.length / (512 * HEADS * SECTORS_PER_TRACK)}, heads=${HEADS}, spt=${SECTORS_PER_TRACK}`,
    'boot: disk', `com1: enabled=1, mode=file, dev="${file('serial')}"`, 'port_e9_hack: enabled=1', `log: "${file('log')}"`,
    'panic: action=fatal', 'error: action=report', 'info: action=ignore', 'debug: action=ignore', '',
  ].join('\n'));
  // Debian's build has the debugger: it waits for a command, and gets an end of file after it.
  writeFileSync(file('commands'), 'c\nq\n');
  const child = spawn('bochs', ['-q', '-f', file('bochsrc'), '-rc', file('commands')], { cwd: folder, env: { ...process.env, TERM: 'xterm' }, stdio: ['ignore', 'pipe', 'ignore'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => output.push(data));
  const timer = setTimeout(() => child.kill('SIGKILL'), (options.seconds ?? 120) * 1000);
  try {
    const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (_code, ended) => resolve(ended));
    });
    const run = { debugConsole: Buffer.concat(output).toString('latin1'), serial: readFileSync(file('serial'), 'latin1'), log: readFileSync(file('log'), 'latin1') };
    if (signal) throw new Error(`Bochs did not end by itself. Its log says:\n${run.log.slice(-2000)}\nIt printed:\n${run.debugConsole.slice(-2000)}`);
    return run;
  } finally {
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  }
}
