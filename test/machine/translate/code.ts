import { Exit } from '../../../src/machine/translate/emitter.js';
import type { Machine, MachineOptions, MachineStop } from '../../../src/machine/machine.js';
import { CODE, CODE_AT, machineFor } from './program.js';

/** A machine of `cpus` CPUs at CPL 0 with `code` at CODE (pieces by their offset); all CPUs start at CODE + `entries[n]`. */
export function machineWith(code: Record<number, readonly number[]>, options: { entries?: number[]; cpus?: number; quantum?: number; machine?: Partial<MachineOptions> } = {}): Machine {
  const bytes = new Uint8Array(0x8000).fill(0xf4), entries = options.entries ?? [0];
  for (const [offset, piece] of Object.entries(code)) bytes.set(piece, Number(offset));
  const machine = machineFor({ bytes, entry: CODE, blocks: entries.map(e => CODE + e), texts: [] }, {
    machine: options.machine, cpus: options.cpus, schedule: options.quantum ? { kind: 'round-robin', quantum: options.quantum } : undefined,
  });
  for (const cpu of machine.cpus) for (let n = 0; n < 16; n++) if (n !== 4) cpu.setGpr(n, 0n);
  return machine;
}

/** Compiles the blocks at these offsets from CODE. */
export function compile(machine: Machine, ...offsets: number[]): void { machine.translator.compileNow(machine.cpus[0]!, offsets.map(o => BigInt(CODE + o))); }

export function run(machine: Machine, steps: number): MachineStop | undefined { return machine.run(machine.position + steps); }

export const le32 = (value: number): number[] => [value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >> 24 & 0xff];
export { CODE, CODE_AT, Exit };
