import { expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { Machine } from '../../../src/machine/machine.js';
import { PAGE_FLAGS_BASE } from '../../../src/machine/memory/layout.js';

it('32-bit paging: a page table where no RAM is reads as ones, and setting its accessed flags writes nowhere', () => {
  const machine = new Machine({ cpus: 1, ramSize: 1 << 20 }), cpu = machine.cpus[0]!, { memory } = machine;
  const before = machine.takeSnapshot();
  memory.writeU32(0x3000, 0x2067);
  memory.writeU32(0x3000 + 4 * 0x3fb, 0xfec00003);
  memory.writeU32(0x2004, 0x1067);
  memory.write(0x1000, Uint8Array.of(0xa1, 0x00, 0x00, 0xc0, 0xfe)); // mov eax, [0xfec00000]
  cpu.set(L.CR0, 0x80000011n);
  cpu.setSegment(Seg.CS, 8, 0xc09b, 0xffffffff, 0n);
  for (const seg of [Seg.DS, Seg.ES, Seg.SS]) cpu.setSegment(seg, 16, 0xc093, 0xffffffff, 0n);
  updateMode(machine, cpu);
  machine.mmu.loadCr3(cpu, 0x3000n);
  cpu.rip = 0x1000n;
  machine.run(1);
  expect([cpu.rip, cpu.gpr(0)]).toEqual([0x1005n, 0xffffffffn]);
  expect(memory.u8[PAGE_FLAGS_BASE + 0xfec00]).toBe(0);
  machine.restore(before);
  expect(memory.readU32(0x2004)).toBe(0);
});
