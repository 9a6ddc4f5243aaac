import { expect, it } from 'vitest';
import type { TlbAppetite } from '../../src/machine/memory/forgetting.js';
import { boot } from './run.js';

const POSITIONS = [100_000, 1_000_000, 3_000_000];

/** Hashes at the positions, running there in pieces of `piece` steps. */
function hashes(schedule: { kind: 'round-robin'; quantum: number } | { kind: 'random'; quantum: number; seed: number }, piece: number,
  options: { tlb?: TlbAppetite; append?: string } = {}): string[] {
  const { machine } = boot(options.append ?? '', { schedule, tlb: options.tlb });
  machine.devices.uart.feed(new TextEncoder().encode('storm 100 &\nforks 3\n'));
  return POSITIONS.map(position => {
    while (machine.position < position) {
      const stop = machine.run(Math.min(position, machine.position + piece));
      if (stop) throw new Error(`stopped: ${stop.kind}`);
    }
    return machine.stateHash();
  });
}

it('gives the same state at the same position for the same inputs, however the run is cut', () => {
  const whole = hashes({ kind: 'round-robin', quantum: 1000 }, 1e9);
  expect(hashes({ kind: 'round-robin', quantum: 1000 }, 1e9)).toEqual(whole);
  expect(hashes({ kind: 'round-robin', quantum: 1000 }, 77_777)).toEqual(whole);
});

it.each(['', 'nopcid kaiser=off'])('is as deterministic with TLBs that forget, command line "%s"', append => {
  const whole = hashes({ kind: 'round-robin', quantum: 1000 }, 1e9, { tlb: 'forget', append });
  expect(hashes({ kind: 'round-robin', quantum: 1000 }, 7_777, { tlb: 'forget', append })).toEqual(whole);
});

it('takes an other course under an other schedule', () => {
  const all = [
    hashes({ kind: 'round-robin', quantum: 1000 }, 1e9), hashes({ kind: 'round-robin', quantum: 999 }, 1e9),
    hashes({ kind: 'random', quantum: 1000, seed: 1 }, 1e9), hashes({ kind: 'random', quantum: 1000, seed: 2 }, 1e9),
  ];
  expect(new Set(all.map(h => h[2])).size).toBe(all.length);
});
