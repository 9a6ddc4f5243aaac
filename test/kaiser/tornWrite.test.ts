import { beforeEach, expect, it } from 'vitest';
import { judge, KaiserHistory, type Verdict } from '../../src/kaiser/index.js';
import { buildImage, HandBuilt, KERNEL_ROOT, SHADOW_ROOT, USER_CODE } from './machine.js';

const symbols = buildImage('kernel.S');
let machine: HandBuilt;
let history: KaiserHistory;
beforeEach(() => {
  machine = new HandBuilt(symbols);
  history = new KaiserHistory();
});

const kernelCr3 = BigInt(KERNEL_ROOT) | 1n;
const torn = (kind: 'policy' | 'entry', entry = KERNEL_ROOT): void => history.tornWrite({ kind, entry, cpu: 0, read: 300, written: 400 });

function poisoned(kaiser = { enabled: 0, flag: 0 }): Verdict | undefined {
  const record = machine.record({ rip: USER_CODE, address: USER_CODE, cpl: 3, errorCode: 0x15, cr3: kernelCr3 });
  return judge(machine.facts({ exceptions: [record], kaiser, history }));
}

function hole(errorCode = 4): Verdict | undefined {
  machine.tables.set(SHADOW_ROOT, 0, 0n);
  return judge(machine.facts({ exceptions: [machine.record({ rip: USER_CODE, address: USER_CODE + 0x1000n, cpl: 3, errorCode })], kaiser: { enabled: 1, flag: 1 }, history }));
}

it('poison that set_pgd stored by a policy that was over is told with both moments (H9)', () => {
  torn('policy');
  expect(poisoned()).toMatchObject({ hazard: 'H9', predicate: 'P9', title: 'An entry was poisoned by a policy that was over' });
  expect(poisoned()!.text).toContain('set_pgd had read the policy, on, at position 300; KAISER was switched off, and the poison was taken out of all entries; then, at position 400, CPU 0 stored this entry, poisoned.');
});

it('another entry, another kind and a policy that is on say nothing about it', () => {
  torn('policy', KERNEL_ROOT + 8);
  torn('entry');
  expect(poisoned()).toMatchObject({ hazard: 'H9', title: 'Poison left behind while kaiser is off' });
  torn('policy');
  expect(poisoned({ enabled: 1, flag: 1 })!.hazard).toBe('H4');
});

it('an entry that the walk has brought back is told as such (H10), and is a hole in the mirror (H14) where no walk has', () => {
  expect(hole()).toMatchObject({ hazard: 'H14' });
  torn('entry');
  expect(hole()).toMatchObject({ hazard: 'H10', predicate: 'P8' });
  expect(hole()!.text).toContain('CPU 0, on the walk that poisons, had read the entry at position 300; it was cleared, and the tables below it freed; by position 400 the walk had written it back.');
});

it('an entry that was brought back and is there in both halves by now is nothing special', () => {
  torn('entry');
  const record = machine.record({ rip: USER_CODE, address: 0x50_0000n, cpl: 3, errorCode: 6 });
  expect(judge(machine.facts({ exceptions: [record], kaiser: { enabled: 1, flag: 1 }, history }))).toBeUndefined();
});
