import { type Bits, dataBase, GS_BASE } from './layout.js';
import type { Random } from './random.js';
import type { Start } from './start.js';

const RSP = 4;

/** ModRM with what follows it; `relative`: the displacement, at byte 1, is still to be made relative to RIP. */
export interface Encoded { bytes: number[]; rex: number; relative: boolean; }

/** Registers that point into the data in sequences. */
export function baseRegisters(bits: Bits): number[] { return bits === 64 ? [3, 6, 13, 14] : [3, 6, 7]; }

/**
 * ModRM, SIB and displacement of an operand at `target` (-1: nowhere canonical).
 * @param alignment of the distance from a base register, in sequences
 */
export function memoryOperand(random: Random, reg: number, target: number, segment: boolean, short: boolean, start: Start, inSequence: boolean, alignment = 1): Encoded {
  const field = reg << 3;
  const offset = target < 0 ? 0x1234567812345678n : BigInt(target - (segment ? GS_BASE : dataBase(start.bits)));
  const way = target < 0 ? 1 : random.below(10);
  if (way === 0 && !segment && start.bits === 64) return { bytes: [field | 5, 0, 0, 0, 0], rex: 0, relative: true };
  if (way === 9 || inSequence && way > 6) return start.bits !== 64 ? { bytes: [field | 5, ...little(Number(offset), 4)], rex: 0, relative: false } : { bytes: [field | 4, 0x25, ...little(Number(offset), 4)], rex: 0, relative: false };
  // A base, perhaps with an index, or an index alone; the registers get values that lead to the target.
  const free = (exclude: number) => {
    for (;;) {
      const n = random.below(start.bits === 64 ? 16 : 8);
      if (n !== exclude && !start.taken.has(n)) return n;
    }
  };
  if (inSequence) {
    const base = random.pick(baseRegisters(start.bits)), displacement = random.between(-64, 64) & -alignment;
    return { bytes: [0x40 | field | base & 7, displacement & 0xff], rex: base >= 8 ? 0x41 : 0, relative: false };
  }
  const base = way < 8 ? free(-1) : -1;
  let index = -1;
  if (way >= 5) do index = free(base); while (index === RSP);
  let displacement: bigint;
  let mod = base < 0 ? 0 : random.below(3);
  if (mod === 0 && base >= 0 && (base & 7) === 5) mod = 1;
  displacement = mod === 1 ? BigInt(random.between(-128, 127)) : mod === 2 || base < 0 ? BigInt(random.u32() | 0) : 0n;
  if (base < 0 && target >= 0 && random.chance(0.5)) displacement = BigInt(Number(offset) - random.between(0, 64));
  const scale = random.below(4);
  const width = short || start.bits !== 64 ? 32 : 64, wide = short && start.bits === 64 ? random.u64() & ~0xffffffffn : 0n;
  let rest = offset - displacement;
  if (index >= 0) {
    const value = base < 0 ? rest >> BigInt(scale) : BigInt(random.between(-40, 40));
    // Without a base only multiples of the scale can be reached: the displacement makes up for the others.
    if (base < 0) displacement += rest - (value << BigInt(scale));
    start.set(index, BigInt.asUintN(width, value) | wide);
    rest -= value << BigInt(scale);
  }
  if (base >= 0) start.set(base, BigInt.asUintN(width, rest) | wide);
  const rex = (base >= 8 ? 0x41 : 0) | (index >= 8 ? 0x42 : 0);
  const bytes = index >= 0 || base < 0 || (base & 7) === 4
    ? [mod << 6 | field | 4, scale << 6 | (index < 0 ? 4 : index & 7) << 3 | (base < 0 ? 5 : base & 7)]
    : [mod << 6 | field | base & 7];
  const length = base < 0 ? 4 : mod === 1 ? 1 : mod === 2 ? 4 : 0;
  return { bytes: [...bytes, ...little(Number(BigInt.asIntN(32, displacement)), length)], rex, relative: false };
}

/** ModRM and displacement of an operand with 16-bit addresses (SDM Vol. 2A, table 2-1) at an offset in its segment. */
export function memoryOperand16(random: Random, reg: number, offset: number, start: Start, inSequence: boolean): Encoded {
  const rm = random.below(8);
  if (rm === 6 && random.chance(0.5) || inSequence) return { bytes: [reg << 3 | 6, ...little(offset, 2)], rex: 0, relative: false };
  const [base, index] = [[3, 6], [3, 7], [5, 6], [5, 7], [6], [7], [5], [3]][rm]!;
  const mod = rm === 6 ? random.between(1, 2) : random.below(3);
  const displacement = mod === 1 ? random.between(-128, 127) : mod === 2 ? random.between(-0x8000, 0x7fff) : 0;
  const garbage = () => random.u64() & 0xffff0000n;
  let rest = offset - displacement;
  if (index !== undefined) {
    const value = random.between(-40, 40);
    start.set(index, BigInt.asUintN(16, BigInt(value)) | garbage());
    rest -= value;
  }
  start.set(base!, BigInt.asUintN(16, BigInt(rest)) | garbage());
  return { bytes: [mod << 6 | reg << 3 | rm, ...little(displacement, mod)], rex: 0, relative: false };
}

export function little(value: number, bytes: number): number[] { return little64(BigInt.asUintN(64, BigInt(value))).slice(0, bytes); }
export function little64(value: bigint): number[] { return Array.from({ length: 8 }, (_, n) => Number(value >> BigInt(8 * n) & 0xffn)); }
