import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import type { Machine } from '../../../src/machine/machine.js';
import type { Watchpoint } from '../../../src/machine/memory/watch.js';
import { DATA } from '../../oracle/layout.js';
import { Random } from '../../oracle/random.js';
import { CODE, compile, le32, machineWith, run } from '../translate/code.js';
import { digest, machineFor, randomProgram } from '../translate/program.js';
import { NEVER_TRANSLATE } from '../translate/tuning.js';

/** The counter that `randomProgram`'s blocks count down. */
const COUNT = 0x50010000;
const AT = DATA + 0x100;
const watch = (linear: number | bigint, length: number, access: 'read' | 'write' | 'both', more: Partial<Watchpoint> = {}): Watchpoint =>
  ({ linear: BigInt(linear), length, read: access !== 'write', write: access !== 'read', source: 'debugger', id: 1, ...more });
const put = (machine: Machine, ...list: Watchpoint[]) => machine.watch.set('all', 'debugger', list);

/** One instruction after `mov ebx, address`, then `inc edx` and a jump back to it: three steps each time round. */
function loopWith(code: readonly number[], address = AT, way = 'interpreted'): Machine {
  const machine = machineWith({ 0: [0xbb, ...le32(address)], 5: [...code, 0xff, 0xc2, 0xeb, 0xfe - code.length - 2 & 0xff] }), cpu = machine.cpus[0]!;
  cpu.setGpr(6, BigInt(DATA + 0x800));
  cpu.setGpr(7, BigInt(AT));
  if (way === 'interpreted') machine.translator.tuning = NEVER_TRANSLATE;
  run(machine, 1);
  return machine;
}

const LOAD = [0x8b, 0x03], STORE = [0x89, 0x03], ADD = [0x01, 0x03], LOAD16 = [0x66, 0x8b, 0x03];

describe.each(['interpreted', 'translated'])('code that is %s', way => {
  const start = (code: readonly number[], list: Watchpoint[], address = AT) => {
    const machine = loopWith(code, address, way);
    put(machine, ...list);
    if (way === 'translated') compile(machine, 5, 5 + code.length);
    return machine;
  };
  const hit = (linear: number, size: number, write: boolean, id = 1) => ({ kind: 'watchpoint', cpu: 0, hits: [{ id, source: 'debugger', linear: BigInt(linear), size, write }] });

  it.each([
    ['a load of what is watched for reads', LOAD, 'read', hit(AT, 4, false)],
    ['a store to what is watched for writes', STORE, 'write', hit(AT, 4, true)],
    ['an instruction that reads and writes, watched for reads', ADD, 'read', hit(AT, 4, true)],
    ['an instruction that reads and writes, watched for writes', ADD, 'write', hit(AT, 4, true)],
    ['a push', [0x48, 0x89, 0xdc, 0x50], 'write', hit(AT - 8, 8, true)],
    ['a pop', [0x48, 0x89, 0xdc, 0x58], 'read', hit(AT, 8, false)],
    ['a string instruction that TypeScript executes', [0x48, 0x89, 0xdf, 0xaa], 'write', hit(AT, 1, true)],
    ['SGDT', [0x0f, 0x01, 0x03], 'write', hit(AT, 10, true)],
  ] as const)('stops after %s', (_, code, access, stop) => {
    const machine = start(code, [watch(AT - 8, 12, access)]), before = machine.position;
    expect(run(machine, 1000)).toMatchObject(stop);
    expect(machine.cpus[0]!.rip).toBe(BigInt(CODE + 5 + code.length));
    const each = machine.position - before;
    expect(run(machine, 1000)).toMatchObject(stop);
    // Once round: the jump, and the increment besides.
    expect(machine.position - before).toBe(2 * each + 2);
  });

  it.each([['a load', LOAD, 'write'], ['a store', STORE, 'read']] as const)('does not stop for %s that is watched for the other', (_, code, access) => {
    const machine = start(code, [watch(AT, 4, access)]);
    expect(run(machine, 300)).toBeUndefined();
    expect(machine.position).toBe(301);
  });

  it('compares to the byte', () => {
    for (const [linear, length, hits] of [[AT - 1, 1, false], [AT, 1, true], [AT + 3, 1, true], [AT + 4, 1, false], [AT - 8, 8, false], [AT - 8, 9, true]] as const) {
      for (const code of [LOAD, STORE]) expect(run(start(code, [watch(linear, length, 'both')]), 10) !== undefined, `${linear} ${length}`).toBe(hits);
    }
  });

  it('notices the second page of an access that crosses', () => {
    const page = DATA + 0x1000, machine = start(LOAD, [watch(page, 1, 'read')], page - 2);
    expect(run(machine, 100)).toMatchObject(hit(page - 2, 4, false));
    expect(run(start(LOAD16, [watch(page, 1, 'read')], page - 2), 10)).toBeUndefined();
  });

  it('tells several watchpoints apart, far from each other, and more than fit the bounds', () => {
    const list = [watch(DATA, 1, 'both', { id: 5 }), watch(0n, 8, 'both', { id: 6 }), watch((1n << 64n) - 8n, 8, 'both', { id: 7 }), watch(AT + 2, 1, 'read', { id: 8 }), watch(AT, 8, 'read', { id: 9 }),
      watch(0xffff800000000000n, 4096, 'both', { id: 10 }), watch(DATA + 0x1800, 64, 'both', { id: 11 })];
    expect(run(start(LOAD, list), 100)).toMatchObject({ hits: [{ id: 8 }, { id: 9 }] });
    expect(run(start(STORE, list), 100)).toBeUndefined();
  });

  it('does not stop after an instruction that faults', () => {
    // div dword [rbx], by 0: the quotient does not exist.
    const machine = start([0xf7, 0x33], [watch(AT, 4, 'both')]);
    machine.memory.writeU32(machine.mmu.probe(machine.cpus[0]!, AT, 0), 0);
    machine.onException = () => true;
    expect(run(machine, 100)).toMatchObject({ kind: 'exception', exception: { vector: 0 } });
    machine.watch.set('all', 'debugger', []);
    machine.onException = () => false;
    expect(run(machine, 3)).toBeUndefined();
  });
});

it('a repeated string instruction stops after the iteration', () => {
  for (const [code, size] of [[0xaa, 1], [0xab, 4]] as const) {
    const machine = machineWith({ 0: [0xf3, code, 0xf4] }), cpu = machine.cpus[0]!;
    cpu.setGpr(7, BigInt(AT));
    cpu.setGpr(1, 100n);
    put(machine, watch(AT + 40, 1, 'write'));
    expect(run(machine, 1000)).toMatchObject({ kind: 'watchpoint', hits: [{ linear: BigInt(AT + 40), size, write: true }] });
    expect([machine.position, cpu.gpr(1), cpu.rip]).toEqual([40 / size + 1, BigInt(99 - 40 / size), BigInt(CODE)]);
    put(machine);
    run(machine, 100 - machine.position);
    expect(cpu.gpr(1)).toBe(0n);
  }
});

it('the delivery of an event is an access too', () => {
  const machine = machineWith({ 0: [0x0f, 0x0b] }), cpu = machine.cpus[0]!;
  const idt = cpu.get(L.IDTR_BASE) + 6n * 16n;
  // The gates have IST 1, which leads to the top of this page.
  put(machine, watch(idt, 16, 'read', { id: 3 }), watch(0x50031000 - 8, 8, 'write', { id: 4 }));
  const stop = run(machine, 1);
  expect(stop?.kind === 'watchpoint' && new Set(stop.hits.map(h => h.id))).toEqual(new Set([3, 4]));
  expect(machine.position).toBe(1);
});

it('what the debugger writes and what it does to lists is not noticed', () => {
  const machine = loopWith(LOAD);
  put(machine, watch(AT, 4, 'both'));
  machine.mmu.writeLinear(machine.cpus[0]!, BigInt(AT), Uint8Array.of(1, 2, 3, 4));
  const mode = machine.cpus[0]!.int(L.MODE);
  machine.cpus[0]!.rip = BigInt(CODE + 7);
  expect(run(machine, 2)).toBeUndefined();
  put(machine);
  expect(run(machine, 30)).toBeUndefined();
  expect(machine.cpus[0]!.int(L.MODE)).toBe(mode & ~L.CodeMode.Watched);
});

it('hits of debug registers go to their hook, of that CPU alone, and do not stop', () => {
  const machine = machineWith({ 0: [0xbb, ...le32(AT), ...STORE, 0xeb, 0xfc] }, { cpus: 2, quantum: 3 }), seen: string[] = [];
  machine.watch.set(1, 'dr', [watch(AT, 4, 'write', { source: 'dr', id: 2 })]);
  machine.watch.onDebugRegister = (cpu, hits) => seen.push(`${cpu.index}: ${hits.map(h => h.id).join()} at ${machine.position}`);
  expect(run(machine, 14)).toBeUndefined();
  expect(seen).toEqual(['1: 2 at 5', '1: 2 at 10', '1: 2 at 12']);
});

it('a range that does not exist is refused', () => {
  const machine = machineWith({ 0: [0xf4] });
  expect(() => put(machine, watch((1n << 64n) - 4n, 8, 'read'))).toThrow('8 bytes at 0xfffffffffffffffc cannot be watched');
  expect(() => put(machine, watch(0, 0, 'read'))).toThrow('0 bytes at 0x0');
  expect(() => put(machine, watch(1n << 47n, 1, 'read'))).toThrow('0x800000000000');
});

it('watching changes no course, and every change of watched memory is a hit, whatever the turns and interpreted or translated', () => {
  const STEPS = 1500;
  let hits = 0, changes = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const program = randomProgram(seed * 104729, { selfModifying: seed % 3 === 0 }), random = new Random(seed);
    const list = Array.from({ length: random.between(1, 6) }, (_, id) => watch(random.chance(0.2) ? COUNT : DATA + 0x1000 + random.between(-256, 256), random.between(1, 16), random.pick(['read', 'write', 'both'] as const), { id }));
    /** Stops by position, and the digests there. */
    const course = (translate: boolean, turn: () => number, look?: (machine: Machine, stop: ReturnType<Machine['run']>) => void) => {
      const machine = machineFor(program, { seed }), stops = new Map<number, string>();
      machine.translator.tuning = translate ? { queueAt: 1, compileAt: 1, batch: 1 } : NEVER_TRANSLATE;
      put(machine, ...list);
      while (machine.position < STEPS) {
        const stop = machine.run(Math.min(STEPS, machine.position + turn()));
        look?.(machine, stop);
        if (!stop) continue;
        stops.set(machine.position, `${stop.kind === 'watchpoint' ? JSON.stringify(stop.hits, (_, v) => typeof v === 'bigint' ? v.toString(16) : v as unknown) : stop.kind} ${digest(machine)}`);
        if (stop.kind !== 'watchpoint') break;
      }
      return { machine, stops };
    };
    const written = list.filter(w => w.write), contents = (machine: Machine) => written.map(w => machine.memory.read(machine.mmu.probe(machine.cpus[0]!, Number(w.linear), 0), 1)[0]!);
    let last: number[] | undefined;
    const reference = course(false, () => 1, (machine, stop) => {
      const now = contents(machine);
      now.forEach((value, n) => {
        if (!last || last[n] === value) return;
        changes++;
        expect(stop).toMatchObject({ kind: 'watchpoint' });
        if (stop?.kind === 'watchpoint') expect(stop.hits.some(h => h.id === written[n]!.id && h.write)).toBe(true);
      });
      last = now;
    });
    hits += reference.stops.size;
    for (const [translate, turn] of [[false, () => random.between(1, 300)], [true, () => random.between(1, 30)], [true, () => STEPS]] as const) {
      const other = course(translate, turn);
      expect([...other.stops], `seed ${seed}`).toEqual([...reference.stops]);
      expect(other.machine.stateHash()).toBe(reference.machine.stateHash());
    }
    const unwatched = machineFor(program, { seed });
    unwatched.run(reference.machine.position);
    expect(digest(unwatched)).toBe(digest(reference.machine));
  }
  expect(hits).toBeGreaterThan(300);
  expect(changes).toBeGreaterThan(20);
});
