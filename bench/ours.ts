import { enableBranchHints } from '../src/entry/branchHints.js';
import { loadKernel } from '../src/machine/boot/loadKernel.js';
import { Machine, type MachineOptions } from '../src/machine/machine.js';

// As the command line and the editor's host do it.
enableBranchHints();

/** Seconds of processor time of this process: of all its threads, so that compilation in the background counts. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export interface Setup extends Partial<MachineOptions> { commandLine?: string; script?: readonly string[]; }

/** A machine with an ELF loaded and lines waiting at its console. */
export function makeMachine(file: Uint8Array, { commandLine, script, ...options }: Setup = {}): Machine {
  const machine = new Machine({ cpus: 1, ramSize: 64 << 20, ...options });
  machine.devices.uart.onOutput = () => {};
  loadKernel(machine, file, { commandLine: commandLine ?? '', name: 'benchmark' });
  if (script) machine.devices.uart.feed(new TextEncoder().encode(script.map(line => `${line}\n`).join('')));
  return machine;
}

/** Runs an ELF until it exits by the debug-exit port or its shell: processor time in seconds without that of making the machine, and steps. */
export function runWhole(file: Uint8Array, setup: Setup = {}): { seconds: number; steps: number } {
  const machine = makeMachine(file, setup), start = processorSeconds();
  const stop = machine.run(40_000_000_000);
  const seconds = processorSeconds() - start;
  if (stop?.kind !== 'exit') throw new Error(`The machine stopped otherwise than by its exit: ${stop ? `${stop.kind} ${'reason' in stop ? stop.reason : ''}` : 'limit'}`);
  return { seconds, steps: machine.position };
}
