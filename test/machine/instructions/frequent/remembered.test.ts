import { expect, it } from 'vitest';
import * as L from '../../../../src/machine/cpu/layout.js';
import { Flag, Seg } from '../../../../src/machine/cpu/layout.js';
import { PLAIN_FAULTS } from '../../../../src/machine/cpu/usualDelivery.js';
import { emittedFor } from '../../../../src/machine/emitted/index.js';
import { D_TARGET, R_CS_BASE } from '../../../../src/machine/emitted/remembered.js';
import { Random } from '../../../oracle/random.js';
import { NEVER_TRANSLATE } from '../../translate/tuning.js';
import { ABSENT, GDT, HANDLER, IDT, Pair, READ_ONLY, STACK, type Start, TABLE, TSS, USER_CODE } from './compare.js';

/** With PCIDs nothing is flushed between trials, so that what is remembered counts. */
const PCIDE = 1 << 17;
const FRAME = STACK + 0x800;
const PAGES = [STACK, GDT, IDT, TSS];
const at = (seg: Seg, field: number) => L.SEG + seg * L.SEG_SIZE + field;

/** What is always the same but for `changes`: MOV from an absent page at CPL 3, or IRETQ to CPL 3. */
function usual(returns: boolean, changes: Partial<Start> = {}): Start {
  const frame = [BigInt(USER_CODE + 0x100), 0x23n, 2n, BigInt(STACK + 0x400), 0x1bn];
  return {
    code: returns ? [0x48, 0xcf] : [0x8b, 0x04, 0x25, ABSENT & 0xff, ABSENT >> 8 & 0xff, ABSENT >> 16, 0], user: !returns, cr4: PCIDE, steps: 3,
    ...changes,
    ints: { [at(Seg.FS, L.SEG_SELECTOR)]: 0, [at(Seg.GS, L.SEG_SELECTOR)]: 0, ...changes.ints },
    registers: returns ? { 4: BigInt(FRAME), ...changes.registers } : changes.registers,
    memory: { ...returns ? Object.fromEntries(frame.map((value, n) => [FRAME + 8 * n, value])) : {}, ...changes.memory },
  };
}

/** Something that deliveries and IRETQ depend on, or that they must not depend on. */
function change(random: Random, returns: boolean): Partial<Start> {
  const descriptor = random.pick([0x00af9b000000ffffn, 0x00cff3000000ffffn, 0x00affb000000ffffn, 0x00affa000000ffffn, 0x00af1b000000ffffn, 0x00cffb000000ffffn, 0x80cff3345678ffffn, 0x0000f3000000ffffn, 0x00aff900001234ffn, 0n]);
  const page = random.pick(PAGES);
  const choices: (() => Partial<Start>)[] = [
    () => ({ memory: { [GDT + 8 * random.between(1, 4)]: descriptor } }),
    () => ({ fields: { [L.GDTR_LIMIT]: BigInt(random.pick([0x7, 0xf, 0x17, 0x1f, 0x27, 0x7f])) } }),
    () => ({ fields: { [L.GDTR_BASE]: BigInt(random.pick([GDT + 8, GDT - 8, IDT, ABSENT, READ_ONLY])) } }),
    () => ({ memory: { [TABLE + 8 * (page >> 12)]: BigInt(page | random.pick([0, 1, 3, 5, 7])) }, cr4: random.pick([0, PCIDE]) }),
    () => ({ memory: { [TABLE + 8 * (page >> 12)]: BigInt(READ_ONLY | 7) }, cr4: random.pick([0, PCIDE]) }),
    () => ({ ints: { [at(random.pick([Seg.ES, Seg.DS, Seg.FS, Seg.GS]), L.SEG_RIGHTS)]: random.pick([0, 0xc093, 0xc0f3, 0xa09b]) } }),
    () => ({ ints: { [at(random.pick([Seg.ES, Seg.DS, Seg.FS, Seg.GS]), L.SEG_SELECTOR)]: random.below(4) } }),
    () => ({ flags: 2 | random.pick([Flag.TF, Flag.NT, Flag.AC, Flag.DF, Flag.CF, Flag.OF, Flag.ID]) }),
    () => ({ cr4: random.pick([0, 1 << 7, PCIDE | 1 << 20, PCIDE | 1 << 21]) }),
  ];
  if (returns) {
    choices.push(
      () => ({ memory: { [FRAME + 8]: BigInt(random.pick([0x20, 0x8, 0x4b, 0x7b, 0x27, 3])), ...random.chance(0.5) ? { [FRAME + 32]: 0x10n } : {} } }),
      () => ({ memory: { [FRAME + 32]: BigInt(random.pick([0, 3, 0x10, 0x53, 0x6b, 0x1f, 0x18])) } }),
      () => ({ memory: { [FRAME + 16]: BigInt(2 | random.pick([Flag.TF, Flag.NT, Flag.AC, Flag.IF, Flag.RF, Flag.VIF, 0x8d5])) } }),
      () => ({ memory: { [FRAME]: random.pick([0x8000_0000_0000n, BigInt(USER_CODE + 0x200), BigInt(ABSENT)]) } }),
      () => ({ registers: { 4: BigInt(random.pick([FRAME + 8, FRAME - 8, STACK + 0xfe0, ABSENT])) } }),
      () => ({ code: [0x0f, 0x01, 0x38, 0x48, 0xcf], registers: { 0: BigInt(page) }, steps: 4 }),
      () => ({ ints: { [L.NMI_BLOCKED]: 1, [L.NMI_PENDING]: random.below(2) } }),
      () => ({ interrupts: [0x40] }),
    );
  } else {
    choices.push(
      () => ({ memory: { [IDT + 14 * 16]: BigInt(HANDLER + 1 & 0xffff) | BigInt(random.pick([8, 0, 0x20, 0x28, 0x40])) << 16n | BigInt(random.pick([0x8e, 0x8f, 0xee, 0x0e, 0x8c])) << 40n | BigInt(HANDLER >>> 16) << 48n | BigInt(random.pick([0, 0, 1, 3])) << 32n } }),
      () => ({ memory: { [IDT + 14 * 16 + 8]: BigInt(random.below(2)) } }),
      () => ({ memory: { [TSS + 4]: random.pick([BigInt(STACK + 0x708), BigInt(STACK + 0x700), BigInt(STACK + 0x10), BigInt(ABSENT), 0x8000_0000_0000n]) } }),
      () => ({ fields: { [L.IDTR_LIMIT]: BigInt(random.pick([14 * 16 + 14, 14 * 16 + 15, 0xff])) } }),
      () => ({ fields: { [L.IDTR_BASE]: BigInt(random.pick([IDT + 16, IDT - 16])) } }),
      () => ({ ints: { [at(Seg.TR, L.SEG_LIMIT)]: random.pick([3, 11, 0x67]) } }),
      () => ({ fields: { [at(Seg.TR, L.SEG_BASE)]: BigInt(random.pick([TSS + 8, TSS - 4])) } }),
      () => ({ code: random.pick([[0x0f, 0x0b], [0x0f, 0x01, 0x38], [0xf4], [0x8e, 0xd8], [0xf7, 0xf1]]) }),
      () => ({ ints: { [at(Seg.SS, L.SEG_RIGHTS)]: random.pick([0xc0f3, 0x00f3]) } }),
      () => ({ ints: { [L.SHADOW]: 1 } }),
    );
  }
  return random.pick(choices)();
}

it('what is remembered of the last delivery and the last IRETQ never shows, whatever has changed since', () => {
  const pair = new Pair(), random = new Random(20261124), [slow, fast] = pair.machines;
  for (let n = 0; n < 2000; n++) {
    const returns = random.chance(0.5), start = usual(returns, random.chance(0.4) ? change(random, returns) : {});
    const [handler, region] = pair.run(start);
    if (handler !== region) throw new Error(`trial ${n} differs: ${JSON.stringify(start, (_, v: unknown) => typeof v === 'bigint' ? v.toString(16) : v)}\nhandler ${handler}\nregion  ${region}`);
  }
  expect(fast!.stateHash()).toBe(slow!.stateHash());
  expect(pair.translated).toBeGreaterThan(600);
});

/** Handlers: they store a word and drop a page, both from a list at RSI, step over the instruction and return; the one at HANDLER + OTHER_HANDLER counts in R8. */
const OTHER_HANDLER = 0x80, LIST = 0x50000, OTHER = 0x100000, SECOND_STACK = 0x25000;
const CHANGING_HANDLER = [
  0x48, 0x8b, 0x3e, // mov (%rsi), %rdi
  0x48, 0x8b, 0x46, 0x08, 0x48, 0x89, 0x07, // mov 8(%rsi), %rax; mov %rax, (%rdi)
  0x48, 0x8b, 0x7e, 0x10, 0x0f, 0x01, 0x3f, // mov 16(%rsi), %rdi; invlpg (%rdi)
  0x48, 0x83, 0xc6, 0x18, // add $24, %rsi
  0x48, 0x83, 0x44, 0x24, 0x08, 0x07, 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf, // addq $7, 8(%rsp); add $8, %rsp; iretq
];
const COUNTING = [0x49, 0xff, 0xc0]; // inc %r8
/** Reads an absent page EBX times, with another RSP each time. */
const READING_LOOP = [0x8b, 0x04, 0x25, ABSENT & 0xff, ABSENT >> 8 & 0xff, ABSENT >> 16, 0, 0x48, 0x8d, 0x64, 0x24, 0x08, 0xff, 0xcb, 0x75, 0xf0];

/**
 * Words that deliveries or IRETQ read, where they stand, and pages that are dropped from the TLB, in some runs those that this is about. A page table entry is stored only
 * about the one of two stacks that the next delivery does not use. Of the kinds of words a few are taken, so that the others stay remembered.
 */
function stores(random: Random, count: number): bigint[] {
  const gate = (handler: number) => BigInt(handler & 0xffff) | 8n << 16n | BigInt(random.pick([0x8e, 0x8e, 0x8f, 0xee])) << 40n | BigInt(handler >>> 16) << 48n;
  // The stack of the TSS, and that on which the handler runs.
  let next = STACK + 0x1000, now = next;
  const choices: (() => [number, bigint])[] = [
    () => [GDT + 8, random.pick([0x00af9b000000ffffn, 0x12af9b345678ffffn, 0x00bf9b0000001234n])],
    () => [GDT + 0x18, random.pick([0x00cff3000000ffffn, 0x80cff3345678ffffn])],
    () => [GDT + 0x20, random.pick([0x00affb000000ffffn, 0x00affb0000001234n])],
    () => [random.pick([IDT, OTHER + (IDT & 0xf000)]) + 14 * 16, gate(HANDLER + random.pick([0, OTHER_HANDLER]))],
    () => [TSS + 4, BigInt((next = random.pick([STACK, SECOND_STACK]) + random.pick([0x1000, 0x800, 0x700, 0x708])))],
    // The page itself, and a copy of it that is elsewhere.
    () => {
      const other = next > SECOND_STACK ? STACK : SECOND_STACK, page = random.pick([now > SECOND_STACK === next > SECOND_STACK ? other : GDT, GDT, IDT, TSS]);
      return [TABLE + 8 * (page >> 12), BigInt(random.pick([page, OTHER + (page & 0xf000)]) | random.pick([7, 7, 3]))];
    },
    // CS and SS of the frame that IRETQ is about to read.
    () => [(now & ~15) - 32, random.pick([0x23n, 0x4bn, 0x7bn])],
    () => [(now & ~15) - 8, random.pick([0x1bn, 0x53n])],
  ];
  const dropping = random.pick([0, 0.02, 0.5]), taken = Array.from({ length: random.between(1, 3) }, () => random.pick(choices));
  return Array.from({ length: count }, () => {
    now = next;
    const [at, value] = random.chance(0.001) ? [random.pick([GDT + 8, GDT + 0x18, IDT + 14 * 16]), random.value()] as const : random.chance(0.7) ? [0x70000, 0n] as const : random.pick(taken)();
    const about = at >> 12 === TABLE >> 12 ? (at & 0xfff) << 9 : at;
    return [BigInt(at), value, BigInt(random.chance(dropping) ? random.pick([about, GDT, IDT]) : 0x70000)];
  }).flat();
}

it('what is remembered within a run never shows, whatever translated code stores and drops', () => {
  let faults = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const pair = new Pair(), random = new Random(seed), count = random.between(100, 500), list = stores(random, count);
    const texts = pair.machines.map((machine, n) => {
      machine.translator.tuning = n ? { queueAt: 1, compileAt: 1, batch: 1 } : NEVER_TRANSLATE;
      machine.onException = n ? undefined : () => false;
      pair.prepare(machine, { code: READING_LOOP, user: true, cr4: PCIDE, steps: 0, registers: { 3: BigInt(count), 6: BigInt(LIST) }, memory: Object.fromEntries(list.map((word, at) => [LIST + 8 * at, word])) });
      const { memory } = machine;
      memory.write(HANDLER, Uint8Array.from(CHANGING_HANDLER));
      memory.write(HANDLER + OTHER_HANDLER, Uint8Array.from([...COUNTING, ...CHANGING_HANDLER]));
      for (const page of PAGES) memory.write(OTHER + (page & 0xf000), memory.read(page, 0x1000));
      // Where it dies, it does so at the same position.
      machine.run(machine.position + 13 * count);
      if (n) faults += machine.cpus[0]!.int(L.EXCEPTION_COUNT);
      return `${pair.describe(machine)} ${JSON.stringify(machine.recentExceptions(0), (_, v: unknown) => typeof v === 'bigint' ? v.toString(16) : v)} ${machine.stateHash()}`;
    });
    if (texts[0] !== texts[1]) throw new Error(`seed ${seed} differs:\nhandler ${texts[0]}\nregion  ${texts[1]}`);
  }
  expect(faults).toBeGreaterThan(5000);
});

it('what is remembered is used where nothing has changed, and not behind a change of what is not compared', () => {
  const pair = new Pair(), machine = pair.machines[1]!, cpu = machine.cpus[0]!, { emitted } = emittedFor(machine.memory);
  const deliver = () => {
    pair.prepare(machine, usual(false));
    cpu.setInt(L.PLAIN_VECTORS, PLAIN_FAULTS);
    cpu.set(L.FAULT_ADDRESS, BigInt(ABSENT));
    for (const [field, value] of [[L.FAULT_VECTOR, 14], [L.FAULT_ERROR, 4], [L.FAULT_HAS_ERROR, 1]] as const) cpu.setInt(field, value);
    expect(machine.translator.runtime.deliverFault(cpu.base)).toBe(1);
    return cpu.rip;
  };
  const giveBack = () => {
    pair.prepare(machine, usual(true));
    expect(emitted.interruptReturn(cpu.base, BigInt(FRAME), 10)).toBe(0);
    return cpu.segBase(Seg.CS);
  };
  const [target, base] = [BigInt(HANDLER), 0n], [strange, strangeBase] = [BigInt(HANDLER + 0x800), 0x5000n];
  const spoil = () => {
    cpu.set(L.REMEMBERED_DELIVERY + D_TARGET, strange);
    cpu.set(L.REMEMBERED_RETURN + R_CS_BASE, strangeBase);
  };
  const used = () => {
    spoil();
    return [deliver(), giveBack()];
  };
  // The first ones remember; the second may still enter pages into the fast table.
  for (let n = 0; n < 2; n++) expect([deliver(), giveBack()]).toEqual([target, base]);
  expect(used()).toEqual([strange, strangeBase]);
  // A NOP of the handler, which the second time need not be decoded.
  const step = () => {
    pair.prepare(machine, { code: [], cr4: PCIDE, steps: 0 });
    cpu.rip = BigInt(HANDLER);
    machine.run(machine.position + 1);
  };
  step();
  const ways: [string, () => void][] = [
    ['something else than translated code ran', step],
    ['the page of the IDT was dropped', () => machine.mmu.invlpg(cpu, IDT, 0)],
    ['the write tags went for a snapshot', () => machine.takeSnapshot()],
    ['everything was flushed', () => machine.mmu.flushAll(cpu, { globals: true })],
  ];
  for (const [what, change] of ways) {
    for (let n = 0; n < 2; n++) {
      deliver();
      giveBack();
    }
    expect(used(), `before ${what}`).toEqual([strange, strangeBase]);
    change();
    expect(used(), what).toEqual([target, base]);
  }
});
