import { allForms } from '../oracle/forms.js';
import { Generator } from '../oracle/generate.js';
import type { Bits } from '../oracle/layout.js';
import type { TlbAppetite } from '../../src/machine/memory/forgetting.js';
import { Random } from '../oracle/random.js';

export type Paging = 'none' | '32-bit' | 'PAE' | '4-level';

/** A quadword that is written to physical memory before the run: an entry of a page table, a descriptor, data. */
export interface Patch { at: number; value: bigint; }

/** Everything a run starts from. It is data, so that the minimiser can take parts away. */
export interface CodeCase {
  seed: number;
  bits: Bits;
  /** Real mode is 16-bit code with CR0.PE clear. */
  real: boolean;
  paging: Paging;
  cpl: number;
  cpus: 1 | 2;
  cr0: bigint;
  cr4: bigint;
  flags: number;
  gpr: bigint[];
  /** Offset of the first instruction from CODE. */
  entry: number;
  /** Pieces of code, one behind the other from the entry. */
  code: number[][];
  patches: Patch[];
  tlb: TlbAppetite;
}

/** Physical places; linear addresses are the same where paging is on. All below 1 MiB, which is all of RAM. */
export const ROOT = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000, GDT = 0x6000, IDT = 0x7000, TSS = 0x8000, LDT = 0x9000;
export const CODE = 0x10000, HANDLERS = 0x18000, DATA = 0x20000, STACK = 0x30000, RAM = 0x100000;
/** Selectors of the GDT: kernel code of 64, 32 and 16 bits, kernel data, the same for users, task, local table, call gate. */
export const Selector = { code64: 0x08, code32: 0x10, code16: 0x18, data: 0x20, user64: 0x2b, user32: 0x33, user16: 0x3b, userData: 0x43, tss: 0x50, ldt: 0x60, gate: 0x70 };

const CR0_BITS = [1, 2, 3, 5, 16, 18, 29, 30], CR4_BITS = [2, 3, 4, 6, 7, 8, 9, 10, 11, 16, 18, 20, 21, 22];
/** Opcodes whose meaning is the system's: with a random ModRM byte behind most of them. */
const SYSTEM = [
  [0x0f, 0x00], [0x0f, 0x01], [0x0f, 0x01], [0x0f, 0x02], [0x0f, 0x03], [0x0f, 0x05], [0x0f, 0x06], [0x0f, 0x07], [0x0f, 0x08], [0x0f, 0x09], [0x0f, 0x0b], [0x0f, 0x20], [0x0f, 0x21],
  [0x0f, 0x22], [0x0f, 0x22], [0x0f, 0x23], [0x0f, 0x30], [0x0f, 0x31], [0x0f, 0x32], [0x0f, 0x33], [0x0f, 0x34], [0x0f, 0x35], [0x0f, 0xa2], [0x0f, 0xae], [0x0f, 0xc7], [0x66, 0x0f, 0x38, 0x82],
  [0xcc], [0xcd], [0xce], [0xcf], [0x48, 0xcf], [0xca], [0xcb], [0x48, 0xcb], [0x9a], [0xea], [0xff], [0x48, 0xff], [0xe4], [0xe6], [0xec], [0xee], [0xed], [0xef], [0x6c], [0x6e], [0xf3, 0x6c],
  [0xf4], [0xfa], [0xfb], [0x9c], [0x9d], [0x8e], [0x8c], [0x17], [0x07], [0x1f], [0x0f, 0xa1], [0x0f, 0xa9], [0x0f, 0xb2], [0x0f, 0xb4], [0xc4], [0xc5], [0xf1], [0x62], [0x63], [0xd9], [0xdf], [0xdb],
];

const forms = new Map<Bits, ReturnType<typeof allForms>>();

/** Draws a case. The same seed always gives the same one. */
export function randomCase(seed: number): CodeCase {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ 0xc0de), bits = random.pick([16, 32, 64, 64] as const), real = bits === 16 && random.chance(0.5);
  const paging: Paging = bits === 64 ? '4-level' : real ? 'none' : random.pick(['none', '32-bit', 'PAE', '4-level', '4-level'] as const);
  const cpl = real || random.chance(0.5) ? 0 : random.pick([3, 3, 3, 1, 2].slice(0, bits === 64 ? 3 : 5));
  const pick = (list: readonly number[], share: number) => list.reduce((value, bit) => random.chance(share) ? value | 1n << BigInt(bit) : value, 0n);
  let cr0 = 0x11n | pick(CR0_BITS, 0.25);
  if (real) cr0 &= ~1n;
  if (cr0 & 1n << 29n) cr0 |= 1n << 30n;
  if (paging !== 'none') cr0 |= 1n << 31n;
  let cr4 = pick(CR4_BITS, 0.3);
  if (paging === 'PAE' || paging === '4-level') cr4 |= 0x20n;
  if (paging === '4-level' && random.chance(0.3)) cr4 |= 1n << 17n;
  return {
    seed, bits, real, paging, cpl, cpus: random.chance(0.15) ? 2 : 1, cr0, cr4, flags: randomFlags(random),
    gpr: Array.from({ length: 16 }, () => bits === 64 ? pointer(random) : pointer(random) & 0xffffffffn), entry: random.chance(0.2) ? 0x1000 - random.below(40) : random.below(0x800),
    code: Array.from({ length: random.between(1, 24) }, () => piece(random, bits)), patches: Array.from({ length: random.below(6) }, () => patch(random, paging)),
    tlb: random.chance(0.3) ? 'forget' : 'retain',
  };
}

function randomFlags(random: Random): number {
  let flags = 2 | random.u32() & 0xcd5;
  if (random.chance(0.4)) flags |= 0x200;
  if (random.chance(0.08)) flags |= 0x100;
  if (random.chance(0.2)) flags |= 0x40000;
  if (random.chance(0.2)) flags |= random.below(4) << 12;
  if (random.chance(0.05)) flags |= 0x4000 | random.u32() & 0x10000;
  return flags;
}

/** Mostly an address where something is. */
function pointer(random: Random): bigint {
  switch (random.below(8)) {
    case 0: return random.value();
    case 1: return BigInt(random.pick([DATA, STACK, CODE]) + 0x1000 - random.below(20));
    case 2: return BigInt(random.pick([ROOT, PT, GDT, IDT, TSS]) + 8 * random.below(64));
    case 3: return BigInt(random.pick([0xfee00000, 0xfec00000, RAM - 4, RAM, 0x1ffffc, 0xb8000]) + 4 * random.below(16));
    case 4: return BigInt(random.below(64));
    default: return BigInt(DATA + random.below(0x8000));
  }
}

function piece(random: Random, bits: Bits): number[] {
  const bytes = (count: number) => Array.from({ length: count }, () => random.below(256));
  switch (random.below(6)) {
    case 0: return bytes(random.between(1, 15));
    case 1: case 2: return [...random.chance(0.2) ? [random.pick([0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64, 0x48, 0x41])] : [], ...random.pick(SYSTEM), ...bytes(random.between(0, 5))];
    case 3: { // short branches, so that code is run more than once
      return [random.pick([0xeb, 0x74, 0x75, 0x72, 0xe2, 0xe8]), random.pick([0x100 - random.between(2, 40), random.below(12)])];
    }
    default: {
      let list = forms.get(bits);
      if (!list) forms.set(bits, list = allForms(bits));
      const generator = new Generator(random.u32(), bits, list);
      let made;
      for (let n = 0; n < 20 && !made; n++) made = generator.single(0);
      const code = Array.from(made?.code ?? [0x90]);
      if (random.chance(0.15)) code[random.below(code.length)]! ^= 1 << random.below(8);
      return code;
    }
  }
}

function patch(random: Random, paging: Paging): Patch {
  const bits = BigInt(random.u32()) << 32n | BigInt(random.u32());
  switch (random.below(paging === 'none' ? 3 : 6)) {
    case 0: return { at: GDT + 8 * random.below(20), value: BigInt(random.pick([0xffff, 0, 0x20])) | (random.chance(0.3) ? bits & ~0xffffn : BigInt(random.below(0x10000)) << 40n) };
    case 1: return { at: IDT + 8 * random.below(64), value: random.chance(0.5) ? bits : BigInt(HANDLERS) | BigInt(random.pick(Object.values(Selector))) << 16n | BigInt(0x8000 | random.below(16) << 8 | random.below(4) << 13) << 32n };
    case 2: return { at: random.pick([TSS, LDT, DATA]) + 8 * random.below(16), value: random.chance(0.5) ? bits : pointer(random) };
    default: { // a page table entry: some bits of the usual value turned around
      const level = random.below(4), at = [PT + 8 * random.pick([CODE >> 12, (CODE >> 12) + 1, DATA >> 12, (DATA >> 12) + 1, STACK >> 12, GDT >> 12, IDT >> 12, TSS >> 12]), PD, PDPT, ROOT][level]!;
      const flips = Array.from({ length: random.between(1, 3) }, () => random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 51, 52, 59, 62, 63]));
      const base = [BigInt(at - PT >> 3 << 12), BigInt(PT), BigInt(PD), BigInt(PDPT)][level]! | 7n;
      return { at, value: flips.reduce((value, bit) => value ^ 1n << BigInt(bit), base) };
    }
  }
}

/** The case as a text that can be pasted into a test. */
export function showCase(c: CodeCase): string {
  return JSON.stringify({ ...c, code: c.code.map(p => p.map(b => b.toString(16).padStart(2, '0')).join(' ')) }, (_, v) => typeof v === 'bigint' ? `0x${v.toString(16)}` : v as unknown);
}
