/** Bytes of one allocation from the host. */
const SLAB = 1 << 20;

/**
 * Copies of units of memory, all of one size, by number; 0 stands for a unit of zeros, which takes no room. Room is
 * taken from the host in pieces of 1 MiB, because many small arrays cost more to make than their bytes to copy.
 */
class UnitPool {
  private readonly slabs: Uint8Array[] = [];
  private readonly words: Int32Array[] = [];
  private readonly free: number[] = [];
  private next = 1;
  private readonly perSlab: number;

  constructor(readonly unit: number) { this.perSlab = SLAB / unit; }

  /** Units kept. */
  get used(): number { return this.next - 1 - this.free.length; }

  /** Keeps a copy of the unit at byte `at`. */
  keep(from: Uint8Array, fromWords: Int32Array, at: number): number {
    if (isZero(fromWords, at >> 2, this.unit >> 2)) return 0;
    const slot = this.free.pop() ?? this.next++, slab = Math.floor(slot / this.perSlab);
    while (this.slabs.length <= slab) {
      const bytes = new Uint8Array(SLAB);
      this.slabs.push(bytes);
      this.words.push(new Int32Array(bytes.buffer));
    }
    this.slabs[slab]!.set(from.subarray(at, at + this.unit), slot % this.perSlab * this.unit);
    return slot;
  }

  /** Writes the copy to byte `at`. */
  put(slot: number, to: Uint8Array, at: number): void {
    if (slot === 0) { to.fill(0, at, at + this.unit); return; }
    const start = slot % this.perSlab * this.unit;
    to.set(this.slabs[Math.floor(slot / this.perSlab)]!.subarray(start, start + this.unit), at);
  }

  /** Does byte `at` begin with the same bytes? */
  equals(slot: number, words: Int32Array, at: number): boolean {
    const count = this.unit >> 2, first = at >> 2;
    if (slot === 0) return isZero(words, first, count);
    const slab = this.words[Math.floor(slot / this.perSlab)]!, start = slot % this.perSlab * count;
    for (let n = 0; n < count; n++) if (slab[start + n] !== words[first + n]) return false;
    return true;
  }

  release(slot: number): void { if (slot !== 0) this.free.push(slot); }
}

function isZero(words: Int32Array, first: number, count: number): boolean {
  for (let n = first; n < first + count; n++) if (words[n] !== 0) return false;
  return true;
}

/** What a snapshot has of a memory that its parent has otherwise: by unit, the copy of the parent and its own. */
export type UnitChanges = Map<number, { before: number; after: number }>;

/**
 * The versions of a range of memory that is cut into units. The memory is always a known version, the current one, but
 * for the units that have been written since, which the owner knows. Versions are numbers of copies; a change from one
 * to the next is a `UnitChanges`, so going back or forth over it costs the units it changes.
 */
export class VersionedUnits {
  private readonly pool: UnitPool;
  private readonly words: Int32Array;
  /** For each unit the copy that the current version has. Before the first version all memory counts as zero. */
  private readonly current: Int32Array;

  /**
   * @param base byte offset of unit 0 in `bytes`
   * @param unit bytes of a unit, a power of 2
   */
  constructor(private readonly bytes: Uint8Array, private readonly base: number, units: number, private readonly unit: number) {
    this.pool = new UnitPool(unit);
    this.words = new Int32Array(bytes.buffer);
    this.current = new Int32Array(units);
  }

  /** Bytes that all versions together take. */
  get size(): number { return this.pool.used * this.unit; }

  /** Makes what memory holds the current version; `written` are the units that may differ from it. */
  take(written: Iterable<number>): UnitChanges {
    const changes: UnitChanges = new Map(), { current } = this;
    for (const n of written) {
      const at = this.base + n * this.unit, before = current[n]!;
      const after = this.pool.keep(this.bytes, this.words, at);
      if (after === 0 && before === 0) continue;
      changes.set(n, { before, after });
      current[n] = after;
    }
    return changes;
  }

  /** The copies that a version has, for the units that the way there changes: first back over `up`, then forth over `down`. */
  way(up: readonly UnitChanges[], down: readonly UnitChanges[]): Map<number, number> {
    const target = new Map<number, number>();
    for (const changes of up) for (const [n, { before }] of changes) target.set(n, before);
    for (const changes of down) for (const [n, { after }] of changes) target.set(n, after);
    return target;
  }

  /**
   * Puts another version into memory.
   * @param target what `way` gave for it
   * @param written the units that may differ from the current version
   * @param code asked for each unit: true if `changed` wants to be told when its bytes are others than before, and only then
   * @param changed told after the unit has been put back
   */
  restore(target: Map<number, number>, written: Iterable<number>, code?: (unit: number) => boolean, changed?: (unit: number) => void): void {
    const { current, pool, bytes, words, unit } = this;
    for (const n of written) if (!target.has(n)) target.set(n, current[n]!);
    for (const [n, slot] of target) {
      const at = this.base + n * unit;
      current[n] = slot;
      if (!code?.(n)) pool.put(slot, bytes, at);
      else if (!pool.equals(slot, words, at)) {
        pool.put(slot, bytes, at);
        changed!(n);
      }
    }
  }

  /** Forgets the version between `first` and `second`, which is not the current one: `second` becomes the change from its grandparent. */
  join(first: UnitChanges, second: UnitChanges): void {
    for (const [n, change] of first) {
      const later = second.get(n);
      if (later) {
        later.before = change.before;
        this.pool.release(change.after);
      } else second.set(n, change);
    }
  }

  /** Forgets a version that nothing came after and that is not the current one. */
  drop(changes: UnitChanges): void { for (const { after } of changes.values()) this.pool.release(after); }

  /** Forgets the current version, which nothing came after; its parent is current from now on. @returns the units that may differ from it */
  dropCurrent(changes: UnitChanges): Iterable<number> {
    for (const [n, { before, after }] of changes) {
      this.current[n] = before;
      this.pool.release(after);
    }
    return changes.keys();
  }
}
