import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadKernel } from '../../src/machine/boot/loadKernel.js';
import { Machine, type MachineOptions, type MachineStop } from '../../src/machine/machine.js';

/** The built guest kernel. */
export const KERNEL = path.resolve(import.meta.dirname, '../../dist/guest/kaiser.elf');

export interface Run { machine: Machine; output: string; stop: MachineStop | undefined; }

/** Boots the guest kernel with a command line; nothing has run yet. `output` grows as the guest prints. */
export function boot(append: string, options: Partial<MachineOptions> = {}): { machine: Machine; output: () => string } {
  const machine = new Machine({ cpus: 2, ramSize: 64 << 20, ...options });
  let output = '';
  machine.devices.uart.onOutput = bytes => { output += String.fromCharCode(...bytes); };
  loadKernel(machine, readFileSync(KERNEL), { commandLine: append, name: 'kaiser.elf' });
  return { machine, output: () => output };
}

/** Boots, feeds lines to the guest's shell, and runs until the guest ends it or `limit` steps have passed. */
export function runScript(append: string, script: readonly string[], options: Partial<MachineOptions> = {}, limit = 2_000_000_000): Run {
  const { machine, output } = boot(append, options);
  machine.devices.uart.feed(new TextEncoder().encode(script.map(line => `${line}\n`).join('')));
  const stop = machine.run(limit);
  return { machine, output: output(), stop };
}

/** The same on QEMU's TCG; gives what the console printed and the guest's exit code. */
export async function runOnQemu(append: string, script: readonly string[], cpus = 2, accelerator = 'tcg'): Promise<{ output: string; code: number }> {
  const child = spawn('qemu-system-x86_64', ['-kernel', KERNEL, '-m', '64', '-smp', String(cpus), '-accel', accelerator, '-append', append, '-serial', 'stdio', '-display', 'none',
    '-monitor', 'none', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4']);
  let output = '';
  child.stdout.on('data', data => { output += String(data); });
  child.stdin.write(script.map(line => `${line}\n`).join(''));
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const status = await new Promise<number | null>(resolve => child.on('close', resolve));
  clearTimeout(timer);
  if (status === null) throw new Error(`QEMU did not end by itself; it printed:\n${output}`);
  return { output, code: status >> 1 };
}
