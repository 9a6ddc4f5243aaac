import { beforeEach, describe, expect, it } from 'vitest';
import { decodeCr3, type ExceptionRecord, judge, KaiserHistory, type ParanoidFrame, type Situation, type Verdict } from '../../src/kaiser/index.js';
import { buildImage, HandBuilt, KERNEL_ROOT, SHADOW_ROOT, USER_CODE } from './machine.js';

const symbols = buildImage('kernel.S');
let machine: HandBuilt;
let history: KaiserHistory;
beforeEach(() => {
  machine = new HandBuilt(symbols);
  history = new KaiserHistory();
});

const kernelCr3 = BigInt(KERNEL_ROOT) | 1n;
const cr3 = (value: bigint) => decodeCr3(value, { pcidEnabled: true });
const where = (what: Situation['where'], more: Partial<Situation> = {}): Situation => ({ cpu: 1, where: what, half: 'shadow', rip: USER_CODE, decided: false, ...more });
const flip = (to: 0 | 1, situation: Situation, position = 500): void => history.flipped({ position, writer: 0, to, situations: [where('kernel', { cpu: 0 }), situation] });
const shadow = cr3(BigInt(SHADOW_ROOT) | 0x801n), kernel = cr3(kernelCr3);

/** The fetch of user code on the kernel half that the poison has stopped. */
function tripwire(kaiser: { enabled: number; flag: number }, toggling?: number): Verdict | undefined {
  const record = machine.record({ rip: USER_CODE, address: USER_CODE, cpl: 3, errorCode: 0x15, cr3: kernelCr3 });
  return judge(machine.facts({ exceptions: [record], kaiser, history, ...(toggling === undefined ? {} : { toggling }) }));
}

/** Kernel code on the shadow half. */
function missed(): Verdict | undefined {
  const record = machine.record({ rip: machine.at('entry_irq_cr3') + 3n, address: machine.at('jiffies'), errorCode: 2 });
  return judge(machine.facts({ exceptions: [record], kaiser: { enabled: 0, flag: 0 }, history }));
}

describe('a missed switch', () => {
  it('of a CPU that was in user mode when the flag became 0, or had not asked yet, is H1', () => {
    flip(0, where('user'));
    expect(missed()).toMatchObject({ hazard: 'H1', predicate: 'P20' });
    expect(missed()!.text).toContain('The flag had become 0 at position 500, written by CPU 0, while CPU 1 was in user mode at 0x401000 on the shadow half.');
    expect(missed()!.text).toMatch(/it went wrong where the write to CR3 at 0x[0-9a-f]+ \(entry_irq_cr3\) was skipped\.$/);
    flip(0, where('entering'), 600);
    expect(missed()!.hazard).toBe('H1');
  });

  it('of a CPU that was on its way out is H2', () => {
    flip(0, where('leaving', { rip: machine.at('exit_sysret_cr3') + 3n, path: 'sysret' }));
    expect(missed()).toMatchObject({ hazard: 'H2' });
    expect(missed()!.text).toMatch(/while CPU 1 was on its way out by sysret at 0x[0-9a-f]+ \(exit_sysret_cr3\+0x3\), with the shadow half loaded/);
  });

  it('goes by the last change that concerned this CPU before it', () => {
    flip(0, where('user'), 400);
    history.flipped({ position: 500, writer: 0, only: 0, to: 0, situations: [where('leaving'), where('leaving')] });
    flip(0, where('leaving'), 2000);
    expect(missed()!.hazard).toBe('H1');
  });
});

describe('user code on the kernel half', () => {
  it('while the toggle that switches off is still about the poison is H3; when it is over, H9', () => {
    flip(0, where('kernel', { half: 'kernel' }));
    expect(tripwire({ enabled: 0, flag: 0 }, 0)).toMatchObject({ hazard: 'H3', predicate: 'P21' });
    expect(tripwire({ enabled: 0, flag: 0 })).toMatchObject({ hazard: 'H9' });
  });

  it('that was there when the flag became 1 is H4, that was behind the question is H5', () => {
    flip(1, where('user', { half: 'kernel' }));
    expect(tripwire({ enabled: 1, flag: 1 }, 1)!.hazard).toBe('H4');
    flip(1, where('leaving', { half: 'kernel' }));
    expect(tripwire({ enabled: 1, flag: 1 }, 1)).toMatchObject({ hazard: 'H5' });
    expect(tripwire({ enabled: 1, flag: 1 }, 1)!.text).toContain('where it had asked already. It should have been on the shadow half when it came to user mode');
  });

  const frame = (flag: number, situation = where('leaving')): void => history.paranoidEntered({ cpu: 1, handler: 'an NMI', entered: { position: 700, cr3: shadow, flag, situation } });
  it('that an NMI has put there is H7 when the flag changed under it, and the gap when it did not', () => {
    frame(1);
    flip(0, where('leaving', { handler: 'an NMI' }), 750);
    history.paranoidLeft(1, { position: 800, cr3: kernel, flag: 0 });
    expect(tripwire({ enabled: 0, flag: 0 }, 0)).toMatchObject({ hazard: 'H7', predicate: 'P14' });
    expect(tripwire({ enabled: 0, flag: 0 }, 0)!.text).toContain('while CPU 1 was in the handler of an NMI; before that it was on its way out at 0x401000');
    frame(1);
    history.paranoidLeft(1, { position: 900, cr3: kernel, flag: 1 });
    expect(tripwire({ enabled: 1, flag: 1 })).toMatchObject({ hazard: 'paranoid_exit', predicate: 'P14' });
  });

  it('is not blamed on an NMI that put CR3 back, that came to the kernel, or behind which the CPU has been in the kernel', () => {
    frame(1);
    history.paranoidLeft(1, { position: 800, cr3: shadow, flag: 1 });
    expect(tripwire({ enabled: 1, flag: 1 })!.hazard).toBe('H4');
    frame(1, where('entering'));
    history.paranoidLeft(1, { position: 810, cr3: kernel, flag: 1 });
    expect(tripwire({ enabled: 1, flag: 1 })!.hazard).toBe('H4');
    frame(1);
    history.paranoidLeft(1, { position: 820, cr3: kernel, flag: 1 });
    const before = machine.record({ rip: USER_CODE, address: 0x50_0000n, cpl: 3, errorCode: 6, position: 900 });
    const record = machine.record({ rip: USER_CODE, address: USER_CODE, cpl: 3, errorCode: 0x15, cr3: kernelCr3 });
    expect(judge(machine.facts({ exceptions: [before, record], kaiser: { enabled: 1, flag: 1 }, history }))!.hazard).toBe('H4');
  });
});

describe('a CR3 that was never saved', () => {
  const garbage = (): ExceptionRecord => machine.record({ vector: 13, errorCode: 0, address: undefined, rip: machine.at('exit_paranoid_cr3'), cr3: kernelCr3 });
  const open = (flag: number, rip: bigint): ParanoidFrame => ({ cpu: 1, handler: 'an NMI', entered: { position: 400, cr3: kernel, flag, situation: where('kernel', { rip }) } });
  const verdict = (): Verdict => judge(machine.facts({ exceptions: [garbage()], kaiser: { enabled: 1, flag: 1 }, history, registers: () => 0xdead_0000_0000_0000n }))!;

  it('is H6 with the story of the handler', () => {
    history.paranoidEntered(open(0, machine.at('do_timer')));
    flip(1, where('kernel', { handler: 'an NMI' }));
    expect(verdict()).toMatchObject({ hazard: 'H6', predicate: 'P23' });
    expect(verdict().text).toMatch(/An NMI had come at position 400, while kaiser was off, when CPU 1 was in the kernel at 0x[0-9a-f]+ \(do_timer\).*The flag became 1 at position 500, written by CPU 0\. Its exit wrote a register to CR3/);
  });

  it('is H8 when the handler came to a CPU that was stopped', () => {
    history.paranoidEntered(open(0, machine.at('stop_here')));
    flip(1, where('kernel', { handler: 'an NMI' }));
    expect(verdict()).toMatchObject({ hazard: 'H8' });
    expect(verdict().text).toContain('written by CPU 0 with all CPUs stopped, which keeps interrupts out but no such handler');
  });

  it('is told as before when the handler is not known, or the flag was on all along', () => {
    expect(verdict().text).toContain('the value was never saved on the way in');
    history.paranoidEntered(open(1, machine.at('do_timer')));
    expect(verdict()).toMatchObject({ hazard: 'H6', text: expect.stringContaining('the value was never saved on the way in') });
  });
});

describe('the history', () => {
  it('forgets a handler that it has not seen begin, and what it has kept too long', () => {
    history.paranoidLeft(1, { position: 1, cr3: kernel, flag: 1 });
    expect(history.lastFrame(1)).toBeUndefined();
    for (let n = 0; n < 200; n++) flip(n % 2 ? 1 : 0, where('user'), n);
    expect(history.lastFlip(1)).toMatchObject({ position: 199, to: 1 });
    expect(history.lastFlip(1, 100)).toBeUndefined();
  });

  it('moves the last change of a writer to the moment when it was made', () => {
    flip(0, where('kernel'), 100);
    history.flippedLater(0, { position: 300, situations: [where('kernel', { cpu: 0 }), where('leaving')] });
    history.flippedLater(5, { position: 900, situations: [] });
    expect(history.lastFlip(1)).toMatchObject({ position: 300, to: 0, situations: [{}, { where: 'leaving' }] });
  });
});
