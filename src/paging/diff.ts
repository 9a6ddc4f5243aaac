import { addressOf, attributeBitsHigh, isLeaf, type Level, pageAddressOf, type PagingFeatures, PTE_ATTRIBUTES_LOW, spanOf } from './bits.js';
import { ABSENT, brokenAttributes, decodeAttributes, effectiveOnly, hasReservedBits, isPoisoned, leafAttributes, type PageAttributes, restrictions } from './attributes.js';
import { linearAddress } from './ranges.js';
import type { PhysicalReader } from './physical.js';

/** What two tables can differ in for one address. */
export type Difference = 'user' | 'write' | 'execute' | 'global' | 'memory type' | 'page size' | 'physical address' | 'broken entry';

/** A run of addresses over which two tables compare alike. */
export interface DiffRange {
  start: bigint;
  /** Linear address behind the last byte; 2^64 for a range at the very top. */
  end: bigint;
  size: number;
  where: 'both' | 'kernel only' | 'shadow only' | 'differs';
  kernel: PageAttributes | undefined;
  shadow: PageAttributes | undefined;
  /** What differs, for `differs`. */
  differences: Difference[];
  /** The kernel half has the KAISER poison here. */
  poisoned: boolean;
  /** Both halves reach it through the same lower table, so that a change below shows in both. */
  shared: boolean;
}

export interface TableDiff {
  ranges: DiffRange[];
  /** Table pages visited; pairs count as two unless they are the same page. */
  tables: number;
  truncated: boolean;
}

export interface DiffOptions {
  tableLimit?: number;
}

/** One side at some node of the walk: nothing, a table to go into, or a page that spans the node. */
const NOTHING = 0;
const TABLE = 1;
const PAGE = 2;

class Side {
  state = NOTHING;
  /** Physical address of the table or of the first byte of the page. */
  address = 0;
  attributes = 0;
}

const HALF = 0x8000_0000_0000;

class Comparer {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly kernel: number[] = [];
  readonly shadow: number[] = [];
  readonly flags: number[] = [];
  tables = 0;
  private count = 0;

  private readonly highBits: number;

  constructor(private readonly reader: PhysicalReader, private readonly features: PagingFeatures, private readonly limit: number) {
    this.highBits = attributeBitsHigh(features);
  }

  /**
   * Compares the 512 children of a node. `a` and `b` are the kernel's and the shadow's side; a page side is the large
   * page that spans the node.
   */
  visit(level: Level, base: number, aState: number, aAddress: number, aAttributes: number, bState: number, bAddress: number, bAttributes: number): void {
    const aPage = aState === TABLE ? this.reader.page(aAddress)! : undefined;
    const bPage = bState === TABLE ? (aPage && aAddress === bAddress ? aPage : this.reader.page(bAddress)!) : undefined;
    this.tables += aPage && bPage && aPage !== bPage ? 2 : 1;
    if (level === 1 && aState !== PAGE && bState !== PAGE) {
      this.visitPageTables(base, aPage ?? noPage, aAttributes, bPage ?? noPage, bAttributes, aPage === bPage);
      return;
    }
    const span = spanOf(level);
    const a = new Side();
    const b = new Side();
    const shared = aPage !== undefined && aPage === bPage;
    for (let index = 0; index < 512; index++) {
      const aLow = aPage ? aPage[index * 2]! : aState;
      const bLow = bPage ? bPage[index * 2]! : bState;
      // A page side of state 2 has bit 0 clear, but is present: test it by its state.
      if (!(aLow & 1) && !(bLow & 1) && aState !== PAGE && bState !== PAGE) continue;
      if (aPage) this.child(a, level, aLow, aPage[index * 2 + 1]!, aAttributes);
      else inherit(a, aState, aAddress + index * span, aAttributes);
      if (bPage) this.child(b, level, bLow, bPage[index * 2 + 1]!, bAttributes);
      else inherit(b, bState, bAddress + index * span, bAttributes);
      const at = base + index * span;
      if (a.state === TABLE || b.state === TABLE) {
        if (this.tables < this.limit) this.visit((level - 1) as Level, at, a.state, a.address, a.attributes, b.state, b.address, b.attributes);
      } else if (a.state === PAGE || b.state === PAGE) {
        const samePhysical = a.state === b.state && a.address === b.address;
        this.add(at, span, a.state === PAGE ? a.attributes : ABSENT, b.state === PAGE ? b.attributes : ABSENT, samePhysical, shared);
      }
    }
  }

  /** Two page tables, of which one may be missing (all zeroes). Runs that compare alike are found before they are judged. */
  private visitPageTables(base: number, a: Uint32Array, aInherited: number, b: Uint32Array, bInherited: number, shared: boolean): void {
    const { highBits, features } = this;
    const attributesOf = (low: number, high: number, inherited: number): number => {
      if (!(low & 1)) return ABSENT;
      return hasReservedBits(1, low, high, features) ? brokenAttributes(1, true) : inherited | leafAttributes(1, low, high);
    };
    for (let i = 0; i < 1024;) {
      const aLow = a[i]! & PTE_ATTRIBUTES_LOW;
      const bLow = b[i]! & PTE_ATTRIBUTES_LOW;
      if (!((aLow | bLow) & 1)) {
        i += 2;
        continue;
      }
      const aHigh = a[i + 1]! & highBits;
      const bHigh = b[i + 1]! & highBits;
      const same = shared || samePage(a, b, i);
      const first = i;
      // Six words for each pair of entries: one comparison for all attributes, one for the addresses.
      do i += 2;
      while (i < 1024 && ((a[i]! ^ aLow | b[i]! ^ bLow) & PTE_ATTRIBUTES_LOW | (a[i + 1]! ^ aHigh | b[i + 1]! ^ bHigh) & highBits) === 0
        && (shared || samePage(a, b, i) === same));
      const aAttributes = attributesOf(aLow, aHigh, aInherited);
      const bAttributes = attributesOf(bLow, bHigh, bInherited);
      // The address of a broken entry means nothing.
      const known = aAttributes !== ABSENT && bAttributes !== ABSENT;
      this.add(base + first * 2048, (i - first) * 2048, aAttributes, bAttributes, known && same, shared);
    }
  }

  private child(side: Side, level: Level, low: number, high: number, inherited: number): void {
    side.address = 0;
    if (!(low & 1)) {
      side.state = NOTHING;
      return;
    }
    side.state = PAGE;
    if (hasReservedBits(level, low, high, this.features)) {
      side.attributes = brokenAttributes(level, true);
    } else if (isLeaf(level, low)) {
      side.attributes = inherited | leafAttributes(level, low, high);
      side.address = pageAddressOf(level, low, high);
    } else {
      side.address = addressOf(low, high);
      if (!this.reader.page(side.address)) {
        side.attributes = brokenAttributes((level - 1) as Level, false);
        return;
      }
      side.state = TABLE;
      side.attributes = inherited | restrictions(level, low, high);
    }
  }

  private add(start: number, size: number, kernel: number, shadow: number, samePhysical: boolean, shared: boolean): void {
    const flags = (samePhysical ? 1 : 0) | (shared ? 2 : 0);
    const last = this.count - 1;
    if (last >= 0 && this.ends[last] === start && this.kernel[last] === kernel && this.shadow[last] === shadow && this.flags[last] === flags && start !== HALF) {
      this.ends[last] = start + size;
      return;
    }
    this.starts.push(start);
    this.ends.push(start + size);
    this.kernel.push(kernel);
    this.shadow.push(shadow);
    this.flags.push(flags);
    this.count++;
  }
}

const noPage = new Uint32Array(1024);

/** Whether two entries name the same page frame: bits 51 to 12. */
function samePage(a: Uint32Array, b: Uint32Array, at: number): boolean {
  return ((a[at]! ^ b[at]!) & 0xffff_f000) === 0 && ((a[at + 1]! ^ b[at + 1]!) & 0xf_ffff) === 0;
}

function inherit(side: Side, state: number, address: number, attributes: number): void {
  side.state = state;
  side.address = address;
  side.attributes = attributes;
}

/**
 * Compares two tables address by address: the two halves of a KAISER pair. Accessed and dirty bits are left out: the
 * top-level entries of a pair collect them separately, rightly.
 * @param kernelRoot physical address of the kernel half's PML4
 * @param shadowRoot physical address of the shadow half's PML4
 */
export function diffTables(reader: PhysicalReader, kernelRoot: number, shadowRoot: number, features: PagingFeatures, options: DiffOptions = {}): TableDiff {
  const limit = options.tableLimit ?? 200_000;
  const comparer = new Comparer(reader, features, limit);
  const stateOf = (root: number): number => (reader.page(root) ? TABLE : PAGE);
  const broken = brokenAttributes(4, false);
  const a = stateOf(kernelRoot);
  const b = stateOf(shadowRoot);
  comparer.visit(4, 0, a, a === TABLE ? kernelRoot : 0, a === TABLE ? 0 : broken, b, b === TABLE ? shadowRoot : 0, b === TABLE ? 0 : broken);
  const ranges = comparer.starts.map((start, i): DiffRange => {
    const size = comparer.ends[i]! - start;
    const kernel = comparer.kernel[i]!;
    const shadow = comparer.shadow[i]!;
    const differences = kernel !== ABSENT && shadow !== ABSENT ? differencesOf(kernel, shadow, (comparer.flags[i]! & 1) !== 0) : [];
    const linear = linearAddress(start);
    return {
      start: linear, end: linear + BigInt(size), size,
      where: kernel === ABSENT ? 'shadow only' : shadow === ABSENT ? 'kernel only' : differences.length > 0 ? 'differs' : 'both',
      kernel: kernel === ABSENT ? undefined : decodeAttributes(kernel),
      shadow: shadow === ABSENT ? undefined : decodeAttributes(shadow),
      differences,
      poisoned: start < HALF && isPoisoned(kernel),
      shared: (comparer.flags[i]! & 2) !== 0,
    };
  });
  return { ranges, tables: comparer.tables, truncated: comparer.tables >= limit };
}

function differencesOf(kernel: number, shadow: number, samePhysical: boolean): Difference[] {
  if (effectiveOnly(kernel) === effectiveOnly(shadow) && samePhysical) return [];
  const a = decodeAttributes(kernel);
  const b = decodeAttributes(shadow);
  if (a.broken || b.broken) return a.broken === b.broken && a.level === b.level ? [] : ['broken entry'];
  const differences: Difference[] = [];
  if (a.rights.user !== b.rights.user) differences.push('user');
  if (a.rights.write !== b.rights.write) differences.push('write');
  if (a.rights.execute !== b.rights.execute) differences.push('execute');
  if (a.rights.global !== b.rights.global) differences.push('global');
  if (a.writeThrough !== b.writeThrough || a.cacheDisable !== b.cacheDisable || a.pat !== b.pat) differences.push('memory type');
  if (a.level !== b.level) differences.push('page size');
  if (!samePhysical) differences.push('physical address');
  return differences;
}
