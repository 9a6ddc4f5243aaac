import { beforeEach, describe, expect, it } from 'vitest';
import { type ExceptionRecord, judge } from '../../src/kaiser/index.js';
import { P, US } from '../paging/tables.js';
import { buildImage, DIRECT_MAP, ENTRY_AREA, ENTRY_STACK_TOP, HandBuilt, IDT, KERNEL_ROOT, SHADOW_ROOT, TSS, USER_CODE } from './machine.js';

const symbols = buildImage('kernel.S');
let machine: HandBuilt;
beforeEach(() => {
  machine = new HandBuilt(symbols);
});

const kernelCr3 = BigInt(KERNEL_ROOT) | 1n;
const shadowCr3 = BigInt(SHADOW_ROOT) | 0x801n;
/** The instruction behind the CR3 write of the interrupt entry, which counts in kernel data. */
const counting = (): bigint => machine.at('entry_irq_cr3') + 3n;

describe('a missed switch (H1)', () => {
  it('is told with the path, the flag, the address and its symbol', () => {
    const record = machine.record({ rip: counting(), address: machine.at('jiffies'), errorCode: 2 });
    const verdict = judge(machine.facts({ exceptions: [record], kaiser: { enabled: 0, flag: 0 } }))!;
    expect(verdict).toMatchObject({ hazard: 'H1', predicate: 'P20', cause: record });
    expect(verdict.text).toBe(`CPU 1 entered from user mode by an interrupt (entry_irq_cr3), found kaiser off, stayed on the shadow CR3 and wrote to 0x${machine.at('jiffies').toString(16)} (jiffies), `
      + `which it does not map. The instruction is 0x${counting().toString(16)} (entry_irq_cr3+0x3).`);
  });

  it('takes the path from the return address when a C function cannot be fetched', () => {
    const target = machine.at('do_syscall');
    machine.put(ENTRY_STACK_TOP - 16n, machine.at('exit_sysret_cr3') - 3n, 0x1234n);
    const record = machine.record({ rip: target, address: target, errorCode: 0x10 });
    const verdict = judge(machine.facts({ exceptions: [record], rsp: ENTRY_STACK_TOP - 16n, kaiser: { enabled: 0, flag: 0 } }))!;
    expect(verdict.text).toMatch(/^CPU 1 entered from user mode by SYSCALL \(entry_syscall64_cr3\), found kaiser off, stayed on the shadow CR3 and went on to 0x[0-9a-f]+ \(do_syscall\), which it does not map\.$/);
  });

  it('does not say "off" where the flag is on or not known, and notes a split policy', () => {
    const exceptions = [machine.record({ rip: counting(), address: machine.at('jiffies') })];
    expect(judge(machine.facts({ exceptions }))!.text).toContain('(entry_irq_cr3) and stayed on the shadow CR3 and touched');
    expect(judge(machine.facts({ exceptions, kaiser: { enabled: 1, flag: 1 } }))!.text).toContain(', though kaiser is on, stayed');
    expect(judge(machine.facts({ exceptions, kaiser: { enabled: 1, flag: 0 } }))!.text).toContain('The policy says on while the flag that entries and exits test says off');
  });

  it('names the first fault of a chain, not the last', () => {
    const first = machine.record({ rip: counting(), address: machine.at('jiffies'), errorCode: 2, position: 10 });
    const handler = machine.at('do_page_fault');
    const later = Array.from({ length: 5 }, (_, i) => machine.record({ rip: handler, address: handler, errorCode: 0x10, position: 20 + i }));
    const user = machine.record({ cpl: 3, rip: USER_CODE, address: 0x50_0000n, errorCode: 4, position: 5 });
    const verdict = judge(machine.facts({ exceptions: [user, first, ...later], kaiser: { enabled: 0, flag: 0 }, event: 'spin' }))!;
    expect(verdict.cause).toBe(first);
    expect(verdict.text).toContain('(jiffies)');
    expect(verdict.text).toContain('The handler of that fault runs on the same CR3 and cannot work either, without end.');
  });

  it('finds the path of a chain that has outgrown the record on the entry stack', () => {
    const handler = machine.at('do_page_fault');
    const exceptions = Array.from({ length: 32 }, (_, i) => machine.record({ rip: handler, address: handler, errorCode: 0x10, position: 20 + i }));
    machine.put(ENTRY_STACK_TOP - 40n, USER_CODE, 0x33n, 0x246n, 0x7fff_0000n, 0x2bn); // what user mode was doing
    machine.put(ENTRY_STACK_TOP - 48n, 0x77n); // RDI, saved by the entry
    machine.put(ENTRY_STACK_TOP - 88n, counting(), 0x10n, 0x46n, ENTRY_STACK_TOP - 48n, 0x18n); // the first fault
    machine.put(ENTRY_STACK_TOP - 96n, 2n);
    const verdict = judge(machine.facts({ exceptions, event: 'spin', kaiser: { enabled: 0, flag: 0 } }))!;
    expect(verdict.text).toContain('entered from user mode by an interrupt (entry_irq_cr3), found kaiser off');
    expect(verdict.hazard).toBe('H1');
  });

  it('is not seen where the page is missing in both halves, or on the kernel CR3', () => {
    const nowhere = machine.record({ rip: counting(), address: 0xffff_9999_0000_0000n });
    expect(judge(machine.facts({ exceptions: [nowhere] }))?.hazard).toBeUndefined();
    const kernel = machine.record({ rip: counting(), address: machine.at('jiffies'), cr3: kernelCr3 });
    expect(judge(machine.facts({ exceptions: [kernel] }))?.hazard).toBeUndefined();
  });

  it('on the way out is told as leaving', () => {
    const record = machine.record({ rip: machine.at('exit_sysret_cr3') + 3n, address: DIRECT_MAP + 0x5000n });
    const verdict = judge(machine.facts({ exceptions: [record], kaiser: { enabled: 1, flag: 1 } }))!;
    expect(verdict.hazard).toBeUndefined();
    expect(verdict.predicate).toBe('P5');
    expect(verdict.text).toContain('was leaving for user mode by sysret (exit_sysret_cr3), had the shadow CR3 loaded and touched');
  });

  it('works without PCIDs too', () => {
    const record = machine.record({ rip: counting(), address: machine.at('jiffies'), cr3: BigInt(SHADOW_ROOT) });
    expect(judge(machine.facts({ exceptions: [record], pcidEnabled: false }))!.hazard).toBe('H1');
  });

  it('is never found on a kernel without pairs of tables', () => {
    const record = machine.record({ rip: counting(), address: machine.at('jiffies') });
    expect(judge(machine.facts({ exceptions: [record], paired: false }))?.hazard).toBeUndefined();
  });
});

describe('user code on the kernel CR3', () => {
  const fetch = (): ExceptionRecord => machine.record({ rip: USER_CODE, address: USER_CODE, cpl: 3, errorCode: 0x15, cr3: kernelCr3 });

  it('is the tripwire while kaiser is on (H4)', () => {
    const verdict = judge(machine.facts({ exceptions: [fetch()], kaiser: { enabled: 1, flag: 1 } }))!;
    expect(verdict).toMatchObject({ hazard: 'H4', predicate: 'P21' });
    expect(verdict.text).toContain('user code ran on the kernel CR3 at 0x401000, and the poison caught it: the PML4E says no execute in the kernel half, and kaiser is on.');
  });

  it('is poison left behind while kaiser is off (H9)', () => {
    expect(judge(machine.facts({ exceptions: [fetch()], kaiser: { enabled: 0, flag: 0 } }))).toMatchObject({ hazard: 'H9', predicate: 'P9' });
  });

  it('is a split toggle while policy and flag disagree', () => {
    const verdict = judge(machine.facts({ exceptions: [fetch()], kaiser: { enabled: 1, flag: 0 } }))!;
    expect(verdict.hazard).toBe('H4');
    expect(verdict.text).toContain('a toggle is under way, or the flag was written by hand');
  });

  it('is a stale TLB entry where the table has no poison any more (H12)', () => {
    machine.poison(false);
    const verdict = judge(machine.facts({ exceptions: [fetch()], kaiser: { enabled: 0, flag: 0 } }))!;
    expect(verdict).toMatchObject({ hazard: 'H12', predicate: 'P10' });
    expect(verdict.text).toContain('the CPU still held the poisoned entry in its TLB');
  });

  it('is nothing special where the page itself is not executable, or not present', () => {
    const data = machine.record({ rip: USER_CODE + 0x1000n, address: USER_CODE + 0x1000n, cpl: 3, errorCode: 0x15, cr3: kernelCr3 });
    machine.poison(false);
    expect(judge(machine.facts({ exceptions: [data] }))?.hazard).toBeUndefined();
    const absent = machine.record({ rip: 0x70_0000n, address: 0x70_0000n, cpl: 3, errorCode: 0x14, cr3: shadowCr3 });
    expect(judge(machine.facts({ exceptions: [absent] }))).toBeUndefined();
  });
});

describe('holes in the shadow half', () => {
  it('for user pages are a mirror that was not kept (H14)', () => {
    machine.tables.set(SHADOW_ROOT, 0, 0n);
    const record = machine.record({ rip: USER_CODE, address: USER_CODE, cpl: 3, errorCode: 0x14 });
    const verdict = judge(machine.facts({ exceptions: [record] }))!;
    expect(verdict).toMatchObject({ hazard: 'H14', predicate: 'P8' });
    expect(verdict.text).toContain('the kernel half maps it for user mode, the shadow half does not (PML4E 0 at physical 0x201000 is not present)');
  });

  it('for the IDT or the entry stack keep user mode from entering the kernel (H17, H18)', () => {
    machine.tables.set(SHADOW_ROOT, 508, 0n);
    const gate = machine.record({ rip: USER_CODE, address: IDT + 0xe0n, cpl: 3, errorCode: 0 });
    expect(judge(machine.facts({ exceptions: [gate] }))).toMatchObject({ hazard: 'H17' });
    const push = machine.record({ rip: USER_CODE, address: ENTRY_STACK_TOP - 8n, cpl: 3, errorCode: 2 });
    expect(judge(machine.facts({ exceptions: [push] }))).toMatchObject({ hazard: 'H18' });
  });
});

describe('double and triple faults', () => {
  it('say which delivery failed and on what', () => {
    const first = machine.record({ rip: counting(), address: machine.at('jiffies'), errorCode: 2 });
    const second = machine.record({ rip: counting(), address: ENTRY_AREA + 0xff8n, errorCode: 2 });
    const double = machine.record({ rip: counting(), vector: 8, errorCode: 0, address: undefined });
    const text = judge(machine.facts({ exceptions: [first, second, double] }))!.text;
    expect(text).toContain(`Delivering the #PF on 0x${machine.at('jiffies').toString(16)} (jiffies) raised at 0x${counting().toString(16)} (entry_irq_cr3+0x3), the CPU `
      + `could not push the interrupt frame on the stack at 0x${(ENTRY_AREA + 0xff8n).toString(16)}, which is not mapped by the shadow CR3: a double fault.`);
    const third = machine.record({ rip: counting(), address: IDT + 0x80n, errorCode: 0 });
    machine.tables.set(SHADOW_ROOT, 508, 0n);
    const dead = judge(machine.facts({ exceptions: [first, second, double, third], event: 'shutdown' }))!.text;
    expect(dead).toContain(`Delivering the double fault, it could not read the gate of vector 8 in the IDT at 0x${(IDT + 0x80n).toString(16)}, which is not mapped by the shadow CR3: a triple fault, and the CPU shut down.`);
    expect(dead).toContain('CPU 1 entered from user mode');
  });

  it('say so for a stack pointer in the TSS and for exceptions that are no page faults', () => {
    machine.tables.set(SHADOW_ROOT, 508, 0n);
    const cr3 = kernelCr3;
    const first = machine.record({ vector: 6, errorCode: undefined, rip: USER_CODE, cpl: 3, cr3 });
    const double = machine.record({ vector: 8, errorCode: 0, rip: USER_CODE, cpl: 3, cr3 });
    const protection = machine.record({ vector: 13, errorCode: 0x72, rip: USER_CODE, cpl: 3, cr3 });
    const text = judge(machine.facts({ event: 'shutdown', exceptions: [first, protection, double, protection] }))!.text;
    expect(text).toContain('an invalid opcode'.replace('an ', 'a '));
    expect(text).toContain('got a #GP of its own (general-protection fault, error code 0x72)');
    const tss = machine.record({ rip: USER_CODE, address: TSS + 4n, cpl: 3, errorCode: 0 });
    expect(judge(machine.facts({ event: 'shutdown', exceptions: [machine.record({ vector: 13, errorCode: 0, rip: USER_CODE, cpl: 3 }), tss, machine.record({ vector: 8, errorCode: 0, rip: USER_CODE, cpl: 3 }), tss] }))!.text)
      .toContain(`could not read the stack pointer in the TSS at 0x${(TSS + 4n).toString(16)}`);
  });

  it('are told even when nothing but the shutdown is known', () => {
    const verdict = judge(machine.facts({ event: 'shutdown', exceptions: [machine.record({ vector: 13, errorCode: 0, cpl: 0, rip: machine.at('do_timer'), cr3: kernelCr3 })] }))!;
    expect(verdict.text).toContain('The CPU shut down with a triple fault.');
    expect(judge(machine.facts({ event: 'shutdown', exceptions: [] }))).toBeUndefined();
  });
});

describe('faults without end (P19)', () => {
  it('are found with the reason in the table', () => {
    const record = machine.record({ rip: machine.at('do_timer'), address: 0xffff_9999_0000_0000n, cr3: kernelCr3, errorCode: 0 });
    const exceptions = Array.from({ length: 12 }, (_, i) => ({ ...record, position: i }));
    const verdict = judge(machine.facts({ exceptions, event: 'spin' }))!;
    expect(verdict.predicate).toBe('P19');
    expect(verdict.text).toMatch(/takes the same exception again and again: #PF at 0x[0-9a-f]+ \(do_timer\) on 0xffff999900000000 .* In the table: PML4E 307 .* is not present\. Its handler returns/);
  });

  it('are found for rounds of several exceptions, and for a stale translation', () => {
    const a = machine.record({ rip: USER_CODE, address: USER_CODE + 0x1000n, cpl: 3, errorCode: 7, cr3: shadowCr3 });
    const b = machine.record({ vector: 6, errorCode: undefined, rip: USER_CODE, cpl: 3 });
    const exceptions = Array.from({ length: 24 }, (_, i) => ({ ...(i % 2 ? a : b), position: i }));
    expect(judge(machine.facts({ exceptions, event: 'spin' }))!.text).toMatch(/the same 2 exceptions again and again: .*, then .*The table allows the access now: the CPU still has the old translation in its TLB/);
  });

  it('are not found in what a program raises itself and handles by signals, unless a longer watch has found that it does not get on', () => {
    const a = machine.record({ rip: USER_CODE, address: 8n, cpl: 3, errorCode: 4, cr3: shadowCr3 });
    const b = machine.record({ vector: 6, errorCode: undefined, rip: USER_CODE, cpl: 3 });
    const exceptions = Array.from({ length: 24 }, (_, i) => ({ ...(i % 2 ? a : b), position: i }));
    expect(judge(machine.facts({ exceptions }))).toBeUndefined();
    expect(judge(machine.facts({ exceptions, event: 'spin' }))!.predicate).toBe('P19');
  });

  it('are not found when the machine has come to an end by itself: then they had one', () => {
    const record = machine.record({ rip: machine.at('do_timer'), address: 0xffff_9999_0000_0000n, cr3: kernelCr3, errorCode: 0 });
    const exceptions = Array.from({ length: 12 }, (_, i) => ({ ...record, position: i }));
    for (const event of ['exit', 'dead'] as const) expect(judge(machine.facts({ exceptions, event }))?.predicate).toBeUndefined();
    expect(judge(machine.facts({ exceptions, event: 'spin' }))!.predicate).toBe('P19');
  });

  it('are not found in the faults of a program that touches page after page', () => {
    const exceptions = Array.from({ length: 32 }, (_, i) => machine.record({ rip: USER_CODE, address: 0x50_0000n + BigInt(i) * 0x1000n, cpl: 3, errorCode: 6, position: i }));
    expect(judge(machine.facts({ exceptions }))).toBeUndefined();
  });
});

describe('other ends', () => {
  it('a bad value for CR3 names the register and the value (H6)', () => {
    const record = machine.record({ vector: 13, errorCode: 0, address: undefined, rip: machine.at('exit_paranoid_cr3'), cr3: kernelCr3 });
    const verdict = judge(machine.facts({ exceptions: [record], registers: (name) => (name === 'r14' ? 0xdead_beef_0000_0000n : 0n) }))!;
    expect(verdict).toMatchObject({ hazard: 'H6', predicate: 'P23' });
    expect(verdict.text).toContain('wrote 0xdeadbeef00000000 from R14 to CR3 at');
    const other = machine.record({ vector: 13, errorCode: 0, rip: machine.at('do_timer'), cr3: kernelCr3 });
    expect(judge(machine.facts({ exceptions: [other] }))?.hazard).toBeUndefined();
  });

  it('a root that is no page table of the kernel is told (H6)', () => {
    const record = machine.record({ rip: machine.at('do_timer'), address: machine.at('do_timer'), errorCode: 0x10, cr3: 0x30_0000n });
    expect(judge(machine.facts({ exceptions: [record], event: 'shutdown' }))).toMatchObject({ hazard: 'H6', predicate: 'P23', text: expect.stringContaining(
      'CPU 1 has the root 0x300000 in CR3, which is no page table of this kernel: it does not map even the entry text (PML4E 511 at physical 0x300ff8 is not present). So it is when a path restores a CR3 that it never saved') });
  });

  it('a shadow half that is some other page (H16), and one without the entry text (H14), are told apart', () => {
    const rip = machine.at('exit_sysret_cr3') + 3n;
    const record = machine.record({ rip, address: rip, errorCode: 0x10 });
    machine.tables.set(SHADOW_ROOT, 511, 0n);
    expect(judge(machine.facts({ exceptions: [record] }))).toMatchObject({ hazard: 'H14', title: 'The shadow half lacks the entry text' });
    machine.tables.set(SHADOW_ROOT, 0, 0x1234_5678_9abc_def0n);
    expect(judge(machine.facts({ exceptions: [record] }))).toMatchObject({ hazard: 'H16', text: expect.stringContaining('the page beside that one belongs to something else') });
  });

  it('a kernel bug on the kernel CR3 is a plain page fault in words', () => {
    const record = machine.record({ rip: machine.at('do_timer'), address: 0xffff_9999_0000_0000n, cr3: kernelCr3, errorCode: 2 });
    const verdict = judge(machine.facts({ exceptions: [record] }))!;
    expect(verdict.hazard).toBeUndefined();
    expect(verdict.text).toMatch(/^CPU 1: the kernel wrote to a page that is not present, 0xffff999900000000, at 0x[0-9a-f]+ \(do_timer\) on the kernel CR3 · PCID 0x1 \(error code 0x2, W\): PML4E 307/);
  });

  it('damaged tables are told as such', () => {
    machine.tables.map(KERNEL_ROOT, 0x60_0000n, 0x22_2000n, P | US | 1n << 50n);
    const record = machine.record({ rip: USER_CODE, address: 0x60_0000n, cpl: 3, errorCode: 0xd, cr3: shadowCr3 });
    expect(judge(machine.facts({ exceptions: [record] }))).toMatchObject({ title: 'Damaged page tables', text: expect.stringContaining('reserved bits set: 50') });
  });

  it('everyday faults are none: demand paging, copy on write, the kernel reaching for user memory', () => {
    const everyday: Partial<ExceptionRecord>[] = [
      { rip: USER_CODE, address: 0x50_0000n, cpl: 3, errorCode: 6 },
      { rip: USER_CODE, address: USER_CODE, cpl: 3, errorCode: 7 },
      { rip: machine.at('do_syscall'), address: 0x50_0000n, errorCode: 2, cr3: kernelCr3 },
      { vector: 3, errorCode: undefined, address: undefined, rip: USER_CODE, cpl: 3 },
    ];
    for (const part of everyday) expect(judge(machine.facts({ exceptions: [machine.record(part)] }))).toBeUndefined();
    expect(judge(machine.facts({ exceptions: [], event: 'exit' }))).toBeUndefined();
  });
});
