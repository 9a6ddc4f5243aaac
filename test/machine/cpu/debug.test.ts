import { describe, expect, it } from 'vitest';
import { applyDebugRegisters } from '../../../src/machine/cpu/debug.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { CodeMode, Flag } from '../../../src/machine/cpu/layout.js';
import type { Machine } from '../../../src/machine/machine.js';
import { DATA } from '../../oracle/layout.js';
import { CODE, compile, machineWith, run } from '../translate/code.js';
import { NEVER_TRANSLATE } from '../translate/tuning.js';

const SYSTEM_AT = 0x60000, HANDLER = CODE + 0x2000, SOFTWARE = CODE + 0x2100, AT = DATA + 0x100;
const IRETQ = [0x48, 0xcf], NOP = 0x90;
const WRITE = 1, IO = 2, DATA_ACCESS = 3;
const size = { 1: 0, 2: 1, 4: 3, 8: 2 } as const;

/** `code` at CODE; #DB goes to HANDLER, INT 0x10 to SOFTWARE, both on the stack of IST 1. */
function start(code: readonly number[], options: { interpreted?: boolean; handler?: readonly number[] } = {}): Machine {
  const machine = machineWith({ 0: code, 0x2000: options.handler ?? IRETQ, 0x2100: IRETQ }), cpu = machine.cpus[0]!;
  for (const [vector, at] of [[1, HANDLER], [16, SOFTWARE]] as const) {
    machine.memory.writeU64(SYSTEM_AT + vector * 16, BigInt(at & 0xffff) | 0x08n << 16n | 1n << 32n | 0x8en << 40n | BigInt(at >>> 16) << 48n);
  }
  cpu.setGpr(3, BigInt(AT));
  cpu.setGpr(0, 0x10n);
  if (options.interpreted) machine.translator.tuning = NEVER_TRANSLATE;
  return machine;
}

/** Sets breakpoints: number, address, R/W, length, enabled. */
function arm(machine: Machine, ...list: [n: number, address: number | bigint, rw: number, length: 1 | 2 | 4 | 8, enabled?: boolean][]): void {
  const cpu = machine.cpus[0]!;
  let dr7 = 0x400n;
  for (const [n, address, rw, length, enabled = true] of list) {
    cpu.set(L.DR + 8 * n, BigInt(address));
    dr7 |= BigInt(rw | size[length] << 2) << BigInt(16 + 4 * n) | (enabled ? 1n : 0n) << BigInt(2 * n);
  }
  cpu.set(L.DR + 56, dr7);
  applyDebugRegisters(machine, cpu);
}

const dr6 = (machine: Machine): number => Number(machine.cpus[0]!.get(L.DR + 48) & 0xffffn) & ~0xff0;
const at = (machine: Machine): number => Number(machine.cpus[0]!.rip);
/** The frame that the handler at RIP was entered with. */
function frame(machine: Machine): { rip: number; flags: number } {
  const cpu = machine.cpus[0]!, rsp = cpu.gpr(4);
  return { rip: Number(machine.access.read64(cpu, rsp)), flags: Number(machine.access.read64(cpu, rsp + 16n)) };
}
/** Runs until the handler is entered, or gives up. */
function toHandler(machine: Machine, handler = HANDLER, limit = 200): void {
  for (let n = 0; n < limit && at(machine) !== handler; n++) run(machine, 1);
  expect(at(machine)).toBe(handler);
}
const setFlag = (machine: Machine, flag: number) => { machine.cpus[0]!.setInt(L.FLAGS, machine.cpus[0]!.int(L.FLAGS) | flag); };

describe('an instruction breakpoint', () => {
  it('is a fault: #DB ahead of the instruction, with RF clear in the frame; RF from IRET lets it pass once', () => {
    const machine = start([NOP, NOP, 0xeb, 0xfc]), cpu = machine.cpus[0]!;
    arm(machine, [2, CODE + 1, 0, 1]);
    run(machine, 2);
    expect(at(machine)).toBe(HANDLER);
    expect(frame(machine)).toMatchObject({ rip: CODE + 1 });
    expect(frame(machine).flags & Flag.RF).toBe(0);
    expect(dr6(machine)).toBe(4);
    // The handler returns with RF set: one instruction passes.
    cpu.set(L.DR + 48, 0xffff0ff0n);
    machine.access.write64(cpu, cpu.gpr(4) + 16n, 0x10002n);
    run(machine, 1);
    expect(at(machine)).toBe(CODE + 1);
    expect(cpu.int(L.FLAGS) & Flag.RF).toBe(Flag.RF);
    run(machine, 1);
    expect([at(machine), cpu.int(L.FLAGS) & Flag.RF]).toEqual([CODE + 2, 0]);
    run(machine, 3);
    expect([at(machine), dr6(machine)]).toEqual([HANDLER, 4]);
  });

  it('comes again and again without RF, and costs translated code nothing until it is met', () => {
    const machine = start([NOP, NOP, 0xeb, 0xfc]);
    arm(machine, [0, CODE + 1, 0, 1]);
    run(machine, 1000);
    expect(machine.recentExceptions(0)).toHaveLength(32);
    const far = start([NOP, NOP, 0xeb, 0xfc]);
    arm(far, [0, CODE + 0x20, 0, 1]);
    compile(far, 0);
    run(far, 10000);
    expect(far.recentExceptions(0)).toHaveLength(0);
  });

  it('does not interfere with a breakpoint of the debugger on the same instruction', () => {
    const machine = start([NOP, NOP, 0xeb, 0xfc], { handler: [0x80, 0x4c, 0x24, 0x12, 0x01, ...IRETQ] }); // or byte [rsp+18], 1: RF
    machine.translator.setBreakpoints(new Set([BigInt(CODE + 1)]));
    arm(machine, [0, CODE + 1, 0, 1]);
    let stops = 0, asked = 0;
    machine.onBreakpoint = () => { asked++; return true; };
    for (let n = 0; n < 40 && machine.position < 60; n++) if (run(machine, 60)) stops++;
    expect(stops).toBe(asked);
    // Three instructions and #DB, OR and IRETQ in each round.
    expect(Math.abs(stops - 10)).toBeLessThanOrEqual(1);
    expect(machine.recentExceptions(0).length).toBeGreaterThan(8);
    machine.translator.setBreakpoints(new Set());
    machine.onBreakpoint = () => { throw new Error('no breakpoint of the debugger is left'); };
    expect(run(machine, 60)).toBeUndefined();
  });

  it('is not met on the instruction behind MOV SS, nor between the iterations of a string instruction', () => {
    const behind = start([0x8e, 0xd0, NOP, NOP, 0xf4]); // mov ss, ax
    arm(behind, [0, CODE + 2, 0, 1]);
    run(behind, 3);
    expect(at(behind)).toBe(CODE + 4);
    const string = start([0xf3, 0xaa, NOP, 0xf4]), cpu = string.cpus[0]!;
    cpu.setGpr(1, 4n);
    cpu.setGpr(7, BigInt(AT));
    arm(string, [0, CODE, 0, 1]);
    setFlag(string, Flag.RF);
    for (let n = 0; n < 3; n++) {
      run(string, 1);
      expect([at(string), cpu.int(L.FLAGS) & Flag.RF]).toEqual([CODE, Flag.RF]);
    }
    run(string, 1);
    expect([at(string), cpu.int(L.FLAGS) & Flag.RF]).toEqual([CODE + 2, 0]);
  });
});

describe('a data breakpoint', () => {
  const STORE = [0x89, 0x03], LOAD = [0x8b, 0x0b];
  it.each([[true, 'interpreted'], [false, 'translated']])('traps after the instruction (%s: %s)', interpreted => {
    for (const [code, rw, met] of [[STORE, WRITE, true], [LOAD, WRITE, false], [LOAD, DATA_ACCESS, true], [STORE, DATA_ACCESS, true], [STORE, IO, false]] as const) {
      const machine = start([...code, NOP, 0xeb, 0xfb], { interpreted });
      arm(machine, [1, AT, rw, 4]);
      if (!interpreted) compile(machine, 0);
      expect(machine.cpus[0]!.int(L.MODE) & CodeMode.Watched).toBe(rw === IO ? 0 : CodeMode.Watched);
      run(machine, 2);
      expect(at(machine)).toBe(met ? HANDLER : CODE + 3);
      if (met) expect([frame(machine).rip, frame(machine).flags & Flag.RF, dr6(machine)]).toEqual([CODE + 2, 0, 2]);
    }
  });

  it('compares aligned addresses by its length, to the byte', () => {
    for (const [address, length, met] of [[AT, 1, true], [AT + 3, 1, true], [AT + 4, 1, false], [AT + 6, 8, true], [AT - 1, 8, false], [AT + 5, 4, false], [AT + 3, 2, true]] as const) {
      const machine = start([...STORE, NOP, 0xf4]);
      arm(machine, [3, address, WRITE, length]);
      run(machine, 2);
      expect([address, length, at(machine)]).toEqual([address, length, met ? HANDLER : CODE + 3]);
    }
  });

  it('sets the bits of all that were met, of those that are not enabled too, and keeps BS for single steps', () => {
    const machine = start([...STORE, NOP, 0xf4]);
    arm(machine, [0, AT, WRITE, 4], [1, AT + 2, DATA_ACCESS, 1, false], [2, AT + 8, WRITE, 8], [3, AT + 3, WRITE, 1]);
    setFlag(machine, Flag.TF);
    run(machine, 2);
    expect([at(machine), dr6(machine)]).toEqual([HANDLER, 0x400b]);
    // The next exception replaces B0-B3 and leaves BS, which software must clear.
    machine.cpus[0]!.setInt(L.PENDING_DEBUG, 4);
    run(machine, 1);
    expect(dr6(machine)).toBe(0x4004);
  });

  it('on MOV SS waits for the end of the next instruction; behind an INT it comes in its handler', () => {
    const load = [0x8e, 0x13]; // mov ss, [rbx]
    for (const [next, returns] of [[[NOP], CODE + 3], [[0xcd, 0x10], SOFTWARE]] as const) {
      const machine = start([...load, ...next, NOP, 0xf4]);
      machine.access.write16(machine.cpus[0]!, BigInt(AT), 0x10);
      arm(machine, [0, AT, DATA_ACCESS, 2]);
      run(machine, 1);
      expect(at(machine)).toBe(CODE + 2);
      run(machine, 2);
      expect([at(machine), frame(machine).rip, dr6(machine)]).toEqual([HANDLER, returns, 1]);
    }
  });

  it('is dropped with an instruction that faults', () => {
    const machine = start([0x8e, 0x13, 0x0f, 0x0b, 0xf4]); // mov ss, [rbx]; ud2
    machine.access.write16(machine.cpus[0]!, BigInt(AT), 0x10);
    arm(machine, [0, AT, DATA_ACCESS, 2]);
    run(machine, 4);
    expect([at(machine) === HANDLER, dr6(machine)]).toEqual([false, 0]);
  });
});

describe('an I/O breakpoint', () => {
  it.each([[0x3f8, 1, true], [0x3fa, 2, false], [0x3f8, 4, true]] as const)('traps after IN and OUT with CR4.DE (port %i, length %i)', (port, length, met) => {
    for (const de of [true, false]) for (const code of [0xec, 0xee]) {
      const machine = start([code, NOP, 0xf4]), cpu = machine.cpus[0]!;
      cpu.setGpr(2, 0x3f9n);
      cpu.set(L.CR4, de ? 0x28n : 0x20n);
      arm(machine, [0, port, IO, length]);
      run(machine, 2);
      const expected = de && met && port + length > 0x3f9;
      expect([de, code, at(machine), dr6(machine)]).toEqual([de, code, expected ? HANDLER : CODE + 2, expected ? 1 : 0]);
    }
  });
});

describe('single steps', () => {
  it('trap after each instruction, but not after MOV SS, and not twice', () => {
    const machine = start([NOP, 0x8e, 0xd0, NOP, NOP, 0xf4]), cpu = machine.cpus[0]!;
    setFlag(machine, Flag.TF);
    const seen: number[] = [];
    for (let n = 0; n < 3; n++) {
      toHandler(machine);
      seen.push(frame(machine).rip - CODE);
      expect(dr6(machine)).toBe(0x4000);
      cpu.set(L.DR + 48, 0xffff0ff0n);
      run(machine, 1);
    }
    expect(seen).toEqual([1, 4, 5]);
  });

  it('wake the processor from HLT', () => {
    const machine = start([0xf4, NOP]);
    setFlag(machine, Flag.TF);
    run(machine, 2);
    expect([at(machine), frame(machine).rip]).toEqual([HANDLER, CODE + 1]);
  });

  it('of a string instruction trap after each iteration, with RF in the frame but for the last', () => {
    const machine = start([0xf3, 0xaa, NOP]), cpu = machine.cpus[0]!;
    cpu.setGpr(1, 3n);
    cpu.setGpr(7, BigInt(AT));
    setFlag(machine, Flag.TF);
    const flags: number[] = [];
    for (let n = 0; n < 3; n++) {
      toHandler(machine);
      flags.push(frame(machine).flags & Flag.RF);
      run(machine, 1);
    }
    expect(flags).toEqual([Flag.RF, Flag.RF, 0]);
  });

  it('pending at the end of a run come first in the next: the course does not depend on the cut', () => {
    const hashes = [1, 7, 50].map(length => {
      const machine = start([NOP, NOP, 0xeb, 0xfc]);
      setFlag(machine, Flag.TF);
      while (machine.position < 100) machine.run(Math.min(100, machine.position + length));
      return [machine.position, machine.stateHash()];
    });
    expect(hashes[1]).toEqual(hashes[0]);
    expect(hashes[2]).toEqual(hashes[0]);
  });
});

describe('DR7.GD', () => {
  it('is cleared as #DB is entered; the frame has RF, since this is a fault', () => {
    const machine = start([0x0f, 0x23, 0xc0, 0xf4]), cpu = machine.cpus[0]!; // mov dr0, rax
    cpu.set(L.DR + 56, 0x2400n);
    run(machine, 1);
    expect([at(machine), frame(machine).rip, frame(machine).flags & Flag.RF, dr6(machine), cpu.get(L.DR + 56)]).toEqual([HANDLER, CODE, Flag.RF, 0x2000, 0x400n]);
    run(machine, 2);
    expect(cpu.get(L.DR)).toBe(0x10n);
  });
});

describe('a snapshot', () => {
  it('brings the breakpoints of its debug registers back', () => {
    const machine = start([NOP, 0x89, 0x03, NOP, 0xeb, 0xfa]);
    arm(machine, [0, CODE + 3, 0, 1], [1, AT, WRITE, 4]);
    const snapshot = machine.takeSnapshot();
    arm(machine);
    run(machine, 50);
    expect(machine.recentExceptions(0)).toHaveLength(0);
    machine.restore(snapshot);
    run(machine, 3);
    expect([at(machine), dr6(machine)]).toEqual([HANDLER, 2]);
    run(machine, 2);
    expect([at(machine), dr6(machine)]).toEqual([HANDLER, 1]);
  });
});
