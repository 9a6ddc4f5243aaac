import { describe, expect, it } from 'vitest';
import { CODE, CODE_AT, compile, le32, machineWith, run } from './code.js';
import { NEVER_TRANSLATE } from './tuning.js';

/** mov byte [at], value */
const patch = (at: number, value: number) => [0xc6, 0x04, 0x25, ...le32(CODE + at), value];

describe.each(['interpreted', 'translated'])('code that is written while it is %s', way => {
  const prepare = (machine: ReturnType<typeof machineWith>, ...offsets: number[]) => {
    if (way === 'interpreted') machine.translator.tuning = NEVER_TRANSLATE;
    else compile(machine, ...offsets);
    return machine;
  };

  it('is seen by the next instruction', () => {
    // mov byte [the immediate of the next], 7; mov bl, 1
    const machine = prepare(machineWith({ 0: [...patch(9, 7), 0xb3, 1] }), 0);
    run(machine, 2);
    expect(machine.cpus[0]!.gpr(3)).toBe(7n);
  });

  it('is seen further on in the same block, and by a loop in its next round', () => {
    // add bl, 1; inc byte [the immediate of add]; jmp back
    const machine = prepare(machineWith({ 0: [0x80, 0xc3, 1, 0xfe, 0x04, 0x25, ...le32(CODE + 2), 0xeb, 0xf4] }), 0);
    run(machine, 3 * 6);
    expect(machine.cpus[0]!.gpr(3)).toBe(1n + 2n + 3n + 4n + 5n + 6n);
  });

  it('is seen in another page that is called', () => {
    // inc byte [imm]; call 0x1000; jmp 0    0x1000: mov bl, 0; add ecx, ebx; ret
    const machine = prepare(machineWith({ 0: [0xfe, 0x04, 0x25, ...le32(CODE + 0x1001), 0xe8, ...le32(0x1000 - 12), 0xeb, 0xf2], 0x1000: [0xb3, 0, 0x01, 0xd9, 0xc3] }), 0, 0x1000);
    machine.cpus[0]!.setGpr(4, BigInt(0x50030800));
    run(machine, 6 * 4);
    expect(machine.cpus[0]!.gpr(1)).toBe(1n + 2n + 3n + 4n);
  });

  it('is seen by another CPU that runs it', () => {
    // CPU 0: inc byte [imm]; jmp 0    CPU 1: mov bl, 0; jmp
    const machine = prepare(machineWith({ 0: [0xfe, 0x04, 0x25, ...le32(CODE + 0x1001), 0xeb, 0xf7], 0x1000: [0xb3, 0, 0xeb, 0xfc] }, { cpus: 2, entries: [0, 0x1000], quantum: 2 }), 0, 0x1000);
    for (let round = 1; round < 20; round++) {
      run(machine, 4);
      expect(machine.cpus[1]!.gpr(3)).toBe(BigInt(round));
    }
  });

  it('is seen when the debugger writes it', () => {
    const machine = prepare(machineWith({ 0: [0xb3, 1, 0xeb, 0xfc] }), 0);
    run(machine, 4);
    machine.memory.writeU8(CODE_AT + 1, 9);
    run(machine, 2);
    expect(machine.cpus[0]!.gpr(3)).toBe(9n);
  });

  it('is seen where an instruction lies across two pages and its second page is written', () => {
    // mov ebx, imm32 with its last two bytes in the next page; then jmp to the write of those bytes; jmp back
    const at = 0x1000 - 3;
    const machine = prepare(machineWith({ [at]: [0xbb, 1, 0, 0, 0, 0xe9, ...le32(0x2000 - at - 10)], 0x2000: [0xfe, 0x04, 0x25, ...le32(CODE + 0x1000), 0xe9, ...le32(at - 0x2000 - 12)] }, { entries: [at] }), 0x2000);
    for (let round = 0; round < 5; round++) {
      run(machine, 4);
      expect(machine.cpus[0]!.gpr(3)).toBe(BigInt(1 | round << 16));
    }
  });

  it('is seen when string instructions write it', () => {
    // mov edi, target; mov al, 5; mov ecx, 1; rep stosb; target: mov bl, 0
    const code = [0xbf, ...le32(CODE + 15), 0xb0, 5, 0xb9, ...le32(1), 0xf3, 0xaa, 0xb3, 0];
    const machine = prepare(machineWith({ 0: code }), 0);
    run(machine, 5);
    expect(machine.cpus[0]!.gpr(3)).toBe(5n);
  });

  it('is seen through another linear address of the page', () => {
    const machine = machineWith({ 0: [0xc6, 0x04, 0x25, ...le32(0x50018009), 7, 0xb3, 1] });
    // 0x50018000 leads to the code's first page.
    machine.memory.writeU64(0x5000 + 0x18 * 8, BigInt(CODE_AT) | 3n);
    prepare(machine, 0);
    run(machine, 2);
    expect(machine.cpus[0]!.gpr(3)).toBe(7n);
  });
});
