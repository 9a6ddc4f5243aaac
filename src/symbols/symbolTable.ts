import { isExactKey, lastAtOrBelow, toKey } from './address.js';
import { type ElfImage, type ElfSymbol, SHF_ALLOC, type SymbolKind } from './elf.js';

/** A symbol as found for an address or a name. */
export interface SymbolInfo {
  name: string;
  address: bigint;
  /** Bytes; 0 where the symbol table says none (labels of assembly). */
  size: number;
  kind: SymbolKind;
  global: boolean;
  section: string;
}

/** An address in terms of a symbol: `symbol.address + offset`. */
export interface SymbolHit {
  symbol: SymbolInfo;
  offset: number;
}

/**
 * Symbols by address and by name. Of several at one address the best stands for it: functions and objects before bare
 * labels, global before local, sized before unsized, then the one that comes first in the file; last of all the marks of
 * a linker script.
 */
export class SymbolTable {
  /** Sorted by address, best first among equals. */
  private readonly symbols: SymbolInfo[];
  private readonly keys: Float64Array;
  /** For each symbol the index of the nearest one before it that still covers its address, or -1. */
  private readonly enclosing: Int32Array;
  private readonly sectionEnds = new Map<string, number>();
  private readonly named = new Map<string, SymbolInfo[]>();
  private sortedNames: string[] | undefined;

  constructor(image: ElfImage) {
    for (const section of image.sections) {
      if (section.flags & SHF_ALLOC) this.sectionEnds.set(section.name, toKey(section.address) + section.size);
    }
    const placed: { symbol: SymbolInfo; key: number; rank: number }[] = [];
    for (const raw of image.symbols) {
      if (!isUseful(raw)) continue;
      const symbol: SymbolInfo = {
        name: raw.name, address: raw.address, size: raw.size, kind: raw.kind, global: raw.global, section: raw.section?.name ?? '',
      };
      const sameName = this.named.get(raw.name);
      if (sameName) sameName.push(symbol);
      else this.named.set(raw.name, [symbol]);
      const key = toKey(raw.address);
      // A label behind the last byte of its section marks an end; what begins there has the better name.
      const isEnd = raw.section !== undefined && raw.section.size > 0 && key >= this.sectionEnds.get(raw.section.name)!;
      // Absolute symbols are numbers, not places.
      if (raw.section && isExactKey(key)) placed.push({ symbol, key, rank: rankOf(symbol) - (isEnd ? 16 : 0) });
    }
    for (const sameName of this.named.values()) if (sameName.length > 1) sameName.sort((a, b) => rankOf(b) - rankOf(a));
    placed.sort((a, b) => a.key - b.key || b.rank - a.rank);
    this.symbols = placed.map((one) => one.symbol);
    this.keys = Float64Array.from(placed, (one) => one.key);
    this.enclosing = new Int32Array(placed.length);
    this.linkEnclosing();
  }

  /** The number of symbols that have an address. */
  get size(): number {
    return this.symbols.length;
  }

  /**
   * The symbol for an address: the one exactly there; else the innermost function or object that covers it; else the
   * nearest label before it in the same section, as far as no sized symbol lies between. Undefined outside all.
   */
  symbolAt(address: bigint): SymbolHit | undefined {
    const key = toKey(address);
    let index = lastAtOrBelow(this.keys, this.keys.length, key);
    if (index < 0) return undefined;
    index = this.firstAtSameAddress(index);
    if (this.keys[index] === key) return this.hit(index, key);
    const nearest = index;
    for (let at = this.lastAtSameAddress(index); at >= 0; at = this.enclosing[at]!) {
      if (this.keys[at]! + this.symbols[at]!.size > key) return this.hit(at, key);
    }
    const label = this.symbols[nearest]!;
    const sectionEnd = this.sectionEnds.get(label.section);
    if (label.size === 0 && sectionEnd !== undefined && key < sectionEnd) return this.hit(nearest, key);
    return undefined;
  }

  /** The function that covers an address: by size where the table has it, else by the nearest symbol. */
  functionAt(address: bigint): SymbolHit | undefined {
    const key = toKey(address);
    const last = lastAtOrBelow(this.keys, this.keys.length, key);
    for (let at = last; at >= 0; at = this.enclosing[at]!) {
      const symbol = this.symbols[at]!;
      if (symbol.kind === 'function' && this.keys[at]! + symbol.size > key) return this.hit(at, key);
    }
    return this.symbolAt(address);
  }

  /** `name`, `name+0x1c`, or undefined. Offsets are in hexadecimal. */
  format(address: bigint): string | undefined {
    const hit = this.symbolAt(address);
    if (!hit) return undefined;
    return hit.offset === 0 ? hit.symbol.name : `${hit.symbol.name}+0x${hit.offset.toString(16)}`;
  }

  /** The symbol of a name; of several (locals of different files) the best as described for the class. */
  byName(name: string): SymbolInfo | undefined {
    return this.named.get(name)?.[0];
  }

  /** Every symbol of a name, best first. */
  allByName(name: string): readonly SymbolInfo[] {
    return this.named.get(name) ?? [];
  }

  /** The address of a name, or undefined. */
  addressOf(name: string): bigint | undefined {
    return this.byName(name)?.address;
  }

  /** Names that start with a prefix, in alphabetical order, at most `limit`. */
  complete(prefix: string, limit = 50): string[] {
    this.sortedNames ??= [...this.named.keys()].sort();
    const names = this.sortedNames;
    let low = 0;
    let high = names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (names[middle]! < prefix) low = middle + 1;
      else high = middle;
    }
    const found: string[] = [];
    for (let i = low; i < names.length && found.length < limit && names[i]!.startsWith(prefix); i++) found.push(names[i]!);
    return found;
  }

  /** Names close to a mistyped one, best first, for "did you mean". */
  similar(name: string, limit = 3): string[] {
    const wanted = name.toLowerCase();
    const scored: { name: string; score: number }[] = [];
    for (const candidate of this.named.keys()) {
      const other = candidate.toLowerCase();
      const contained = other.includes(wanted) || wanted.includes(other);
      if (!contained && Math.abs(other.length - wanted.length) > 3) continue;
      const distance = contained ? Math.abs(other.length - wanted.length) / 4 : editDistance(wanted, other);
      if (distance <= Math.max(2, wanted.length / 4)) scored.push({ name: candidate, score: distance });
    }
    scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1));
    return scored.slice(0, limit).map((one) => one.name);
  }

  /** All symbols that have an address, ascending, the best first among equals. */
  all(): readonly SymbolInfo[] {
    return this.symbols;
  }

  private hit(index: number, key: number): SymbolHit {
    return { symbol: this.symbols[index]!, offset: key - this.keys[index]! };
  }

  private firstAtSameAddress(index: number): number {
    while (index > 0 && this.keys[index - 1] === this.keys[index]) index--;
    return index;
  }

  private lastAtSameAddress(index: number): number {
    while (index + 1 < this.keys.length && this.keys[index + 1] === this.keys[index]) index++;
    return index;
  }

  /** One pass with a stack of the sized symbols still open. */
  private linkEnclosing(): void {
    const open: number[] = [];
    for (let i = 0; i < this.symbols.length; i++) {
      const key = this.keys[i]!;
      while (open.length > 0 && this.keys[open[open.length - 1]!]! + this.symbols[open[open.length - 1]!]!.size <= key) open.pop();
      this.enclosing[i] = open.length > 0 ? open[open.length - 1]! : -1;
      if (this.symbols[i]!.size > 0) open.push(i);
    }
  }
}

/** The address of a symbol kept for its own sake: file and section symbols and compilers' local labels are not. */
function isUseful(symbol: ElfSymbol): boolean {
  return symbol.name !== '' && symbol.defined && (symbol.kind === 'notype' || symbol.kind === 'object' || symbol.kind === 'function')
    && !symbol.name.startsWith('.L');
}

function rankOf(symbol: SymbolInfo): number {
  // Names such as __text_start come from a linker script and say less than a label at the same place.
  const marker = symbol.kind === 'notype' && /^_\w*_(?:start|begin|end)$/.test(symbol.name) ? 8 : 0;
  return (symbol.kind === 'notype' ? 0 : 4) + (symbol.global ? 2 : 0) + (symbol.size > 0 ? 1 : 0) - marker;
}

/** Levenshtein distance; the names are short. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    previous = row;
  }
  return previous[b.length]!;
}

