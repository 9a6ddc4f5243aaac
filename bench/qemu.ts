import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { GdbRemote } from '../test/lockstep/gdbRemote.js';
import { median } from './benchmark.js';
import { assemble } from './guests.js';

const MACHINE = ['-m', '64', '-smp', '1', '-accel', 'tcg', '-display', 'none', '-monitor', 'none', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];

/** The version of the QEMU that is installed; undefined if there is none. */
export function qemuVersion(): string | undefined {
  const { status, stdout } = spawnSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

/** Processor time in seconds of a program from its start to its end, as bash tells it. */
export function processorTime(command: string, args: readonly string[], input = ''): number {
  const result = spawnSync('bash', ['-c', 'TIMEFORMAT="%U %S"; time "$@" 2>&1 >/dev/null; exit 0', 'bash', command, ...args], { input, timeout: 600_000, encoding: 'utf8' });
  const times = /([\d.]+) ([\d.]+)\s*$/.exec(result.stderr);
  if (result.status === null || !times) throw new Error(`${command} did not end by itself: ${result.error?.message ?? result.signal ?? result.stderr}`);
  return Number(times[1]) + Number(times[2]);
}

/** Seconds of processor time for a run of an ELF in QEMU, its start and end included. */
export function qemuWhole(file: string, append = '', script: readonly string[] = []): number {
  return processorTime('qemu-system-x86_64', ['-kernel', file, '-append', append, '-serial', 'stdio', ...MACHINE], script.map(line => `${line}\n`).join(''));
}

let empty: number | undefined;
/** What QEMU's start and end cost: a guest that ends at once. */
export function qemuEmpty(): number {
  if (empty === undefined) {
    const file = assemble('bench', 0, 0);
    empty = median(Array.from({ length: 5 }, () => qemuWhole(file)));
  }
  return empty;
}

/** `qemuWhole` without start and end. */
export function qemuNet(file: string, append = '', script: readonly string[] = []): number { return Math.max(0.001, qemuWhole(file, append, script) - qemuEmpty()); }

/** A QEMU that stands still in front of the guest's first instruction, with its gdb stub connected. */
export class QemuStub {
  private constructor(private readonly child: ChildProcess, readonly gdb: GdbRemote) {}

  static async start(file: string): Promise<QemuStub> {
    const port = await freePort();
    const child = spawn('qemu-system-x86_64', ['-kernel', file, '-serial', 'null', '-S', '-gdb', `tcp:127.0.0.1:${port}`, ...MACHINE], { stdio: 'ignore' });
    return new QemuStub(child, await GdbRemote.connect(port));
  }

  /** Processor time so far, in seconds. Linux counts it in 10 ms. */
  processorTime(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** RAX RBX RCX RDX, ... in the stub's order; 16 is RIP. */
  async register(n: number): Promise<bigint> { return (await this.gdb.registers()).getBigUint64(8 * n, true); }

  /** Runs to a linear address. */
  async runTo(address: bigint): Promise<void> {
    await this.gdb.request(`Z1,${address.toString(16)},1`);
    await this.gdb.request('vCont;c');
    await this.gdb.request(`z1,${address.toString(16)},1`);
  }

  /** Lets it run for so many milliseconds; gives the seconds of processor time that took. */
  async runFor(milliseconds: number): Promise<number> {
    const before = this.processorTime(), stopped = this.gdb.request('vCont;c');
    await new Promise(resolve => setTimeout(resolve, milliseconds));
    this.gdb.interrupt();
    const reply = await stopped;
    if (!reply.startsWith('T')) throw new Error(`QEMU ended with '${reply}' where it should have been interrupted: the benchmark's guest is too short`);
    return this.processorTime() - before;
  }

  close(): void {
    this.gdb.close();
    this.child.kill('SIGKILL');
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
