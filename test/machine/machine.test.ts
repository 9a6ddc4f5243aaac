import { expect, it } from 'vitest';
import * as L from '../../src/machine/cpu/layout.js';
import { Seg } from '../../src/machine/cpu/layout.js';
import { updateMode } from '../../src/machine/cpu/modes.js';
import { Machine } from '../../src/machine/machine.js';

/** CPU 0 in 32-bit protected mode with flat segments, about to run `code` at 0x2000. */
function protectedMode(code: readonly number[]): Machine {
  const machine = new Machine({ cpus: 1, ramSize: 1 << 20 }), cpu = machine.cpus[0]!;
  cpu.set(L.CR0, 0x11n);
  cpu.setSegment(Seg.CS, 8, 0xc09b, 0xffffffff, 0n);
  for (const seg of [Seg.DS, Seg.ES, Seg.SS]) cpu.setSegment(seg, 0x10, 0xc093, 0xffffffff, 0n);
  machine.memory.write(0x2000, Uint8Array.from(code));
  cpu.rip = 0x2000n;
  updateMode(machine, cpu);
  return machine;
}

it('stops with what is missing when an exception leads to a gate that it does not implement, and keeps the state', () => {
  const machine = protectedMode([0x0f, 0x0b]), cpu = machine.cpus[0]!;
  // A task gate for #UD (SDM Vol. 3A, 6.11).
  cpu.set(L.IDTR_BASE, 0x1000n);
  cpu.set(L.IDTR_LIMIT, 0xffn);
  machine.memory.write(0x1000 + 6 * 8, Uint8Array.of(0, 0, 0x28, 0, 0, 0x85, 0, 0));
  const stop = machine.run(10);
  expect(stop).toMatchObject({ kind: 'unimplemented', cpu: 0 });
  expect((stop as { reason: string }).reason).toMatch(/task gate/i);
  expect(cpu.rip).toBe(0x2000n);
  expect(machine.position).toBe(0);
});

it.each([0, 9, 1.5, NaN])('refuses %d CPUs', cpus => expect(() => new Machine({ cpus, ramSize: 1 << 20 })).toThrow(`${cpus} CPUs`));

it('says that nothing can happen any more when every CPU is halted with interrupts off', () => {
  const machine = protectedMode([0xf4]);
  expect(machine.run(10)).toMatchObject({ kind: 'dead', reason: expect.stringContaining('CPU 0 is halted at 0x2001 with interrupts off') as string });
});

it('INT with the trap flag set enters its handler without a debug trap', () => {
  // INT 6 to a handler with two NOPs.
  const machine = protectedMode([0xcd, 0x06]), cpu = machine.cpus[0]!;
  cpu.set(L.IDTR_BASE, 0x1000n);
  cpu.set(L.IDTR_LIMIT, 0xffn);
  cpu.set(L.GDTR_BASE, 0x1800n);
  cpu.set(L.GDTR_LIMIT, 0x17n);
  machine.memory.write(0x1808, Uint8Array.of(0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0));
  for (const [vector, offset] of [[6, 0x30], [1, 0x40]] as const) machine.memory.write(0x1000 + vector * 8, Uint8Array.of(offset, 0x20, 8, 0, 0, 0x8e, 0, 0));
  machine.memory.write(0x2030, Uint8Array.of(0x90, 0x90));
  cpu.setGpr(4, 0x8000n);
  cpu.setInt(L.FLAGS, cpu.int(L.FLAGS) | L.Flag.TF);
  expect(machine.run(2)).toBeUndefined();
  expect(cpu.rip).toBe(0x2031n);
});

it('checks alignment where a user program runs with CR0.AM and RFLAGS.AC', () => {
  // MOV EAX, [1], then JMP back.
  const machine = protectedMode([0xa1, 1, 0, 0, 0, 0xeb, 0xf9]), cpu = machine.cpus[0]!;
  cpu.setSegment(Seg.CS, 0x1b, 0xc0fb, 0xffffffff, 0n);
  cpu.setSegment(Seg.SS, 0x23, 0xc0f3, 0xffffffff, 0n);
  cpu.setInt(L.FLAGS, cpu.int(L.FLAGS) | L.Flag.AC);
  updateMode(machine, cpu);
  expect(machine.run(10)).toBeUndefined();
  cpu.set(L.CR0, cpu.get(L.CR0) | 1n << 18n);
  updateMode(machine, cpu);
  machine.onException = () => true;
  expect(machine.run(20)).toMatchObject({ kind: 'exception', exception: { vector: 17, errorCode: 0 } });
  expect(machine.position).toBe(10);
  cpu.set(L.CR0, cpu.get(L.CR0) & ~(1n << 18n));
  updateMode(machine, cpu);
  expect(machine.run(20)).toBeUndefined();
});
