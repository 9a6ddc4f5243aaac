import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
export const kernel = path.join(root, 'dist/guest/kaiser.elf');

export interface BootOptions {
  cpus?: number;
  append?: string;
  /** MiB */
  memory?: number;
  /** CPU model; `max` has SMEP, SMAP and FSGSBASE, `qemu64` has none of them. QEMU's emulation never has PCIDs. */
  model?: string;
  /** Milliseconds after which the guest counts as hung. */
  timeout?: number;
}

export interface BootResult {
  /** What the guest wrote on its console. */
  output: string;
  /** What the guest wrote to the debug-exit port; undefined when it had to be stopped. */
  exitCode: number | undefined;
}

/** Boots the built kernel on QEMU and types each line of `script` when the shell's prompt asks for it. */
export function boot(script: string[], options: BootOptions = {}): Promise<BootResult> {
  if (!existsSync(kernel)) throw new Error(`${kernel} is missing: run \`make -C guest\`, or \`npm run build\`.`);
  const { cpus = 1, append = '', memory = 64, model = 'max', timeout = 30_000 } = options;
  return new Promise((resolve, reject) => {
    const qemu = spawn('qemu-system-x86_64', ['-kernel', kernel, '-smp', String(cpus), '-m', String(memory), '-cpu', model,
      '-serial', 'stdio', '-display', 'none', '-monitor', 'none', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4',
      '-append', append]);
    let output = '';
    let prompts = 0;
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      qemu.kill('SIGKILL');
    }, timeout);
    qemu.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const seen = output.split(/^\$ /m).length - 1;
      for (; prompts < seen; prompts++) if (prompts < script.length) qemu.stdin.write(`${script[prompts]}\n`);
    });
    let errors = '';
    qemu.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
    qemu.on('error', reject);
    qemu.on('close', status => {
      clearTimeout(timer);
      if (hung) return resolve({ output, exitCode: undefined });
      // isa-debug-exit ends QEMU with (code << 1) | 1.
      if (status === null || !(status & 1)) return reject(new Error(`QEMU ended with status ${status}: ${errors}`));
      resolve({ output, exitCode: status >> 1 });
    });
  });
}

/** The part of a console output that follows a command line at the prompt, up to the next prompt. */
export function answerTo(output: string, command: string): string {
  const marker = `$ ${command}\n`;
  const start = output.indexOf(marker);
  if (start < 0) throw new Error(`"${command}" was not typed in:\n${output}`);
  const rest = output.slice(start + marker.length);
  const end = rest.search(/^\$ /m);
  return end < 0 ? rest : rest.slice(0, end);
}
