import { describe, expect, it } from 'vitest';
import type { ExceptionRecord } from '../../src/machine/cpu/events.js';
import { runScript } from '../kernel/run.js';
import { ABSENT, HANDLER, Pair } from './instructions/frequent/compare.js';

/** A guest that touches fresh pages, with somebody who is asked about exceptions, or nobody. */
function touch(quiet: number | undefined): { asked: ExceptionRecord[]; recent: readonly ExceptionRecord[]; hash: string } {
  const asked: ExceptionRecord[] = [];
  const { machine } = runScript('nosmp', [], { cpus: 1 }, 1_000_000);
  machine.devices.uart.feed(new TextEncoder().encode('touch 200\n'));
  if (quiet !== undefined) machine.onException = record => { asked.push(record); return false; };
  machine.quietPageFaults = quiet ?? 0;
  machine.run(4_000_000);
  return { asked, recent: machine.recentExceptions(0), hash: machine.stateHash() };
}
const user = (records: readonly ExceptionRecord[]) => records.filter(r => r.vector === 14 && r.cpl === 3);
const others = (records: readonly ExceptionRecord[]) => records.filter(r => !(r.vector === 14 && r.cpl === 3));

describe('page faults at CPL 3', () => {
  const all = touch(0), none = touch(-1), nobody = touch(undefined);

  it('are asked about if none are quiet, and take the same course in any case', () => {
    expect(user(all.asked).length).toBeGreaterThan(200);
    expect(none.hash).toBe(all.hash);
    expect(nobody.hash).toBe(all.hash);
  });

  it('are not asked about if they are quiet; other exceptions are', () => {
    expect(user(none.asked).length).toBeLessThan(10);
    expect(others(none.asked)).toEqual(others(all.asked));
  });

  it('are quiet by their error codes', () => {
    const codes = new Set(user(all.asked).map(r => r.errorCode!)), [one] = codes;
    expect(codes.size).toBeGreaterThan(1);
    expect(new Set(user(touch(~(1 << one!)).asked).map(r => r.errorCode))).toContain(one);
    expect(user(touch(1 << one!).asked).filter(r => r.errorCode === one).length).toBeLessThan(10);
  });

  it('are remembered the same, with their positions, whoever has delivered them', () => {
    expect(user(all.recent).length).toBeGreaterThan(10);
    expect(none.recent).toEqual(all.recent);
    expect(nobody.recent).toEqual(all.recent);
  });

  it('are not asked about when they come again with other registers: something goes on', () => {
    const pair = new Pair(), machine = pair.machines[1]!;
    // mov ebx, [rax]; inc rcx; jmp back, and a handler that skips the MOV: add qword [rsp+8], 2; add rsp, 8; iretq
    pair.run({
      user: true, code: [0x8b, 0x18, 0x48, 0xff, 0xc1, 0xeb, 0xf9], registers: { 0: BigInt(ABSENT) },
      memory: { [HANDLER]: 0x8348_0208_2444_8348n, [HANDLER + 8]: 0xcf48_08c4n }, steps: 3,
    });
    let asked = 0;
    machine.onException = () => { asked++; return false; };
    machine.quietPageFaults = -1;
    machine.run(machine.position + 6000);
    expect(machine.cpus[0]!.gpr(1)).toBeGreaterThan(900n);
    expect(asked).toBeLessThan(10);
  });

  it('are asked about when they come again and again', () => {
    const pair = new Pair(), machine = pair.machines[1]!;
    // mov rbx, [rax], and a handler that returns to it: add rsp, 8; iretq
    pair.run({ user: true, code: [0x48, 0x8b, 0x18], registers: { 0: BigInt(ABSENT) }, memory: { [HANDLER]: 0xcf48_08c4_8348n }, steps: 3 });
    let asked = 0;
    machine.onException = () => { asked++; return false; };
    machine.quietPageFaults = -1;
    machine.run(machine.position + 3000);
    // A fault is a step, and so are the two instructions of the handler. The first are not known yet.
    expect(asked).toBeGreaterThan(990);
    expect(asked).toBeLessThanOrEqual(1000);
  });
});
