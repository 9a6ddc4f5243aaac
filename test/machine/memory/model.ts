import { D, G, NX, P, PS, RW, US } from './fixture.js';
import { afterAccess, type Conditions, verdict } from './oracle.js';

interface ModelEntry { page: bigint; size: 0 | 1 | 2; pcid: number; global: boolean; frame: bigint; user: boolean; write: boolean; nx: boolean; dirty: boolean }

const SHIFT = [12n, 21n, 30n];

/**
 * A TLB and page walker as plain as can be, for comparison: a list of entries, tables in a map, SDM Vol. 3A 4.10 word for
 * word where it leaves no choice, and the machine's documented choices where it does (entries are kept until something
 * must drop them; own entries are preferred to global ones and smaller pages to larger ones).
 */
export class ModelCpu {
  entries: ModelEntry[] = [];
  pcid = 0;
  root = 0n;
  pge = true;
  constructor(readonly tables: Map<bigint, bigint>) {}

  private matching(linear: bigint, pcid: number, globals: boolean): ModelEntry[] {
    return this.entries.filter(e => linear >> SHIFT[e.size]! === e.page && (e.global ? globals : e.pcid === pcid))
      .sort((a, b) => Number(a.global) - Number(b.global) || a.size - b.size);
  }

  private drop(gone: readonly ModelEntry[]): void { this.entries = this.entries.filter(e => !gone.includes(e)); }

  /** @returns the physical address, or a page-fault error code below 0 as -1 - code */
  access(linear: bigint, c: Conditions): bigint {
    const write = c.access === 'write';
    const found = this.matching(linear, this.pcid, true)[0];
    if (found) {
      const cached = P | (found.user ? US : 0n) | (found.write ? RW : 0n) | (found.nx ? NX : 0n);
      const result = verdict([cached], c);
      if (result !== 'ok') return this.fault(linear, result);
      if (!write || found.dirty) return this.physical(linear, found);
    }
    const path: bigint[] = [], places: bigint[] = [];
    let table = this.root, size: 0 | 1 | 2 = 0;
    for (let level = 4; level >= 1; level--) {
      const place = table + (linear >> BigInt(12 + 9 * (level - 1)) & 0x1ffn) * 8n;
      const entry = this.tables.get(place) ?? 0n;
      path.push(entry);
      places.push(place);
      if (!(entry & P)) break;
      if (entry & PS && level < 4 && level > 1) { size = level - 1 as 1 | 2; break; }
      table = entry & 0xfffffff000n;
    }
    const result = verdict(path, c);
    if (result !== 'ok') return this.fault(linear, result);
    afterAccess(path, write).forEach((e, i) => this.tables.set(places[i]!, e));
    const leaf = path.at(-1)!;
    const made: ModelEntry = {
      page: linear >> SHIFT[size]!, size, pcid: this.pcid, global: this.pge && (leaf & G) !== 0n, frame: (leaf & 0xfffffff000n) >> SHIFT[size]!,
      user: path.every(e => e & US), write: path.every(e => e & RW), nx: path.some(e => e & NX), dirty: write || (leaf & D) !== 0n,
    };
    if (found) {
      const same = found.size === made.size && found.global === made.global && found.frame === made.frame && found.user === made.user
        && found.write === made.write && found.nx === made.nx;
      if (same) { found.dirty = true; return this.physical(linear, found); }
      this.drop(this.matching(linear, this.pcid, true));
    }
    this.entries.push(made);
    return this.physical(linear, made);
  }

  private physical(linear: bigint, e: ModelEntry): bigint { return e.frame << SHIFT[e.size]! | linear & (1n << SHIFT[e.size]!) - 1n; }

  private fault(linear: bigint, code: number): bigint {
    this.drop(this.matching(linear, this.pcid, true));
    return BigInt(-1 - code);
  }

  loadCr3(value: bigint, pcide: boolean): void {
    this.root = value & 0xfffffff000n;
    this.pcid = pcide ? Number(value & 0xfffn) : 0;
    if (!pcide || !(value >> 63n)) this.entries = this.entries.filter(e => e.global || e.pcid !== this.pcid);
  }
  invlpg(linear: bigint): void { this.drop(this.matching(linear, this.pcid, true)); }
  invpcid(type: number, pcid: number, linear: bigint): void {
    if (type === 0) this.drop(this.matching(linear, pcid, false));
    else if (type === 1) this.entries = this.entries.filter(e => e.global || e.pcid !== pcid);
    else this.entries = type === 2 ? [] : this.entries.filter(e => e.global);
  }

  /** In the form of `describeEntry`. */
  list(): string[] {
    return this.entries.map(e => `${(e.page << SHIFT[e.size]!).toString(16)} ${e.size} pcid ${e.pcid} ${e.global ? 'G' : '-'}${e.user ? 'U' : '-'}${e.write ? 'W' : '-'}`
      + `${e.nx ? '-' : 'X'}${e.dirty ? 'D' : '-'} ${(e.frame << SHIFT[e.size]!).toString(16)}`).sort();
  }
}
