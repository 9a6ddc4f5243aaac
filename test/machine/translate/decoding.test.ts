import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { Machine } from '../../../src/machine/machine.js';
import { CODE, compile, machineWith, run } from './code.js';

/** The vector of the exception that bytes raise. */
function raised(...bytes: number[]): number | undefined {
  const machine = machineWith({ 0: bytes });
  let vector: number | undefined;
  machine.onException = record => {
    vector = record.vector;
    return true;
  };
  run(machine, 1);
  return vector;
}

describe('decoding', () => {
  it('raises #UD for bytes that are no instruction, and for LOCK where it is not allowed', () => {
    expect(raised(0x06)).toBe(6);
    expect(raised(0x0f, 0x0b)).toBe(6);
    expect(raised(0xf0, 0x01, 0xc3)).toBe(6); // lock add ebx, eax
    expect(raised(0xf0, 0x8b, 0x04, 0x24)).toBe(6); // lock mov
  });

  it('knows REP and LOCK behind a REX prefix, which then counts for nothing', () => {
    const machine = machineWith({ 0: [0x48, 0xf3, 0xab] }), cpu = machine.cpus[0]!; // rex.w rep stosd
    cpu.setGpr(1, 2n);
    cpu.setGpr(7, BigInt(CODE + 0x100));
    run(machine, 2);
    expect([cpu.gpr(1), cpu.gpr(7), cpu.rip]).toEqual([0n, BigInt(CODE + 0x108), BigInt(CODE + 3)]);
    expect(raised(0x48, 0xf0, 0x8b, 0x04, 0x24)).toBe(6); // lock mov
  });

  it('raises #GP for more than 15 bytes', () => {
    expect(raised(...new Array<number>(14).fill(0x66), 0x90)).toBeUndefined();
    expect(raised(...new Array<number>(15).fill(0x66), 0x90)).toBe(13);
  });

  it.each([[true, [4n, 24n]], [false, [4n, 7n]]])('takes F3 BSF and F3 BSR for TZCNT and LZCNT where it has these (%s), else for BSF and BSR', (has, expected) => {
    const machine = machineWith({ 0: [0xf3, 0x0f, 0xbc, 0xc3, 0xf3, 0x0f, 0xbd, 0xcb] }, { machine: { features: { bmi1: has, lzcnt: has } } }), cpu = machine.cpus[0]!;
    cpu.setGpr(3, 0x00f0n);
    run(machine, 2);
    expect([cpu.gpr(0), cpu.gpr(1)]).toEqual(expected);
  });

  it('knows the same bytes apart by the base of CS', () => {
    const machine = new Machine({ cpus: 1, ramSize: 2 << 20 }), cpu = machine.cpus[0]!;
    // 0x8000: call +0; pop ax; hlt, once as 0800:0000 and once as 0000:8000
    machine.memory.write(0x8000, Uint8Array.of(0xe8, 0x00, 0x00, 0x58, 0xf4));
    for (const translated of [false, true]) {
      for (const [selector, ip] of [[0x800, 0], [0, 0x8000], [0x7ff, 0x10]] as const) {
        cpu.setSegment(Seg.CS, selector, 0x93, 0xffff, BigInt(selector << 4));
        cpu.setSegment(Seg.SS, 0, 0x93, 0xffff, 0n);
        updateMode(machine, cpu);
        cpu.rip = BigInt(ip);
        cpu.setGpr(4, 0x7000n);
        if (translated) machine.translator.compileNow(cpu, [cpu.rip]);
        run(machine, 2);
        expect([cpu.gpr(0) & 0xffffn, cpu.rip], `${translated} ${selector.toString(16)}:${ip.toString(16)}`).toEqual([BigInt(ip + 3), BigInt(ip + 4)]);
      }
    }
  });

  it('tells nothing else by MODE than by the registers', () => {
    const machine = machineWith({ 0: [0x90, 0xeb, 0xfd] });
    compile(machine, 0);
    expect(machine.cpus[0]!.int(L.MODE)).toBe(L.CodeMode.Long | L.CodeMode.Stack32 | L.CodeMode.SseOn);
    run(machine, 10);
    expect(machine.cpus[0]!.rip).toBe(BigInt(CODE));
  });
});
