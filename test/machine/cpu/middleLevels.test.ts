import { expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { CodeMode, Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { CODE, compile, machineWith, run } from '../translate/code.js';
import { NEVER_TRANSLATE } from '../translate/tuning.js';

it.each([[1, true], [1, false], [2, true], [2, false]])('CPL %i has no privileged instructions, interpreted (%s) or translated', (cpl, interpreted) => {
  for (const code of [[0x0f, 0x20, 0xd0], [0x0f, 0x22, 0xd8], [0xfb], [0x48, 0x0f, 0x07], [0x0f, 0x01, 0xcb]]) { // mov rax, cr2; mov cr3, rax; sti; sysretq; stac
    const machine = machineWith({ 0: [0x90, ...code] }), cpu = machine.cpus[0]!;
    cpu.setSegment(Seg.CS, 0x08 | cpl, 0xa09b | cpl << 5, 0xffffffff, 0n);
    cpu.setSegment(Seg.SS, 0x10 | cpl, 0xc093 | cpl << 5, 0xffffffff, 0n);
    cpu.set(L.CR4, cpu.get(L.CR4) | 1n << 21n);
    cpu.set(L.EFER, cpu.get(L.EFER) | 1n);
    updateMode(machine, cpu);
    expect(cpu.int(L.MODE) & (CodeMode.Middle | CodeMode.User)).toBe(CodeMode.Middle);
    if (interpreted) machine.translator.tuning = NEVER_TRANSLATE;
    else compile(machine, 0);
    machine.onException = () => true;
    expect(run(machine, 4)).toMatchObject({ kind: 'exception', exception: { vector: code[1] === 0x01 ? 6 : 13, rip: BigInt(CODE + 1), cpl } });
  }
});
