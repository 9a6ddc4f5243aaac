import { type Bits, DATA, DATA_END, dataBase, READ_ONLY } from './layout.js';
import type { Random } from './random.js';

const RSP = 4, RBP = 5;

/** What the instruction under construction has decided about the state it starts from. */
export class Start {
  readonly gpr: bigint[];
  readonly patches: { address: number; value: bigint }[] = [];
  /** Registers whose value matters. */
  readonly taken = new Set<number>();

  constructor(random: Random, readonly bits: Bits) {
    this.gpr = Array.from({ length: 16 }, (_, n) => bits === 64 ? random.value() : n < 8 ? random.value() & 0xffffffffn : 0n);
    this.gpr[RSP] = BigInt(address(random, 8, 0.96) - dataBase(bits));
    this.gpr[RBP] = BigInt(address(random, 8, 0.9) - dataBase(bits));
    for (const n of [RSP, RBP]) this.gpr[n] = BigInt.asUintN(bits === 64 ? 64 : 32, this.gpr[n]!);
  }

  set(register: number, value: bigint): void {
    if (this.taken.has(register)) return;
    this.gpr[register] = BigInt.asUintN(this.bits === 64 ? 64 : 32, value);
    this.taken.add(register);
  }
  patch(at: number, value: bigint): void {
    if (this.patches.length < 4 && at >= DATA && at + 8 <= DATA_END) this.patches.push({ address: at, value });
  }
}

/** An address for an access: in the writable pages with the given probability, else somewhere it hurts. */
export function address(random: Random, size: number, inside: number): number {
  if (random.chance(inside)) {
    const at = DATA + 0xe00 + random.below(0x400 - size);
    // Often across the page boundary in the middle, where it costs most.
    if (random.chance(0.1)) return DATA + 0x1000 - random.below(size + 1);
    return random.chance(0.5) ? at & -size : at;
  }
  return random.pick([READ_ONLY - random.below(size + 1), READ_ONLY + random.below(0x80 - size), DATA_END - random.below(size + 1), DATA - random.between(1, size), DATA - 0x5000]);
}
