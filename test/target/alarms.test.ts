import { expect, it } from 'vitest';
import { Alarms } from '../../src/target/alarms.js';

it('rings each alarm once, in the order of positions, and tells which is next', () => {
  const alarms = new Alarms(), rung: string[] = [];
  for (const position of [30, 10, 20, 10]) alarms.add(position, () => rung.push(`${position}/${rung.length}`));
  expect(alarms.next).toBe(10);
  alarms.ring(10);
  expect(rung).toEqual(['10/0', '10/1']);
  expect(alarms.next).toBe(20);
  alarms.ring(15);
  alarms.ring(20);
  alarms.ring(30);
  alarms.ring(30);
  expect(rung).toEqual(['10/0', '10/1', '20/2', '30/3']);
  expect(alarms.next).toBe(Infinity);
});

it('never rings an alarm whose position is past, nor one that was taken back', () => {
  const alarms = new Alarms();
  let rung = 0;
  alarms.add(5, () => rung++);
  alarms.add(10, () => rung++).dispose();
  alarms.ring(10);
  expect([rung, alarms.next]).toEqual([0, Infinity]);
});

it('rings one that a listener adds for the position that it has come to', () => {
  const alarms = new Alarms(), rung: number[] = [];
  alarms.add(5, () => { rung.push(1); alarms.add(5, () => rung.push(2)); });
  alarms.ring(5);
  expect(rung).toEqual([1, 2]);
});
