/** Reproducible random numbers (mulberry32) with the shapes that arithmetic is sensitive to. */
export class Random {
  private state: number;
  constructor(seed: number) { this.state = seed >>> 0; }

  /** 0 to 2^32 - 1. */
  u32(): number {
    this.state = this.state + 0x6d2b79f5 >>> 0;
    let t = this.state;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return (t ^ t >>> 14) >>> 0;
  }
  /** 0 to count - 1. */
  below(count: number): number { return Math.floor(this.u32() / 0x100000000 * count); }
  /** low to high, both included. */
  between(low: number, high: number): number { return low + this.below(high - low + 1); }
  chance(probability: number): boolean { return this.u32() / 0x100000000 < probability; }
  pick<T>(list: readonly T[]): T { return list[this.below(list.length)]!; }
  u64(): bigint { return BigInt(this.u32()) << 32n | BigInt(this.u32()); }

  /** 64 bits, often near the corners: zero, all ones, a single bit, sign boundaries of every operand size. */
  value(): bigint {
    switch (this.below(8)) {
      case 0: return BigInt.asUintN(64, BigInt(this.between(-3, 3)));
      case 1: return 1n << BigInt(this.below(64));
      case 2: return BigInt.asUintN(64, (1n << BigInt(this.pick([7, 8, 15, 16, 31, 32, 63]))) + BigInt(this.between(-2, 2)));
      case 3: return BigInt.asUintN(64, -(1n << BigInt(this.pick([7, 8, 15, 16, 31, 32, 63]))) + BigInt(this.between(-2, 2)));
      case 4: return BigInt(this.u32());
      default: return this.u64();
    }
  }
}
