import { describe, expect, it } from 'vitest';
import { parseSchedule, Schedule } from '../../src/machine/schedule.js';

describe('round robin', () => {
  it('gives every ready CPU the quantum in turn and passes over the others', () => {
    const schedule = new Schedule({ kind: 'round-robin', quantum: 7 }, 4);
    const turns = Array.from({ length: 5 }, () => schedule.next(cpu => cpu !== 2));
    expect(turns.map(t => t!.cpu)).toEqual([0, 1, 3, 0, 1]);
    expect(turns.every(t => t!.steps === 7)).toBe(true);
  });

  it('has no turn when nobody is ready', () => {
    expect(new Schedule({ kind: 'round-robin', quantum: 7 }, 2).next(() => false)).toBeUndefined();
  });
});

describe('random', () => {
  const draw = (seed: number, count = 200) => {
    const schedule = new Schedule({ kind: 'random', seed, quantum: 10 }, 3);
    return Array.from({ length: count }, () => schedule.next(() => true)!);
  };

  it('is decided by its seed', () => {
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  it('lets every CPU run, from 1 step to below twice the quantum', () => {
    const turns = draw(1);
    expect(new Set(turns.map(t => t.cpu)).size).toBe(3);
    expect(Math.min(...turns.map(t => t.steps))).toBeGreaterThanOrEqual(1);
    expect(Math.max(...turns.map(t => t.steps))).toBeLessThan(20);
    expect(new Set(turns.map(t => t.steps)).size).toBeGreaterThan(10);
  });

  it('goes on from a saved state as if it had not stopped', () => {
    const first = new Schedule({ kind: 'random', seed: 9, quantum: 10 }, 3);
    for (let n = 0; n < 10; n++) first.next(() => true);
    const second = new Schedule({ kind: 'random', seed: 9, quantum: 10 }, 3);
    second.state = first.state;
    for (let n = 0; n < 50; n++) expect(second.next(() => true)).toEqual(first.next(() => true));
  });
});

describe('schedules as text', () => {
  it.each([
    ['round-robin', { kind: 'round-robin', quantum: 1000 }],
    ['round-robin:1', { kind: 'round-robin', quantum: 1 }],
    ['random:7', { kind: 'random', seed: 7, quantum: 1000 }],
    ['random:7:20', { kind: 'random', seed: 7, quantum: 20 }],
  ])('reads %s', (text, spec) => expect(parseSchedule(text)).toEqual(spec));

  it.each(['', 'robin', 'random', 'random:x', 'round-robin:0', 'round-robin:1:2', 'random:1:2:3', 'round-robin:-5', 'random:4294967296'])(
    'refuses %j and names it', text => expect(() => parseSchedule(text)).toThrow(`Schedule '${text}'`));
});
