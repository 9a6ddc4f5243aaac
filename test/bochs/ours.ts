import { Machine, type MachineStop } from '../../src/machine/machine.js';
import * as L from '../../src/machine/cpu/layout.js';
import { RunState, Seg } from '../../src/machine/cpu/layout.js';
import { updateMode } from '../../src/machine/cpu/modes.js';
import type { Payload } from './image.js';

/** Runs a payload from the state in which the boot sector of the Bochs image enters it: that of a PVH entry. */
export function runInMachine(payload: Payload, limit: number, options: { feed?: string; shutdownIsEnd?: boolean } = {}): { output: string; stop: MachineStop | undefined; machine: Machine } {
  const machine = new Machine({ cpus: 1, ramSize: 64 << 20 }), cpu = machine.cpus[0]!;
  const chunks: string[] = [];
  machine.devices.uart.onOutput = bytes => chunks.push(String.fromCharCode(...bytes));
  for (const { address, bytes } of payload.pieces) machine.memory.write(address, bytes);
  cpu.set(L.CR0, 0x11n);
  cpu.set(L.CR4, 0n);
  cpu.setSegment(Seg.CS, 8, 0xc09b, 0xffffffff, 0n);
  for (const seg of [Seg.DS, Seg.ES, Seg.SS, Seg.FS, Seg.GS]) cpu.setSegment(seg, 0x10, 0xc093, 0xffffffff, 0n);
  cpu.setSegment(Seg.TR, 0, 0x8b, 0x67, 0n);
  cpu.setGpr(3, BigInt(payload.ebx));
  cpu.rip = BigInt(payload.entry);
  cpu.runState = RunState.Running;
  updateMode(machine, cpu);
  if (options.feed) machine.devices.uart.feed(new TextEncoder().encode(options.feed));
  const stop = machine.run(limit);
  return { output: chunks.join(''), stop, machine };
}
