import { beforeEach, describe, expect, it } from 'vitest';
import { type CrashFacts, judge, KaiserHistory, type Situation, type Verdict } from '../../src/kaiser/index.js';
import { NX, P, RW } from '../paging/tables.js';
import { buildImage, DIRECT_MAP, HandBuilt, KERNEL_ROOT, SHADOW_ROOT, USER_CODE } from './machine.js';

const symbols = buildImage('kernel.S');
let machine: HandBuilt;
let history: KaiserHistory;
beforeEach(() => {
  machine = new HandBuilt(symbols);
  history = new KaiserHistory();
});

const kernelCr3 = BigInt(KERNEL_ROOT) | 1n;
const situations: Situation[] = [0, 1].map(cpu => ({ cpu, where: 'kernel', half: 'kernel', rip: 0n, decided: false }));
const flip = (to: 0 | 1, more: { only?: number; byHand?: true; position?: number } = {}): void => history.flipped({ position: 500, writer: 0, to, situations, ...more });

/** The fetch of user code on the kernel half that was refused; by the poison, or with the poison gone by now. */
function tripwire(kaiser: CrashFacts['kaiser'], more: Partial<CrashFacts> = {}): Verdict | undefined {
  const record = machine.record({ rip: USER_CODE, address: USER_CODE, cpl: 3, errorCode: 0x15, cr3: kernelCr3 });
  return judge(machine.facts({ exceptions: [record], kaiser, history, ...more }));
}

describe('policy and word that disagree', () => {
  const split = { enabled: 1, flag: 0, asks: 'flag' } as const, word = { enabled: 1, flag: 0, asks: 'cpu word' } as const;

  it('by the debugger’s hand are H31, unless a toggle is under way', () => {
    flip(0, { byHand: true });
    expect(tripwire(split)).toMatchObject({ hazard: 'H31', predicate: 'P17' });
    expect(tripwire(split)!.text).toContain('the debugger wrote it at position 500');
    expect(tripwire(split, { toggling: 0 })!.hazard).not.toBe('H31');
  });

  it('after two toggles at the same time are H29, and no longer when one has run alone since', () => {
    history.toggles.began({ position: 10, cpu: 0, task: 1n, to: 0 });
    history.toggles.began({ position: 20, cpu: 1, task: 2n, to: 1 });
    history.toggles.ended(1n);
    history.toggles.ended(2n);
    expect(tripwire(split)).toMatchObject({ hazard: 'H29' });
    expect(tripwire(split)!.text).toContain('CPU 0 began to switch off at position 10, and before that had come to its end, CPU 1 began to switch on at position 20');
    history.toggles.began({ position: 30, cpu: 0, task: 1n, to: 0 });
    expect(tripwire(split)!.hazard).toBe('H29');
    history.toggles.ended(1n);
    expect(tripwire(split)!.hazard).not.toBe('H29');
  });

  it('where the toggle had set this CPU’s word are H26; where it had set only those of others, H28', () => {
    flip(1, { only: 0 });
    expect(tripwire(word)).toMatchObject({ hazard: 'H28' });
    flip(1, { only: 1, position: 501 });
    expect(tripwire(word)).toMatchObject({ hazard: 'H26' });
    expect(tripwire(word)!.text).toContain('though the toggle at position 501 had set it on for CPU 1');
  });

  it('mean nothing where each process has a state of its own', () => {
    flip(1, { only: 1 });
    expect(tripwire({ ...word, design: 'per_process' })!.hazard).not.toBe('H26');
  });
});

describe('poison that should be gone', () => {
  const off = { enabled: 0, flag: 0 };

  it('in a table that was filled before the walk and was not on the list is H15; on the list, or filled later, it is not', () => {
    history.poison.stored(KERNEL_ROOT, { position: 100, cpu: 1 });
    history.poison.walked({ position: 200, cpu: 0, poison: false, roots: new Set() });
    expect(tripwire(off)).toMatchObject({ hazard: 'H15', predicate: 'P9' });
    history.poison.stored(KERNEL_ROOT, { position: 300, cpu: 1 });
    expect(tripwire(off)!.hazard).toBe('H9');
    history.poison.walked({ position: 400, cpu: 0, poison: false, roots: new Set([KERNEL_ROOT]) });
    expect(tripwire(off)!.hazard).toBe('H9');
  });

  it('in a TLB is H32 when another CPU had taken it out of this one table, else H12', () => {
    machine.poison(false);
    expect(tripwire(off)).toMatchObject({ hazard: 'H12' });
    history.poison.steppedAlone(KERNEL_ROOT, { position: 300, cpu: 1, poison: false });
    expect(tripwire(off)).toMatchObject({ hazard: 'H12' });
    history.poison.steppedAlone(KERNEL_ROOT, { position: 310, cpu: 0, poison: false });
    expect(tripwire(off)).toMatchObject({ hazard: 'H32', predicate: 'P10' });
    history.poison.walked({ position: 400, cpu: 0, poison: false, roots: new Set([KERNEL_ROOT]) });
    expect(tripwire(off)).toMatchObject({ hazard: 'H12' });
  });
});

describe('user mode on the tables of another process', () => {
  it('is H27', () => {
    const verdict = tripwire({ enabled: 1, flag: 1 }, { loadedRoot: 0x30_0000n });
    expect(verdict).toMatchObject({ hazard: 'H27', predicate: 'P4' });
    expect(verdict!.text).toContain(`the pair at 0x${KERNEL_ROOT.toString(16)}, and the address space that it should be in has the pair at 0x300000`);
  });

  it('is not seen where it is the right pair', () => {
    expect(tripwire({ enabled: 1, flag: 1 }, { loadedRoot: BigInt(KERNEL_ROOT) })!.hazard).not.toBe('H27');
  });
});

describe('entry code', () => {
  const registers = (values: Record<string, bigint>) => (name: string): bigint | undefined => values[name];

  it('that needs an LDT which only the kernel half maps is H19, with the selector', () => {
    const record = machine.record({ rip: machine.at('exit_iret_user'), address: DIRECT_MAP + 0x5010n, errorCode: 0 });
    const verdict = judge(machine.facts({ exceptions: [record], kaiser: { enabled: 1, flag: 1 }, registers: registers({ ldtr_base: DIRECT_MAP + 0x5000n }) }));
    expect(verdict).toMatchObject({ hazard: 'H19', predicate: 'P13' });
    expect(verdict!.text).toContain('to load selector 0x17');
    expect(judge(machine.facts({ exceptions: [record], registers: registers({ ldtr_base: 0n }) }))!.hazard).not.toBe('H19');
  });

  it('that looks at the CPU’s word before SWAPGS and does not switch is H22, with where user mode’s GS points', () => {
    const record = machine.record({ rip: machine.at('entry_irq_cr3') + 3n, address: machine.at('jiffies'), errorCode: 2 });
    const kaiser = { enabled: 1, flag: 1, looksBeforeSwapgs: true };
    const verdict = judge(machine.facts({ exceptions: [record], kaiser, registers: registers({ kernel_gs_base: 0x40_3000n }) }));
    expect(verdict).toMatchObject({ hazard: 'H22', predicate: 'P18' });
    expect(verdict!.text).toContain('through the user\'s GS, which points at 0x403000');
    const read = machine.record({ rip: machine.at('entry_irq_cr3'), address: 8n });
    expect(judge(machine.facts({ exceptions: [read], kaiser }))).toMatchObject({ hazard: 'H22' });
  });
});

describe('a low address of the kernel’s own', () => {
  it('that is poisoned is H30: by NX, or by a reserved bit; that of user mode is not', () => {
    machine.tables.map(SHADOW_ROOT, 0x80_0000_8000n, 0x22_0000n, P, 1, P | RW);
    const slot = machine.tables.get(SHADOW_ROOT, 1);
    const fetch = (errorCode: number): Verdict | undefined => judge(machine.facts({ exceptions: [machine.record({ rip: 0x80_0000_8000n, address: 0x80_0000_8000n, errorCode })], event: 'shutdown' }));
    expect(fetch(0x11)?.hazard).not.toBe('H30');
    machine.tables.set(SHADOW_ROOT, 1, slot | NX);
    expect(fetch(0x11)).toMatchObject({ hazard: 'H30', predicate: 'P9' });
    expect(fetch(0x11)!.text).toContain('forbids execution');
    expect(fetch(0x19)!.text).toContain('is reserved as long as EFER.NXE is 0');
    machine.tables.set(SHADOW_ROOT, 1, slot | NX | 4n);
    expect(fetch(0x11)?.hazard).not.toBe('H30');
  });
});
