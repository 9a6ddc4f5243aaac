import { describe, expect, it } from 'vitest';
import { CODE, compile, machineWith, run } from './code.js';
import { NEVER_TRANSLATE } from './tuning.js';

/** inc eax; add ebx, 2; inc ecx; jmp to the start: four steps each time round. */
const LOOP = { 0: [0xff, 0xc0, 0x83, 0xc3, 0x02, 0xff, 0xc1, 0xeb, 0xf7] };
const MIDDLE = BigInt(CODE + 2);

describe.each(['interpreted', 'translated'])('a breakpoint in the middle of a loop that is %s', way => {
  function started() {
    const machine = machineWith(LOOP), cpu = machine.cpus[0]!;
    if (way === 'interpreted') machine.translator.tuning = NEVER_TRANSLATE;
    else compile(machine, 0);
    run(machine, 401);
    expect(cpu.gpr(0)).toBe(101n);
    return { machine, cpu };
  }

  it('stops before its instruction, each time round', () => {
    const { machine, cpu } = started();
    machine.translator.setBreakpoints(new Set([MIDDLE]));
    for (let round = 0; round < 3; round++) {
      expect(run(machine, 100)).toEqual({ kind: 'breakpoint', cpu: 0, address: MIDDLE });
      expect([machine.position, cpu.gpr(0), cpu.gpr(3), cpu.rip]).toEqual([401 + 4 * round, 101n + BigInt(round), 200n + 2n * BigInt(round), MIDDLE]);
      if (way === 'translated') compile(machine, 0);
    }
  });

  it('does not stop where onBreakpoint says no, and changes nothing', () => {
    const { machine, cpu } = started();
    let asked = 0;
    machine.onBreakpoint = () => { asked++; return false; };
    machine.translator.setBreakpoints(new Set([MIDDLE]));
    expect(run(machine, 400)).toBeUndefined();
    expect([asked, cpu.gpr(0), cpu.gpr(1), machine.position]).toEqual([100, 201n, 200n, 801]);
  });

  it('is gone when it is removed', () => {
    const { machine, cpu } = started();
    machine.translator.setBreakpoints(new Set([MIDDLE]));
    run(machine, 100);
    machine.translator.setBreakpoints(new Set());
    expect(run(machine, 400)).toBeUndefined();
    expect(cpu.gpr(0)).toBe(201n);
  });

  it('does not show in the state', () => {
    const { machine } = started(), { machine: other } = started();
    machine.translator.setBreakpoints(new Set([MIDDLE]));
    while (machine.position < 1000) machine.run(1000);
    other.run(1000);
    expect(machine.stateHash()).toBe(other.stateHash());
  });
});

it('a breakpoint at the first instruction of a block that other blocks jump to stops too', () => {
  const machine = machineWith(LOOP), start = BigInt(CODE);
  compile(machine, 0);
  run(machine, 402);
  machine.translator.setBreakpoints(new Set([start]));
  expect(run(machine, 100)).toMatchObject({ kind: 'breakpoint', address: start });
  expect(machine.position).toBe(404);
});
