import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { loadKernel } from '../../src/machine/boot/loadKernel.js';
import { Machine } from '../../src/machine/machine.js';
import { reasonFor } from './differences.js';
import { encode, type Operation, randomOperations, show } from './operations.js';

/** Runs a program on the machine; gives what it prints, a line for each access. */
export function onTheMachine(kernel: Uint8Array, list: readonly Operation[]): string[] {
  const machine = new Machine({ cpus: 1, ramSize: 32 << 20, features: { pcid: false, invpcid: false } });
  let output = '';
  machine.devices.uart.onOutput = bytes => { output += String.fromCharCode(...bytes); };
  loadKernel(machine, kernel, { commandLine: '', name: 'system', modules: [{ bytes: encode(list), commandLine: '', name: 'program' }] });
  const stop = machine.run(50_000_000);
  if (stop?.kind !== 'exit') output += `the machine stopped: ${JSON.stringify(stop, (_, v) => typeof v === 'bigint' ? v.toString(16) : v as unknown)}\n`;
  return output.split('\n');
}

export async function onQemu(file: string, list: readonly Operation[]): Promise<string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'random-')), module = path.join(folder, 'program');
  writeFileSync(module, encode(list));
  try {
    const args = ['-kernel', file, '-initrd', module, '-m', '32', '-cpu', 'max', '-accel', 'tcg', '-serial', 'stdio', '-display', 'none', '-monitor', 'none', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
    const output = await promisify(execFile)('qemu-system-x86_64', args, { timeout: 60_000, maxBuffer: 1 << 26 }).then(r => r.stdout, (error: { stdout: string }) => error.stdout);
    return output.split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Difference { seed: number; text: string; }

/** Compares a random program; a difference is shortened to the fewest operations that show it. Lines that differ for a known reason count as equal. */
export async function compareSystem(file: string, seed: number, count: number): Promise<{ lines: number; known: Map<string, number>; difference?: Difference }> {
  const kernel = new Uint8Array(readFileSync(file)), list = randomOperations(seed, count), known = new Map<string, number>();
  const first = async (operations: readonly Operation[]) => {
    const ours = onTheMachine(kernel, operations), theirs = await onQemu(file, operations);
    const at = ours.findIndex((line, n) => {
      if (line === theirs[n]) return false;
      const reason = reasonFor(operations[parseInt(line, 16)], line, theirs[n]);
      if (reason) known.set(reason.what, (known.get(reason.what) ?? 0) + 1);
      return !reason;
    });
    return { ours, theirs, at: at < 0 && ours.length !== theirs.length ? ours.length : at };
  };
  const whole = await first(list);
  if (whole.at < 0) return { lines: whole.ours.length, known };
  // The operation whose line differs is the last that is needed; of those before it most are not.
  const number = parseInt(whole.ours[whole.at] ?? '', 16);
  let best = Number.isNaN(number) ? [...list] : list.slice(0, number + 1);
  for (let step = best.length >> 1; step >= 1; step >>= 1) {
    for (let from = Math.max(0, best.length - 1 - step); from >= 0 && best.length > 1; from -= step) {
      const fewer = [...best.slice(0, from), ...best.slice(Math.min(best.length - 1, from + step))];
      if (fewer.length < best.length && (await first(fewer)).at >= 0) best = fewer;
    }
  }
  const small = await first(best);
  return { lines: whole.ours.length, known, difference: { seed, text: `seed ${seed}: ${best.map(show).join('; ')}\n    machine: ${small.ours[small.at] ?? 'nothing'}\n    QEMU:    ${small.theirs[small.at] ?? 'nothing'}` } };
}
