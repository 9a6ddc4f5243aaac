import { loadPvh } from '../src/machine/boot/pvh.js';
import { Machine, type MachineOptions } from '../src/machine/machine.js';

/** What one run on the machine cost. */
export interface Measured { seconds: number; steps: number; counts: object; output: string; code: number; }

/** Runs an ELF until it exits by the debug-exit port or its shell; the time of making the machine is not in it. */
export function runMachine(file: Uint8Array, options: { commandLine?: string; script?: readonly string[]; limit?: number } & Partial<MachineOptions> = {}): Measured {
  const machine = new Machine({ cpus: options.cpus ?? 1, ramSize: 64 << 20, features: options.features, schedule: options.schedule });
  let output = '';
  machine.devices.uart.onOutput = bytes => { output += String.fromCharCode(...bytes); };
  loadPvh(machine, file, { commandLine: options.commandLine ?? '', name: 'benchmark' });
  if (options.script) machine.devices.uart.feed(new TextEncoder().encode(options.script.map(line => `${line}\n`).join('')));
  const start = performance.now();
  const stop = machine.run(options.limit ?? 20_000_000_000);
  const seconds = (performance.now() - start) / 1000;
  if (stop?.kind !== 'exit') throw new Error(`The machine stopped otherwise than by its exit: ${stop ? `${stop.kind} ${'reason' in stop ? stop.reason : ''}` : 'limit'}\n${output}`);
  return { seconds, steps: machine.position, counts: machine.translator.counts, output, code: stop.code };
}
