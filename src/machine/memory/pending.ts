import type { Bus } from './bus.js';
import type { GuestMemory } from './guestMemory.js';
import { SCRATCH, SCRATCH_SIZE } from './layout.js';

/** Bytes of one place in SCRATCH; two places for stores and two for loads. */
const PLACE = 0x20;
const STORES = 2;

/**
 * Accesses of the interpreter that cannot be given an address in RAM: those that cross a page, that go to a device, or
 * that write decoded code. The instruction works on a place in SCRATCH; stores are carried out after it. Nothing of this
 * outlives an instruction.
 */
export class Pending {
  /** Stores waiting. */
  count = 0;
  private nextLoad = 0;
  private readonly first = [0, 0];
  private readonly firstLength = [0, 0];
  private readonly second = [0, 0];
  private readonly secondLength = [0, 0];

  constructor(private readonly memory: GuestMemory, private readonly bus: Bus) {
    if (SCRATCH_SIZE < 4 * PLACE) throw new Error(`SCRATCH_SIZE ${SCRATCH_SIZE} is too small for 4 places of ${PLACE} bytes`);
  }

  /** Reads one or two pieces of the physical address space into a place for loads; returns its host address. */
  load(cpu: number, first: number, firstLength: number, second: number, secondLength: number): number {
    const host = SCRATCH + (STORES + this.nextLoad) * PLACE;
    this.nextLoad ^= 1;
    this.bus.load(cpu, first, host, firstLength);
    if (secondLength) this.bus.load(cpu, second, host + firstLength, secondLength);
    return host;
  }

  /**
   * Reserves a place for a store. It holds the present bytes if they are in RAM; those of a device only if `modify` says
   * that the instruction reads them, because reading a device may have effects.
   */
  store(cpu: number, first: number, firstLength: number, second: number, secondLength: number, modify: boolean): number {
    if (this.count === STORES) throw new Error('An instruction has more than two stores that need SCRATCH: flushPending was not called in between');
    const slot = this.count++;
    const host = SCRATCH + slot * PLACE;
    this.first[slot] = first;
    this.firstLength[slot] = firstLength;
    this.second[slot] = second;
    this.secondLength[slot] = secondLength;
    if (modify || first < this.memory.ramSize) this.bus.load(cpu, first, host, firstLength);
    if (secondLength && (modify || second < this.memory.ramSize)) this.bus.load(cpu, second, host + firstLength, secondLength);
    return host;
  }

  /** Carries out the waiting stores in their order. */
  flush(cpu: number): void {
    const count = this.count;
    this.count = 0;
    for (let slot = 0; slot < count; slot++) {
      const host = SCRATCH + slot * PLACE;
      const length = this.firstLength[slot]!;
      this.bus.store(cpu, this.first[slot]!, host, length);
      if (this.secondLength[slot]) this.bus.store(cpu, this.second[slot]!, host + length, this.secondLength[slot]!);
    }
  }

  /** Forgets the waiting stores. */
  drop(): void { this.count = 0; }
}
