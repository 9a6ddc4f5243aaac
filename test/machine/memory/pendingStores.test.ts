import { expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { Machine } from '../../../src/machine/machine.js';

it('a read-modify-write that a device refuses stops the machine each time that it is tried, and leaves no store behind', () => {
  const machine = new Machine({ cpus: 1, ramSize: 1 << 20 }), cpu = machine.cpus[0]!;
  cpu.set(L.CR0, 0x11n);
  cpu.setSegment(Seg.CS, 8, 0xc09b, 0xffffffff, 0n);
  for (const seg of [Seg.DS, Seg.ES, Seg.SS]) cpu.setSegment(seg, 16, 0xc093, 0xffffffff, 0n);
  updateMode(machine, cpu);
  machine.memory.write(0x1000, Uint8Array.of(0x80, 0x05, 0x00, 0x00, 0xe0, 0xfe, 0x01)); // add byte [0xfee00000], 1
  cpu.rip = 0x1000n;
  for (let n = 0; n < 4; n++) {
    expect(machine.run(10)).toMatchObject({ kind: 'unimplemented', reason: expect.stringMatching(/a read of 1 byte at local APIC offset 0x0/) as string });
    expect(cpu.rip).toBe(0x1000n);
  }
});
