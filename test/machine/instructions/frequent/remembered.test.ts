import { expect, it } from 'vitest';
import * as L from '../../../../src/machine/cpu/layout.js';
import { Flag, Seg } from '../../../../src/machine/cpu/layout.js';
import { D_TARGET, R_CS_BASE } from '../../../../src/machine/emitted/remembered.js';
import { Random } from '../../../oracle/random.js';
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

it('what is remembered is used where nothing has changed', () => {
  const pair = new Pair(), cpu = pair.machines[1]!.cpus[0]!;
  const three = (returns: boolean) => { for (let n = 0; n < 3; n++) pair.run(usual(returns, { steps: 1 })); };
  three(false);
  cpu.set(L.REMEMBERED_DELIVERY + D_TARGET, BigInt(HANDLER + 0x800));
  pair.run(usual(false, { steps: 1 }));
  expect(cpu.rip).toBe(BigInt(HANDLER + 0x800));
  three(true);
  cpu.set(L.REMEMBERED_RETURN + R_CS_BASE, 0x5000n);
  pair.run(usual(true, { steps: 1 }));
  expect(cpu.segBase(Seg.CS)).toBe(0x5000n);
  // After a flush neither is.
  pair.run(usual(true, { cr4: 0, steps: 1 }));
  expect(cpu.segBase(Seg.CS)).toBe(0n);
  cpu.set(L.REMEMBERED_DELIVERY + D_TARGET, BigInt(HANDLER + 0x800));
  pair.run(usual(false, { cr4: 0, steps: 1 }));
  expect(cpu.rip).toBe(BigInt(HANDLER));
});
