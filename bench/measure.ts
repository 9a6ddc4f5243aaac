import { enableBranchHints } from '../src/entry/branchHints.js';
import { loadKernel } from '../src/machine/boot/loadKernel.js';
import { Machine, type MachineOptions } from '../src/machine/machine.js';

enableBranchHints();

/** What one run on the machine cost: processor time of this process, its helper threads (compiler, garbage collector) included, and time by the clock. */
export interface Measured { cpu: number; wall: number; steps: number; counts: object; output: string; code: number; }

/** Runs an ELF until it exits by the debug-exit port or its shell; the time of making the machine is not in it. */
export function runMachine(file: Uint8Array, options: { commandLine?: string; script?: readonly string[]; limit?: number } & Partial<MachineOptions> = {}): Measured {
  const machine = new Machine({ cpus: options.cpus ?? 1, ramSize: 64 << 20, features: options.features, schedule: options.schedule });
  let output = '';
  machine.devices.uart.onOutput = bytes => { output += String.fromCharCode(...bytes); };
  loadKernel(machine, file, { commandLine: options.commandLine ?? '', name: 'benchmark' });
  if (options.script) machine.devices.uart.feed(new TextEncoder().encode(options.script.map(line => `${line}\n`).join('')));
  const start = performance.now(), used = process.cpuUsage();
  const stop = machine.run(options.limit ?? 20_000_000_000);
  const wall = (performance.now() - start) / 1000, { user, system } = process.cpuUsage(used);
  if (stop?.kind !== 'exit') throw new Error(`The machine stopped otherwise than by its exit: ${stop ? `${stop.kind} ${'reason' in stop ? stop.reason : ''}` : 'limit'}\n${output}`);
  return { cpu: (user + system) / 1e6, wall, steps: machine.position, counts: machine.translator.counts, output, code: stop.code };
}
