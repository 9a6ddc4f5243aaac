import { describe, expect, it } from 'vitest';
import { boot } from '../../kernel/run.js';
import { NEVER_TRANSLATE } from './tuning.js';
import type { Machine } from '../../../src/machine/machine.js';
import { Random } from '../../oracle/random.js';
import { machineWith } from './code.js';
import { digest, machineFor, randomProgram, type Program } from './program.js';

const STEPS = 2000;

/** Single steps in the interpreter: the digest at every position. */
function reference(program: Program, seed: number): { digests: string[]; hash: string | undefined; faults: number } {
  const machine = machineFor(program, { seed });
  machine.translator.tuning = NEVER_TRANSLATE;
  const digests = [digest(machine)];
  let faults = 0, whole = true;
  machine.onException = () => { faults++; return false; };
  while (machine.position < STEPS) {
    // A program that has written into its code may come to instructions that the machine lacks: it ends there.
    if (machine.run(machine.position + 1)) {
      whole = false;
      break;
    }
    digests.push(digest(machine));
  }
  // Its last attempt may have fetched from a page that the others do not come to.
  return { digests, hash: whole ? machine.stateHash() : undefined, faults };
}

function compare(program: Program, machine: Machine, expected: { digests: string[]; hash: string | undefined }, turn: () => number, what: string): void {
  const end = expected.digests.length - 1;
  while (machine.position < end) {
    const from = machine.position;
    machine.run(Math.min(end, from + turn()));
    if (digest(machine) !== expected.digests[machine.position]) {
      throw new Error(`${what}: the state differs somewhere between position ${from} and ${machine.position}\n${program.texts.join('\n')}`);
    }
  }
  if (expected.hash !== undefined) expect(machine.stateHash(), what).toBe(expected.hash);
}

describe('a program', () => {
  for (const selfModifying of [false, true]) {
    it(`takes the same course whatever the turns, interpreted or translated${selfModifying ? ', while it changes its own code' : ''}`, () => {
      let faults = 0, regions = 0;
      for (let seed = 1; seed <= 8; seed++) {
        const program = randomProgram(seed * 7919 + (selfModifying ? 1 : 0), { selfModifying }), expected = reference(program, seed), random = new Random(seed);
        faults += expected.faults;
        for (const [name, turn] of [['turns of 1 to 20', () => random.between(1, 20)], ['turns of 1 to 700', () => random.between(1, 700)], ['one turn', () => STEPS]] as const) {
          const interpreted = machineFor(program, { seed });
          interpreted.translator.tuning = NEVER_TRANSLATE;
          compare(program, interpreted, expected, turn, `seed ${seed}, interpreted in ${name}`);
          const warm = machineFor(program, { seed });
          warm.translator.tuning = { queueAt: 1, compileAt: 1, batch: 1 };
          compare(program, warm, expected, turn, `seed ${seed}, translated when warm in ${name}`);
          const translated = machineFor(program, { seed });
          translated.translator.compileNow(translated.cpus[0]!, program.blocks.map(BigInt));
          translated.translator.tuning = { queueAt: 1, compileAt: 1, batch: 1 };
          compare(program, translated, expected, turn, `seed ${seed}, translated in ${name}`);
          regions += warm.translator.counts.modules;
        }
      }
      expect(faults).toBeGreaterThan(100);
      expect(regions).toBeGreaterThan(20);
    });
  }
});

it('a program takes the same course when translations are dropped and breakpoints come and go', () => {
  let stops = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const program = randomProgram(seed * 31337, { selfModifying: seed % 2 === 0 }), expected = reference(program, seed), random = new Random(seed);
    const machine = machineFor(program, { seed }), { translator } = machine;
    translator.tuning = { queueAt: 1, compileAt: 1, batch: 1 };
    machine.onBreakpoint = () => { stops++; return random.chance(0.2); };
    compare(program, machine, expected, () => {
      if (random.chance(0.2)) translator.flush();
      if (random.chance(0.3)) translator.setBreakpoints(new Set(Array.from({ length: random.below(4) }, () => BigInt(random.pick(program.blocks) + random.pick([0, 2, 2, 7])))));
      if (random.chance(0.2)) translator.compileNow(machine.cpus[0]!, program.blocks.map(BigInt));
      return random.between(1, 100);
    }, `seed ${seed}`);
  }
  expect(stops).toBeGreaterThan(0);
});

it('two CPUs that write each other\'s code take the same course, interpreted or translated', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const program = randomProgram(seed * 104729, { selfModifying: true });
    const hashes = [false, true].map(translate => {
      const machine = machineFor(program, { seed, cpus: 2, schedule: { kind: 'random', seed, quantum: 30 } });
      if (translate) {
        machine.translator.compileNow(machine.cpus[0]!, program.blocks.map(BigInt));
        machine.translator.tuning = { queueAt: 1, compileAt: 1, batch: 1 };
      } else machine.translator.tuning = NEVER_TRANSLATE;
      const hashes: string[] = [];
      while (machine.position < 6000 && !machine.run(machine.position + 500)) hashes.push(machine.stateHash());
      return hashes;
    });
    expect(hashes[0]!.length).toBeGreaterThan(3);
    expect(hashes[1], `seed ${seed}`).toEqual(hashes[0]);
  }
});

it('the built-in kernel takes the same course, interpreted or translated, in turns of any length', () => {
  const course = (translate: boolean, turn: number) => {
    const { machine, output } = boot('', { cpus: 2 });
    if (!translate) machine.translator.tuning = NEVER_TRANSLATE;
    machine.devices.uart.feed(new TextEncoder().encode('storm 200\nps\n'));
    const hashes: string[] = [];
    for (let next = 500_000; next <= 3_000_000; next += 500_000) {
      while (machine.position < next) machine.run(Math.min(next, machine.position + turn));
      hashes.push(machine.stateHash());
    }
    return { hashes, output: output() };
  };
  const expected = course(false, Infinity);
  expect(expected.output).toContain('storm: 200 ok');
  expect(course(true, Infinity)).toEqual(expected);
  expect(course(true, 777)).toEqual(expected);
});

it('one CPU by itself has the same state at every position, whether several of its turns are run as one or not', () => {
  const make = () => machineWith({ 0: [0xff, 0xc0, 0x83, 0xc3, 0x02, 0xff, 0xc1, 0xeb, 0xf7] }, { quantum: 7 }), steps = make(), random = new Random(5);
  const hashes = [steps.stateHash()];
  while (steps.position < 60) { steps.run(steps.position + 1); hashes.push(steps.stateHash()); }
  expect(new Set(hashes).size).toBe(61);
  for (let round = 0; round < 20; round++) {
    const machine = make();
    while (machine.position < 60) {
      machine.run(Math.min(60, machine.position + random.between(1, 30)));
      expect(machine.stateHash()).toBe(hashes[machine.position]);
    }
  }
});
