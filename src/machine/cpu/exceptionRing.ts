import type { CpuState } from './state.js';
import * as L from './layout.js';

/** Exceptions that are remembered. */
const KEPT = 32;
/** Numbers of an entry: vector, error code, 1 if it has one, address, RIP and CR3 by halves, CPL, position. */
const enum Field { Vector, Error, HasError, AddressLow, AddressHigh, RipLow, RipHigh, Cr3Low, Cr3High, Cpl, Position }
const SIZE = 11;

/** The last exceptions of one CPU as plain numbers: an entry costs no memory and is made into an object only for who asks. */
export class ExceptionRing {
  private readonly numbers = new Float64Array(KEPT * SIZE);
  private count = 0;

  /** Notes an exception at the CPU's present RIP, CPL and CR3. Low and high are those of a page fault's address. */
  note(cpu: CpuState, vector: number, hasError: boolean, error: number, low: number, high: number, position: number): void {
    const at = this.count++ % KEPT * SIZE, numbers = this.numbers;
    numbers[at + Field.Vector] = vector;
    numbers[at + Field.Error] = error;
    numbers[at + Field.HasError] = hasError ? 1 : 0;
    numbers[at + Field.AddressLow] = low;
    numbers[at + Field.AddressHigh] = high;
    numbers[at + Field.RipLow] = cpu.int(L.RIP);
    numbers[at + Field.RipHigh] = cpu.int(L.RIP + 4);
    numbers[at + Field.Cr3Low] = cpu.int(L.CR3);
    numbers[at + Field.Cr3High] = cpu.int(L.CR3 + 4);
    numbers[at + Field.Cpl] = cpu.cpl;
    numbers[at + Field.Position] = position;
  }

  /** Takes back the last `note`. */
  retract(): void { this.count--; }

  /** The entries, oldest first. */
  list(): { vector: number; errorCode: number | undefined; low: number; high: number; rip: bigint; cr3: bigint; cpl: number; position: number }[] {
    return Array.from({ length: Math.min(this.count, KEPT) }, (_, n) => {
      const at = (Math.max(this.count - KEPT, 0) + n) % KEPT * SIZE, number = (field: Field) => this.numbers[at + field]!;
      return {
        vector: number(Field.Vector), errorCode: number(Field.HasError) ? number(Field.Error) : undefined, low: number(Field.AddressLow), high: number(Field.AddressHigh),
        rip: join(number(Field.RipLow), number(Field.RipHigh)), cr3: join(number(Field.Cr3Low), number(Field.Cr3High)), cpl: number(Field.Cpl), position: number(Field.Position),
      };
    });
  }

  clear(): void { this.count = 0; }
  save(): readonly number[] { return [this.count, ...this.numbers.subarray(0, Math.min(this.count, KEPT) * SIZE)]; }
  restore(saved: readonly number[]): void {
    this.count = saved[0]!;
    for (let n = 1; n < saved.length; n++) this.numbers[n - 1] = saved[n]!;
  }
}

/** A 64-bit number from its halves. */
export function join(low: number, high: number): bigint { return BigInt(high >>> 0) << 32n | BigInt(low >>> 0); }
