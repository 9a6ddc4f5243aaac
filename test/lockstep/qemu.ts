import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GdbRemote } from './gdbRemote.js';

/** Registers of a CPU as QEMU's gdb stub gives them. */
export interface Registers {
  /** In the order of the encoding. */
  gpr: bigint[];
  rip: bigint;
  rflags: number;
  /** ES CS SS DS FS GS. */
  selectors: number[];
  fsBase: bigint;
  gsBase: bigint;
  kernelGsBase: bigint;
  cr0: bigint;
  cr2: bigint;
  cr3: bigint;
  cr4: bigint;
  efer: bigint;
}

/** A QEMU that waits, stopped, with its gdb stub connected. */
export class Qemu {
  private constructor(private readonly process: ChildProcess, readonly gdb: GdbRemote, private readonly directory: string) {}

  static async start(elf: string, options: { append: string; ramMiB: number; cpu?: string }): Promise<Qemu> {
    const port = await freePort();
    const child = spawn('qemu-system-x86_64', ['-kernel', elf, '-m', String(options.ramMiB), '-append', options.append, '-smp', '1', '-accel', 'tcg',
      '-cpu', options.cpu ?? 'qemu64', '-display', 'none', '-serial', 'null', '-monitor', 'none', '-no-reboot', '-S', '-gdb', `tcp:127.0.0.1:${port}`,
      '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'], { stdio: 'ignore' });
    return new Qemu(child, await GdbRemote.connect(port), mkdtempSync(path.join(tmpdir(), 'lockstep-')));
  }

  /** Runs to a linear address. */
  async runTo(address: number | bigint): Promise<void> {
    await this.gdb.request(`Z1,${address.toString(16)},1`);
    await this.gdb.request('vCont;c');
    await this.gdb.request(`z1,${address.toString(16)},1`);
  }

  /** All of RAM below `size` bytes. */
  async memory(size: number): Promise<Uint8Array> {
    const file = path.join(this.directory, 'ram');
    const said = await this.gdb.monitor(`pmemsave 0 ${size} "${file}"`);
    if (said.trim()) throw new Error(`QEMU could not save its memory: ${said.trim()}`);
    return readFileSync(file);
  }

  async registers(): Promise<Registers> {
    const view = await this.gdb.registers();
    const u64 = (at: number) => view.getBigUint64(at, true), u32 = (at: number) => view.getUint32(at, true);
    // The stub's order is RAX RBX RCX RDX RSI RDI RBP RSP R8..R15.
    const order = [0, 2, 3, 1, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
    const base = 164;
    return {
      gpr: order.map(n => u64(8 * n)), rip: u64(128), rflags: u32(136),
      selectors: [3, 0, 1, 2, 4, 5].map(n => u32(140 + 4 * n)),
      fsBase: u64(base), gsBase: u64(base + 8), kernelGsBase: u64(base + 16), cr0: u64(base + 24), cr2: u64(base + 32), cr3: u64(base + 40), cr4: u64(base + 48),
      efer: u64(base + 64),
    };
  }

  stop(): void {
    this.gdb.close();
    this.process.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
