import { describe, expect, it } from 'vitest';
import * as L from '../../../../src/machine/cpu/layout.js';
import { Flag } from '../../../../src/machine/cpu/layout.js';
import { Random } from '../../../oracle/random.js';
import { ABSENT, CODE, GDT, HANDLER, IDT, KERNEL_ONLY, Pair, pick, READ_ONLY, STACK, type Start, TABLE, TSS, USER_CODE } from './compare.js';

const PGE = 1 << 7, PCIDE = 1 << 17, SMAP = 1 << 21, FSGSBASE = 1 << 16, SCE = 1;
const EVERY_FLAG = 0x3f7fd5;

/** RFLAGS: any arithmetic flags, and a few of the others. */
function flags(random: Random, often = 0): number {
  let value = 2 | random.u32() & L.ARITHMETIC_FLAGS;
  for (const flag of [Flag.IF, Flag.DF, Flag.ID, Flag.IOPL]) if (random.chance(0.5)) value |= flag;
  for (const flag of [Flag.TF, Flag.NT, Flag.AC, Flag.VIF, Flag.VIP]) if (random.chance(0.06)) value |= flag;
  return value | often;
}

/** Runs random trials; at least `least` of the first instructions must have been translated. */
function trials(count: number, least: number, make: (random: Random) => Start): void {
  const pair = new Pair(), random = new Random(20261123);
  for (let n = 0; n < count; n++) {
    const start = make(random);
    const [handler, region] = pair.run(start);
    if (handler !== region) throw new Error(`trial ${n} differs: ${JSON.stringify(start, (_, v: unknown) => typeof v === 'bigint' ? v.toString(16) : v)}\nhandler ${handler}\nregion  ${region}`);
  }
  expect(pair.machines[1]!.stateHash()).toBe(pair.machines[0]!.stateHash());
  expect(pair.translated).toBeGreaterThan(least);
}
/** Enough for a whole block, which regions want, or less. */
const steps = (random: Random): number => random.chance(0.8) ? 16 : random.between(1, 8);
const interrupts = (random: Random): number[] => random.chance(0.3) ? [random.between(16, 255)] : [];

describe('in a region as by its handler, whatever the state:', () => {
  it('SYSCALL', () => trials(400, 200, random => ({
    code: [0x0f, 0x05], user: random.chance(0.8), flags: flags(random), efer: random.chance(0.9) ? SCE : 0, interrupts: interrupts(random), steps: steps(random),
    fields: { [L.STAR]: BigInt(random.u32()) << 32n, [L.SFMASK]: BigInt(random.u32()), [L.LSTAR]: BigInt(HANDLER) },
  })));

  it('SYSRETQ', () => trials(400, 80, random => ({
    code: [0x48, 0x0f, 0x07], user: random.chance(0.1), flags: flags(random) & ~Flag.IF, efer: random.chance(0.9) ? SCE : 0, interrupts: interrupts(random), steps: steps(random),
    registers: { 1: pick(random, [BigInt(USER_CODE), BigInt(USER_CODE + 0x800), 0x8000_0000_0000n, BigInt(ABSENT)]), 11: BigInt(random.chance(0.3) ? random.u32() : flags(random)) },
    fields: { [L.STAR]: BigInt(random.u32()) << 32n },
  })));

  it('IRETQ', () => trials(1500, 150, random => {
    const rpl = random.pick([0, 3, 3, random.below(4)]), stack = random.pick([STACK + 0x800, STACK + 0xfd8, STACK + 0xfe0, ABSENT + 0x800, STACK + 0x803]);
    const selector = (usual: number) => BigInt((random.chance(0.8) ? usual : random.below(18)) << 3 | (random.chance(0.03) ? 4 : 0) | (random.chance(0.9) ? rpl : random.below(4)));
    const frame = [pick(random, [BigInt(USER_CODE + 0x100), BigInt(USER_CODE + 0x100), BigInt(CODE + 0x200), 0x8000_0000_0000n]), selector(rpl === 3 ? random.pick([4, 4, 9, 15]) : 1),
      BigInt(random.chance(0.1) ? random.u32() & EVERY_FLAG : flags(random)), BigInt(STACK + 0x400), random.chance(0.15) ? BigInt(random.below(4)) : selector(rpl === 3 ? random.pick([3, 3, 10, 13]) : random.pick([2, 2, 16]))];
    const ints: Record<number, number> = { [L.NMI_BLOCKED]: random.below(2), [L.NMI_PENDING]: random.chance(0.05) ? 1 : 0 };
    // Data segments of CPL 0, which become null.
    if (random.chance(0.05)) ints[L.SEG + L.Seg.DS * L.SEG_SIZE + L.SEG_RIGHTS] = 0xc093;
    const fields: Record<number, bigint> = {};
    if (random.chance(0.05)) fields[L.GDTR_LIMIT] = 0x17n;
    if (random.chance(0.03)) fields[L.GDTR_BASE] = BigInt(ABSENT);
    return {
      code: [0x48, 0xcf], flags: flags(random) & ~Flag.IF, interrupts: interrupts(random), steps: steps(random), registers: { 4: BigInt(stack) },
      memory: stack < ABSENT ? Object.fromEntries(frame.map((value, n) => [stack + 8 * n, value])) : {}, ints,
      fields,
    };
  }));

  it('POPFQ', () => trials(500, 250, random => {
    const stack = random.pick([STACK + 0x800, STACK + 0xff8, STACK + 0xffc, ABSENT, KERNEL_ONLY, 0x8000_0000_0000]);
    return {
      code: [0x9d], user: random.chance(0.4), flags: flags(random), interrupts: interrupts(random), steps: steps(random), registers: { 4: BigInt(stack) },
      memory: stack < ABSENT ? { [stack]: random.chance(0.2) ? random.u64() & 0x3f7fffn : BigInt(flags(random)) } : {},
    };
  }));

  it('PUSHFQ', () => trials(300, 100, random => ({
    code: [0x9c], user: random.chance(0.5), flags: flags(random), steps: steps(random),
    registers: { 4: BigInt(random.pick([STACK + 0x800, STACK + 0x804, ABSENT + 8, READ_ONLY + 0x100, KERNEL_ONLY + 0x100, 8])) },
  })));

  it('STI and its shadow', () => trials(800, 150, random => {
    // What follows: plain instructions, faults, accesses that the interpreter must do, other system instructions, the end of the block.
    const next = random.pick([[0x90], [0x48, 0xff, 0xc0], [0x48, 0x8b, 0x00], [0x48, 0x89, 0x00], [0xff, 0x08], [0xfa], [0xfb], [0xe8, 2, 0, 0, 0], [0xc3], [0xff, 0xd0], [0x74, 0x01], [0xe2, 0x02], [0x9d], [0xf4], [0xeb, 0x00], [0x9c], [0x0f, 0x30], [0x50], [0xcc], [0x0f, 0x0b]]);
    return {
      code: [0xfb, ...next, 0x48, 0xff, 0xc1, 0x90], user: random.chance(0.05), flags: flags(random) & ~(random.chance(0.8) ? Flag.IF : 0), interrupts: interrupts(random), steps: steps(random),
      registers: { 0: pick(random, [BigInt(STACK), BigInt(STACK + 0xffc), BigInt(ABSENT), BigInt(CODE + 2), 0xfee00080n]) },
    };
  }));

  it('STAC and CLAC, and what they allow', () => trials(400, 200, random => ({
    code: [0x0f, 0x01, random.pick([0xca, 0xcb]), 0x48, 0x8b, 0x18, 0x0f, 0x01, random.pick([0xca, 0xcb]), 0x48, 0x8b, 0x18], user: random.chance(0.1), flags: flags(random), cr4: random.chance(0.1) ? 0 : SMAP,
    steps: steps(random), registers: { 0: BigInt(random.pick([STACK, KERNEL_ONLY, ABSENT])) },
  })));

  it('MOV to and from CR3, with and without PCID', () => trials(800, 300, random => {
    const cr4 = random.chance(0.7) ? PCIDE : 0;
    const value = () => pick(random, [0x1000n, 0x5000n]) | (cr4 && random.chance(0.8) ? BigInt(random.below(6)) : 0n) | (random.chance(0.4) ? 1n << 63n : 0n) | (random.chance(0.03) ? 1n << 40n : 0n);
    return {
      code: [0x0f, 0x22, 0xd8, 0x48, 0x8b, 0x16, 0x0f, 0x22, 0xd9, 0x48, 0x8b, 0x16, 0x0f, 0x20, 0xdb, 0x0f, 0x20, 0xd2, 0x0f, 0x20, 0xe7], user: random.chance(0.05), cr4, steps: steps(random),
      registers: { 0: value(), 1: value(), 6: BigInt(random.pick([STACK, GDT, ABSENT])) },
    };
  }));

  it('INVLPG of pages that are in the TLB or not: small, global, its own, and addresses that are none', () => trials(800, 300, random => {
    const address = pick(random, [STACK, STACK + 0x1234, CODE, HANDLER, GDT, ABSENT, READ_ONLY, 0xffff_8000_0000_0000, 0x8000_0000_0000].map(BigInt)), page = Number(address >> 12n & 0x1ffn);
    const read = address < 0x200000n && address >> 12n !== BigInt(ABSENT >> 12) ? [0x48, 0x8b, 0x18] : [];
    return {
      // mov rbx, [rax]; invlpg [rax]; mov rbx, [rax]
      code: [...read, 0x0f, 0x01, 0x38, ...read, 0x90], cr4: (random.chance(0.3) ? PGE : 0) | (random.chance(0.3) ? PCIDE : 0), steps: steps(random), flags: flags(random),
      registers: { 0: address }, memory: address < 0x200000n && random.chance(0.3) ? { [TABLE + 8 * page]: BigInt(page << 12 | 0x107) } : {}, user: random.chance(0.05),
    };
  }));

  it('the bases of FS and GS, by MSR and by instruction', () => trials(800, 300, random => ({
    code: random.pick([[0x0f, 0x30], [0x0f, 0x32], [0xf3, 0x48, 0x0f, 0xae, 0xd0], [0xf3, 0x48, 0x0f, 0xae, 0xc0], [0xf3, 0x0f, 0xae, 0xd8], [0xf3, 0x0f, 0xae, 0xc8], [0x0f, 0x01, 0xf8]]),
    user: random.chance(0.3), cr4: random.chance(0.8) ? FSGSBASE : 0, steps: steps(random),
    registers: { 0: random.value(), 1: random.chance(0.9) ? BigInt(0xc0000100 + random.below(4)) : random.value(), 2: pick(random, [0n, 0xffffffffn, 0xffff8000n, 0x7fffn]) },
    fields: { [L.KERNEL_GS_BASE]: 0xffff_8000_1234_5678n },
  })));
});

it('exceptions and interrupts are delivered the same, whether somebody watches or not, whatever gates, segments and stacks are like', () => trials(1500, -1, random => {
  const vector = random.pick([0, 6, 13, 14, 14]), waiting = random.chance(0.3) ? random.between(32, 255) : 0;
  const gate = (selector: number, type: number, ist: number) => BigInt(HANDLER & 0xffff) | BigInt(selector) << 16n | BigInt(ist) << 32n | BigInt(type) << 40n | BigInt(HANDLER >>> 16) << 48n;
  const memory: Record<number, bigint> = {}, fields: Record<number, bigint> = {};
  for (const n of waiting ? [vector, waiting] : [vector]) {
    memory[IDT + 16 * n] = gate(random.chance(0.8) ? 8 : random.below(18) << 3 | random.below(8), random.pick([0x8e, 0x8e, 0x8f, 0xee, 0x0e, random.below(256)]), random.chance(0.7) ? 0 : random.below(8));
    memory[IDT + 16 * n + 8] = random.chance(0.95) ? 0n : random.u64();
  }
  if (random.chance(0.2)) memory[TSS + 4] = pick(random, [BigInt(ABSENT + 0x800), BigInt(READ_ONLY + 0x800), BigInt(STACK + 0x1010), 0x8000_0000_0000n, 8n]);
  if (random.chance(0.05)) fields[L.IDTR_LIMIT] = BigInt(random.below(0x200));
  if (random.chance(0.03)) fields[L.IDTR_BASE] = BigInt(random.pick([ABSENT, IDT + 2, IDT - 8]));
  if (random.chance(0.05)) fields[L.GDTR_LIMIT] = BigInt(random.below(0x20));
  const ints: Record<number, number> = random.chance(0.05) ? { [L.NMI_PENDING]: 1 } : {};
  const code = vector === 0 ? [0xf7, 0xf1] : vector === 6 ? [0x0f, 0x0b] : vector === 13 ? [0x48, 0x8b, 0x02] : [0x48, 0x89, 0x03];
  return {
    code, user: random.chance(0.6), flags: flags(random), interrupts: waiting ? [waiting] : [], interpreted: true, steps: random.between(1, 4), memory, fields,
    ints,
    registers: { 1: 0n, 2: 0x8000_0000_0000n, 3: BigInt(random.pick([ABSENT, READ_ONLY, KERNEL_ONLY, ABSENT + 0xffc])), 4: pick(random, [BigInt(STACK + 0x800), BigInt(STACK + 0x803), BigInt(STACK + 0x20), BigInt(ABSENT + 0x20), 0x10n]) },
  };
}));
