import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadKernel } from '../../src/machine/boot/loadKernel.js';
import * as L from '../../src/machine/cpu/layout.js';
import { Machine } from '../../src/machine/machine.js';
import { checkFastTables } from '../../src/machine/memory/fastCheck.js';
import { PAGE_DIRTY, RAM_BASE } from '../../src/machine/memory/layout.js';
import { H_ENTRIES, H_PCID_STAMPS, SET_WORDS, SETS, tlbWord } from '../../src/machine/memory/tlbLayout.js';
import type { Snapshot } from '../../src/machine/snapshot.js';
import { buildKernel } from '../fixtures/kernels.js';
import { boot } from '../kernel/run.js';
import { Random } from '../oracle/random.js';
import { machineFor, randomProgram } from './translate/program.js';

/** The pages that have PAGE_DIRTY, found the slow way. */
function flaggedPages({ memory }: Machine): number[] {
  return Array.from({ length: memory.ramPages }, (_, page) => page).filter(page => memory.pageFlags(page) & PAGE_DIRTY);
}

const sorted = (pages: readonly number[]) => [...pages].sort((a, b) => a - b);

describe('snapshots', () => {
  it('bring back memory, and keep only pages that were written', () => {
    const machine = new Machine({ cpus: 1, ramSize: 2 << 20 }), { memory } = machine;
    memory.writeU64(0x5000, 1n);
    const first = machine.takeSnapshot(), kept = machine.snapshots.bytes;
    memory.writeU64(0x5000, 2n);
    memory.writeU64(0x6000, 3n);
    const second = machine.takeSnapshot();
    // Two pages and the first words of the TLB, which are always kept.
    expect(machine.snapshots.bytes - kept).toBeLessThanOrEqual(2 * 4096 + 256);
    expect(machine.snapshots.bytes - kept).toBeGreaterThanOrEqual(2 * 4096);
    memory.writeU64(0x7000, 4n);
    machine.restore(first);
    expect([0x5000, 0x6000, 0x7000].map(at => memory.readU64(at))).toEqual([1n, 0n, 0n]);
    machine.restore(second);
    expect([0x5000, 0x6000, 0x7000].map(at => memory.readU64(at))).toEqual([2n, 3n, 0n]);
    expect(memory.dirtyPages).toEqual([]);
  });

  it('refuse those of another machine, released ones, and a restore during a run', () => {
    const machine = machineFor(randomProgram(1, { selfModifying: false })), other = new Machine({ cpus: 1, ramSize: 2 << 20 });
    const snapshot = machine.takeSnapshot(), gone = machine.takeSnapshot();
    gone.release();
    expect(() => other.restore(snapshot)).toThrow(/belongs to another machine/);
    expect(() => machine.restore(gone)).toThrow(/snapshot of position 0 has been released/);
    machine.translator.setBreakpoints(new Set([machine.cpus[0]!.rip]));
    machine.onBreakpoint = () => {
      machine.takeSnapshot();
      machine.restore(snapshot);
      return true;
    };
    expect(() => machine.run(10)).toThrow(/cannot be restored while the machine runs/);
  });

  it('give back the room of what is released, whatever the order', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Random(seed), machine = new Machine({ cpus: 1, ramSize: 2 << 20 }), { memory } = machine;
      const live: { snapshot: Snapshot; values: bigint[] }[] = [];
      const values = () => Array.from({ length: 12 }, (_, n) => memory.readU64(0x4000 + n * 0x1000));
      for (let n = 0; n < 300; n++) {
        const what = random.below(10), one = live.length ? random.pick(live) : undefined;
        if (what < 4) memory.writeU64(0x4000 + random.below(12) * 0x1000, BigInt(random.below(3)));
        else if (what < 6) live.push({ snapshot: machine.takeSnapshot(), values: values() });
        else if (what < 8 && one) {
          machine.restore(one.snapshot);
          expect(values(), `seed ${seed}`).toEqual(one.values);
        } else if (one) {
          one.snapshot.release();
          live.splice(live.indexOf(one), 1);
        }
        expect(sorted(memory.dirtyPages)).toEqual(flaggedPages(machine));
      }
      for (const one of live) {
        machine.restore(one.snapshot);
        expect(values()).toEqual(one.values);
      }
      for (const { snapshot } of live) snapshot.release();
      expect(machine.snapshots.count).toBe(0);
      expect(machine.snapshots.bytes).toBe(0);
      const after = values();
      const last = machine.takeSnapshot();
      memory.fill(0x4000, 0x10000, 7);
      machine.restore(last);
      expect(values()).toEqual(after);
    }
  });

  it('drop the translations of pages that differ, and keep the others', () => {
    const program = randomProgram(77, { selfModifying: false }), machine = machineFor(program), { translator, memory } = machine;
    const compile = () => translator.compileNow(machine.cpus[0]!, program.blocks.map(BigInt));
    compile();
    const snapshot = machine.takeSnapshot(), all = translator.counts.regions;
    memory.writeU8(0x40000, 1);
    machine.restore(snapshot);
    expect(translator.counts.regions).toBe(all);
    memory.writeU8(0x10000 + program.blocks[0]! % 0x1000 + 1, 0x55);
    const others = translator.counts.regions;
    expect(others).toBeGreaterThan(0);
    expect(others).toBeLessThan(all);
    compile();
    expect(translator.counts.regions).toBeGreaterThan(others);
    machine.restore(snapshot);
    expect(translator.counts.regions).toBe(others);
  });
});

/** Runs on to the position and tells the state there. A program that has destroyed itself stops earlier. */
function runTo(machine: Machine, position: number): string {
  machine.run(position);
  return `${machine.position} ${machine.stateHash()}`;
}

it('a restore leaves the debugger\'s watchpoints as they are', () => {
  const { machine } = boot('');
  machine.run(300_000);
  const snapshot = machine.takeSnapshot();
  machine.watch.set('all', 'debugger', [{ linear: 0xffffffff80000000n, length: 0x10000000, read: true, write: true, source: 'debugger', id: 5 }]);
  machine.restore(snapshot);
  expect(machine.run(310_000)).toMatchObject({ kind: 'watchpoint', hits: [{ id: 5 }] });
  const watched = machine.takeSnapshot();
  machine.watch.set('all', 'debugger', []);
  machine.restore(watched);
  expect(machine.run(310_000)).toBeUndefined();
});

describe('what runs on from a snapshot', () => {
  for (const selfModifying of [false, true]) {
    it(`takes the same course as the first time${selfModifying ? ', while it changes its own code' : ''}`, () => {
      for (let seed = 1; seed <= 8; seed++) {
        const program = randomProgram(seed * 4241 + (selfModifying ? 1 : 0), { selfModifying }), random = new Random(seed);
        const machine = machineFor(program, { seed, cpus: 1 + seed % 3, schedule: { kind: 'random', quantum: 40, seed } });
        if (seed % 2) machine.translator.compileNow(machine.cpus[0]!, program.blocks.map(BigInt));
        machine.translator.tuning = { queueAt: 1, compileAt: 1, batch: 1 };
        // The state at each position that was come to, whatever the way there.
        const states = new Map<number, string>(), live: Snapshot[] = [];
        for (let n = 0; n < 60; n++) {
          const to = machine.position + random.pick([1, 7, 50, 333]);
          if (machine.run(to)) machine.restore(live[0] ?? machine.takeSnapshot());
          const hash = machine.stateHash(), known = states.get(machine.position);
          if (known !== undefined) expect(hash, `seed ${seed}, position ${machine.position}`).toBe(known);
          states.set(machine.position, hash);
          if (random.chance(0.5)) live.push(machine.takeSnapshot());
          if (live.length && random.chance(0.6)) {
            const one = random.pick(live);
            machine.restore(one);
            expect(machine.stateHash(), `seed ${seed}, back at ${one.position}`).toBe(states.get(one.position));
            expect(machine.cpus.flatMap(cpu => checkFastTables(machine.memory, cpu.index))).toEqual([]);
          }
          if (live.length > 5) live.splice(random.below(live.length), 1)[0]!.release();
          expect(sorted(machine.memory.dirtyPages)).toEqual(flaggedPages(machine));
        }
      }
    });
  }

  it('is the same for the guest kernel on two CPUs, with devices, tasks and address spaces', () => {
    const { machine, output } = boot('', { schedule: { kind: 'random', quantum: 500, seed: 3 } });
    machine.devices.uart.feed(new TextEncoder().encode('storm 300 &\nforks 3\ncat /proc/cpuinfo\n'));
    machine.run(500_000);
    const start = machine.takeSnapshot(), printed = output().length;
    const first = [600_000, 700_001, 1_500_000].map(position => runTo(machine, position)), text = output().slice(printed);
    const end = machine.takeSnapshot();
    machine.restore(start);
    const middle = runTo(machine, 600_000);
    expect(middle).toBe(first[0]);
    const aside = machine.takeSnapshot();
    machine.devices.uart.feed(new TextEncoder().encode('echo elsewhere\n'));
    machine.cpus[1]!.setInt(0x308, 1);
    expect(runTo(machine, 1_500_000)).not.toBe(first[2]);
    machine.restore(end);
    expect(`${machine.position} ${machine.stateHash()}`).toBe(first[2]);
    machine.restore(aside);
    const again = output().length;
    expect([700_001, 1_500_000].map(position => runTo(machine, position))).toEqual(first.slice(1));
    expect(text.endsWith(output().slice(again))).toBe(true);
    const cold = boot('', { schedule: { kind: 'random', quantum: 500, seed: 3 } }).machine;
    cold.devices.uart.feed(new TextEncoder().encode('storm 300 &\nforks 3\ncat /proc/cpuinfo\n'));
    expect(runTo(cold, 1_500_000)).toBe(first[2]);
    expect(sorted(machine.memory.dirtyPages)).toEqual(flaggedPages(machine));
  });

  it('bring back TLB entries of large pages, whatever has been walked where they were not', () => {
    const machine = new Machine({ cpus: 1, ramSize: 8 << 20 }), { memory, mmu } = machine, cpu = machine.cpus[0]!;
    // A page table with two pages at the addresses that a page of 2 MiB covers as well; both in turn by the same entry at 0x3000.
    const [root, directory, table, large] = [0x1000, 0x3000, 0x4000, 0x400000];
    for (const [at, value] of [[root, 0x2007], [0x2000, directory | 7], [table, 0x10067], [table + 8, 0x11067]] as const) memory.writeU64(at, BigInt(value));
    for (const [field, value] of [[L.CR0, 0x80000001n], [L.CR4, 0x20n], [L.EFER, 0x500n], [L.CR3, BigInt(root)]] as const) cpu.set(field, value);
    cpu.setInt(L.MODE, L.CodeMode.Long);
    mmu.reset(cpu);
    const read = (linear: number) => mmu.resolve(cpu.base, linear, 0, 8) - RAM_BASE;
    memory.writeU64(directory, BigInt(large | 0xe7));
    expect(read(0x1000)).toBe(large + 0x1000);
    memory.writeU64(directory, BigInt(table | 0x27));
    const withEntry = machine.takeSnapshot();
    expect(read(0x1008)).toBe(large + 0x1008);
    mmu.invlpg(cpu, 0x1000, 0);
    expect(read(0x0008)).toBe(0x10008);
    machine.restore(withEntry);
    expect(read(0x1010)).toBe(large + 0x1010);
  });

  it.each(['', 'nopcid'])('has the TLBs word by word, while translated code switches address spaces (command line "%s")', commandLine => {
    const { machine } = boot(commandLine), random = new Random(4);
    machine.devices.uart.feed(new TextEncoder().encode('storm 20000 &\nforks 20\n'));
    machine.run(3_000_000);
    // All but the context ids, which belong to the fast tables.
    const words = () => machine.cpus.map(({ index }) => {
      const t = tlbWord(index), { i32 } = machine.memory;
      return [...i32.slice(t, t + 8), ...i32.slice(t + H_PCID_STAMPS, t + H_PCID_STAMPS + 4096), ...i32.slice(t + H_ENTRIES, t + H_ENTRIES + SETS * SET_WORDS)].join();
    });
    const kept: { snapshot: Snapshot; words: string[]; hash: string }[] = [];
    for (let n = 0; n < 20; n++) {
      kept.push({ snapshot: machine.takeSnapshot(), words: words(), hash: machine.stateHash() });
      if (random.chance(0.5)) {
        const one = random.pick(kept);
        machine.restore(one.snapshot);
        expect(machine.stateHash()).toBe(one.hash);
        expect(words().map((text, cpu) => text === one.words[cpu])).toEqual(machine.cpus.map(() => true));
      }
      machine.run(machine.position + random.pick([300, 1500, 80_000]));
    }
  });

  it.each([
    ['timers, interrupt controllers and the small devices', () => buildKernel('timer', ['multiboot.S', 'timer.c'], 'multiboot.ld', 32), 1],
    ['page tables of 32 bits', () => buildKernel('paging', ['multiboot.S', 'paging.c'], 'multiboot.ld', 32), 1],
    ['processors that start and stop', () => buildKernel('smp', ['smp.S', 'smp.c'], 'pvh.ld', 64), 4],
  ] as const)('is the same for a kernel with %s, from wherever in its run', (_, build, cpus) => {
    const file = readFileSync(build());
    const make = () => {
      const machine = new Machine({ cpus, ramSize: 16 << 20 });
      loadKernel(machine, file, { commandLine: '', name: 'kernel' });
      return machine;
    };
    // Without snapshots: where it ends, and the states on the way.
    const plain = make(), states: { position: number; state: string }[] = [];
    while (!plain.run(200_000_000)) continue;
    const end = plain.position, machine = make(), live: Snapshot[] = [], cold = make();
    for (let n = 1; n <= 7; n++) {
      const position = Math.floor(end * n / 8);
      states.push({ position, state: runTo(cold, position) });
    }
    for (const { position, state } of states) {
      expect(runTo(machine, position)).toBe(state);
      live.push(machine.takeSnapshot());
    }
    machine.run(end);
    const random = new Random(9);
    for (let n = 0; n < 6; n++) {
      const at = random.below(states.length), on = Math.min(states.length - 1, at + 1 + random.below(2));
      machine.restore(live[at]!);
      expect(`${machine.position} ${machine.stateHash()}`).toBe(states[at]!.state);
      expect(runTo(machine, states[on]!.position), `from ${at} to ${on}`).toBe(states[on]!.state);
    }
    machine.restore(live[0]!);
    machine.run(200_000_000);
    expect(`${machine.position} ${machine.stateHash()}`).toBe(`${plain.position} ${plain.stateHash()}`);
  });
});
