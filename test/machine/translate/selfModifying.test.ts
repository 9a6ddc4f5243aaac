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

  it('is seen by a loop whose stores come to it from elsewhere in its page', () => {
    // mov [rbx], al; inc ebx; call 0x140; dec edx; jnz 0; jmp $    0x140: mov cl, 0; ret. AL is the opcode of that MOV.
    const machine = prepare(machineWith({ 0: [0x88, 0x03, 0xff, 0xc3, 0xe8, ...le32(0x140 - 9), 0xff, 0xca, 0x75, 0xf3, 0xeb, 0xfe], 0x140: [0xb1, 0, 0xc3] }), 0, 0x140), cpu = machine.cpus[0]!;
    cpu.setGpr(0, 0xb1n);
    cpu.setGpr(3, BigInt(CODE + 0x100));
    cpu.setGpr(2, 0x42n);
    cpu.setGpr(4, BigInt(0x50030800));
    run(machine, 7 * 0x41);
    expect(cpu.gpr(1) & 0xffn).toBe(0n);
    run(machine, 7);
    expect(cpu.gpr(1) & 0xffn).toBe(0xb1n);
  });
});

describe('what stands in the same page as code', () => {
  /** A loop that calls and has its stack and a counter in its own page, at these offsets: call 0x20; inc dword [counter]; dec ecx; jnz 0; jmp $    0x20: ret. */
  const looping = (stack: number, counter: number, rounds: number) => {
    const machine = machineWith({ 0: [0xe8, ...le32(0x20 - 5), 0xff, 0x04, 0x25, ...le32(CODE + counter), 0xff, 0xc9, 0x75, 0xf0, 0xeb, 0xfe], 0x20: [0xc3] });
    machine.cpus[0]!.setGpr(4, BigInt(CODE + stack));
    machine.cpus[0]!.setGpr(1, BigInt(rounds));
    machine.translator.tuning = { queueAt: 32, compileAt: 32, batch: 1 };
    return machine;
  };

  it.each([['far from it', 0x800, 0x900], ['in the same line of 64 bytes', 0x40, 0x24], ['right behind it', 0x80, 0x13]])('is written without decoding and translating anew: %s', (_where, stack, counter) => {
    const machine = looping(stack, counter, 5000);
    machine.memory.writeU32(CODE_AT + counter, 0);
    run(machine, 5000 * 5);
    expect(machine.memory.readU32(CODE_AT + counter)).toBe(5000);
    expect(machine.translator.counts.blocks).toBeLessThan(10);
    expect(machine.translator.counts.regions).toBeGreaterThan(0);
  });

  it('has no write tag, so that code which is decoded there later is seen to change', () => {
    const machine = looping(0x800, 0x900, 500);
    run(machine, 500 * 5);
    // What was the counter is code now: mov bl, 1; jmp back to it.
    machine.memory.write(CODE_AT + 0x900, Uint8Array.of(0xb3, 1, 0xeb, 0xfc));
    machine.cpus[0]!.rip = BigInt(CODE + 0x900);
    run(machine, 200);
    // The loop counts in it again: the opcode becomes MOV to AH.
    machine.cpus[0]!.rip = BigInt(CODE);
    machine.cpus[0]!.setGpr(1, 1n);
    run(machine, 5);
    machine.cpus[0]!.rip = BigInt(CODE + 0x900);
    run(machine, 1);
    expect(machine.cpus[0]!.gpr(0) >> 8n & 0xffn).toBe(1n);
  });
});
