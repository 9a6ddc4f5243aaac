import * as L from './layout.js';
import type { CpuState } from './state.js';

/** Words of an entry. */
const WORDS = L.EXCEPTION_SIZE >> 2;

/**
 * The last exceptions of one CPU as plain numbers in the CPU's part of the machine's memory (EXCEPTIONS), where emitted code notes those that it
 * delivers. An entry is made into an object only for who asks.
 */
export class ExceptionRing {
  constructor(private readonly cpu: CpuState) {}

  private get count(): number { return this.cpu.int(L.EXCEPTION_COUNT); }
  private set count(count: number) { this.cpu.setInt(L.EXCEPTION_COUNT, count); }

  /** Notes an exception at the CPU's present RIP, CPL and CR3. Low and high are those of a page fault's address. */
  note(vector: number, hasError: boolean, error: number, low: number, high: number, position: number): void {
    const { cpu } = this, at = entryAt(this.count);
    cpu.setInt(at + L.X_VECTOR, vector);
    cpu.setInt(at + L.X_ERROR, error);
    cpu.setInt(at + L.X_HAS_ERROR, hasError ? 1 : 0);
    cpu.setInt(at + L.X_CPL, cpu.cpl);
    cpu.setHalves(at + L.X_ADDRESS, low, high);
    cpu.copy(at + L.X_RIP, L.RIP);
    cpu.copy(at + L.X_CR3, L.CR3);
    cpu.f64[at + L.X_POSITION >> 3] = position;
    const count = this.count + 1;
    this.count = count === L.EXCEPTION_COUNT_MAX ? L.EXCEPTION_COUNT_RESET : count;
  }

  /** Takes back the last `note`. */
  retract(): void { this.count--; }

  /** The entries, oldest first. */
  list(): { vector: number; errorCode: number | undefined; address: bigint; rip: bigint; cr3: bigint; cpl: number; position: number }[] {
    const { cpu } = this, kept = this.kept;
    return Array.from({ length: kept }, (_, n) => {
      const at = entryAt(this.count - kept + n);
      return {
        vector: cpu.int(at + L.X_VECTOR), errorCode: cpu.int(at + L.X_HAS_ERROR) ? cpu.int(at + L.X_ERROR) : undefined, address: cpu.get(at + L.X_ADDRESS),
        rip: cpu.get(at + L.X_RIP), cr3: cpu.get(at + L.X_CR3), cpl: cpu.int(at + L.X_CPL), position: cpu.f64[at + L.X_POSITION >> 3]!,
      };
    });
  }

  private get kept(): number { return Math.min(this.count, L.EXCEPTIONS_KEPT); }

  clear(): void { this.count = 0; }
  save(): readonly number[] {
    const saved = [this.count], { i32 } = this.cpu, start = L.EXCEPTIONS >> 2, end = start + this.kept * WORDS;
    for (let at = start; at < end; at++) saved.push(i32[at]!);
    return saved;
  }
  restore(saved: readonly number[]): void {
    this.count = saved[0]!;
    for (let n = 1; n < saved.length; n++) this.cpu.i32[(L.EXCEPTIONS >> 2) + n - 1] = saved[n]!;
  }
}

/** Offset in the CPU's state of entry number `n`. */
function entryAt(n: number): number { return L.EXCEPTIONS + n % L.EXCEPTIONS_KEPT * L.EXCEPTION_SIZE; }
