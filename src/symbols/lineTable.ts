import { fromKey, lastAtOrBelow, toKey } from './address.js';
import { matchPath } from './paths.js';
import { type LineRows, ROW_END_SEQUENCE, ROW_IS_STMT, ROW_PROLOGUE_END } from './dwarfLine.js';

/** A place in a source file. `line` counts from 1; `column` counts from 1, 0 where the compiler says none. */
export interface SourceLocation {
  file: string;
  line: number;
  column: number;
}

/** A half-open range of code addresses. */
export interface AddressRange {
  start: bigint;
  end: bigint;
}

/** What a breakpoint on a source line becomes. */
export interface LineBreakpoint {
  file: string;
  /** The line that has code: the asked one, or the nearest following one. */
  line: number;
  /** The first address of each block of code for the line, ascending; one for each inlined or unrolled copy. */
  addresses: bigint[];
}

/** The code of one source line around an address, for a step over that line. */
export interface StepRange {
  location: SourceLocation;
  /** The unbroken range of code that holds the address. */
  range: AddressRange;
}

/**
 * The map between addresses and source lines. Sequences are sorted by address and laid out in columns; overlapping
 * sequences (code of discarded sections, which linkers leave at address 0) are dropped at load by `keepAddress`.
 */
export class LineTable {
  readonly files: readonly string[];
  private readonly address: Float64Array;
  private readonly file: Uint32Array;
  private readonly line: Uint32Array;
  private readonly column: Uint16Array;
  private readonly flags: Uint8Array;
  private readonly count: number;
  /**
   * Rows at one address form a piece of code; `pieceRow` is the row that names its line (the last statement, as
   * debuggers take it, else the last row), `pieceFirst` its first row. One more piece at the end closes the last.
   */
  private readonly pieceAddress: Float64Array;
  private readonly pieceFirst: Uint32Array;
  private readonly pieceRow: Uint32Array;
  private readonly pieceCount: number;
  /** For each file, the rows that begin a block of code of a line, by line and then address. Built when first asked. */
  private readonly rowsOfFile = new Map<number, Uint32Array>();
  private filesWithCode: boolean[] | undefined;

  /**
   * @param rows from readLinePrograms
   * @param keepAddress whether a sequence that starts at this address key is part of the image
   * @param functionOf some number that tells the function at an address key from others; used to sort out breakpoints
   */
  constructor(
    rows: LineRows,
    keepAddress: (key: number) => boolean = () => true,
    private readonly functionOf: (key: number) => number = () => 0,
  ) {
    this.files = rows.files;
    const sequences: { first: number; last: number; start: number }[] = [];
    let first = 0;
    for (let i = 0; i < rows.count; i++) {
      if (!(rows.flags[i]! & ROW_END_SEQUENCE)) continue;
      const start = rows.address[first]!;
      if (i > first && rows.address[i]! > start && keepAddress(start)) sequences.push({ first, last: i, start });
      first = i + 1;
    }
    sequences.sort((a, b) => a.start - b.start || a.first - b.first);
    const total = sequences.reduce((sum, sequence) => sum + sequence.last - sequence.first + 1, 0);
    this.address = new Float64Array(total);
    this.file = new Uint32Array(total);
    this.line = new Uint32Array(total);
    this.column = new Uint16Array(total);
    this.flags = new Uint8Array(total);
    let to = 0;
    let highest = -Infinity;
    for (const { first: from, last, start } of sequences) {
      // Two units may describe the same code (a COMDAT group kept once): the first description stands.
      if (start < highest) continue;
      const end = last + 1;
      this.address.set(rows.address.subarray(from, end), to);
      this.file.set(rows.file.subarray(from, end), to);
      this.line.set(rows.line.subarray(from, end), to);
      this.column.set(rows.column.subarray(from, end), to);
      this.flags.set(rows.flags.subarray(from, end), to);
      to += end - from;
      highest = rows.address[last]!;
    }
    this.count = to;
    this.pieceAddress = new Float64Array(to);
    this.pieceFirst = new Uint32Array(to + 1);
    this.pieceRow = new Uint32Array(to);
    let pieces = 0;
    for (let row = 0; row < to;) {
      const end = this.endOfPiece(row);
      let chosen = end - 1;
      for (let i = end - 1; i >= row; i--) {
        if (this.isStatement(i)) {
          chosen = i;
          break;
        }
      }
      this.pieceAddress[pieces] = this.address[row]!;
      this.pieceFirst[pieces] = row;
      this.pieceRow[pieces] = chosen;
      pieces++;
      row = end;
    }
    this.pieceFirst[pieces] = to;
    this.pieceCount = pieces;
  }

  /** The number of rows, end markers included. */
  get size(): number {
    return this.count;
  }

  /**
   * The source line of the instruction at (or around) an address, or undefined where no line is known, which includes
   * code that the compiler made up (line 0).
   */
  locationAt(address: bigint): SourceLocation | undefined {
    const piece = this.pieceAt(toKey(address));
    return piece < 0 || this.line[this.pieceRow[piece]!] === 0 ? undefined : this.locationOfRow(this.pieceRow[piece]!);
  }

  /** Whether a statement of the source begins exactly at the address (a row with is_stmt): a good place to stop. */
  isStatementStart(address: bigint): boolean {
    const key = toKey(address);
    const piece = this.pieceAt(key);
    return piece >= 0 && this.pieceAddress[piece] === key && this.isStatement(this.pieceRow[piece]!);
  }

  /** The source files that have code and match a path, by index into `files`; see matchPath. */
  resolveFile(path: string): number[] {
    return matchPath(path, this.files, (index) => this.hasCode(index));
  }

  /**
   * Where a breakpoint on (file, line) goes: the line itself, or the nearest following line of the file that has code.
   * Undefined where the file has no code at or after the line. Throws nothing; an unknown file gives undefined, so ask
   * resolveFile first to tell the two apart.
   */
  breakpointsAt(path: string, line: number): LineBreakpoint | undefined {
    let best: { file: number; line: number } | undefined;
    for (const file of this.resolveFile(path)) {
      const rows = this.blockRows(file);
      const at = firstRowFromLine(rows, this.line, line);
      if (at === rows.length) continue;
      const found = this.line[rows[at]!]!;
      if (!best || found < best.line) best = { file, line: found };
    }
    if (!best) return undefined;
    const rows = this.blockRows(best.file);
    const addresses: bigint[] = [];
    for (let i = firstRowFromLine(rows, this.line, best.line); i < rows.length && this.line[rows[i]!] === best.line; i++) {
      addresses.push(fromKey(this.address[rows[i]!]!));
    }
    return { file: this.files[best.file]!, line: best.line, addresses };
  }

  /** The lines of a file from `firstLine` to `lastLine` (both included) that have code, ascending. */
  linesWithCode(path: string, firstLine = 1, lastLine = Number.MAX_SAFE_INTEGER): number[] {
    const lines = new Set<number>();
    for (const file of this.resolveFile(path)) {
      for (const row of this.blockRows(file)) {
        const line = this.line[row]!;
        if (line >= firstLine && line <= lastLine) lines.add(line);
      }
    }
    return [...lines].sort((a, b) => a - b);
  }

  /**
   * The unbroken range of code of one source line around an address. To step over a line, run until the program
   * counter has left `range` and stands at a statement start of another line.
   */
  stepRangeAt(address: bigint): StepRange | undefined {
    const piece = this.pieceAt(toKey(address));
    if (piece < 0) return undefined;
    const row = this.pieceRow[piece]!;
    if (this.line[row] === 0) return undefined;
    const ends = (other: number): boolean => (this.flags[this.pieceRow[other]!]! & ROW_END_SEQUENCE) !== 0;
    const sameLine = (other: number): boolean => this.line[this.pieceRow[other]!] === this.line[row] && this.file[this.pieceRow[other]!] === this.file[row];
    let first = piece;
    while (first > 0 && !ends(first - 1) && sameLine(first - 1)) first--;
    let next = piece + 1;
    // Code that the compiler made up (line 0) behind a line is taken as part of it.
    while (!ends(next) && (sameLine(next) || this.line[this.pieceRow[next]!] === 0)) next++;
    return { location: this.locationOfRow(row), range: { start: fromKey(this.pieceAddress[first]!), end: fromKey(this.pieceAddress[next]!) } };
  }

  /**
   * The address behind a function's prologue: where the compiler marks it (prologue_end), else the second line row of
   * the function, as debuggers by convention take it. `entry` itself where the table knows no better.
   */
  afterPrologue(entry: bigint, end: bigint): bigint {
    const startKey = toKey(entry);
    const endKey = toKey(end);
    const piece = this.pieceAt(startKey);
    if (piece < 0 || this.pieceAddress[piece] !== startKey) return entry;
    let second = -1;
    for (let i = this.pieceFirst[piece]!; i < this.count && this.address[i]! < endKey && !(this.flags[i]! & ROW_END_SEQUENCE); i++) {
      if (this.flags[i]! & ROW_PROLOGUE_END) return fromKey(this.address[i]!);
      if (second < 0 && this.address[i]! > startKey && this.isStatement(i)) second = i;
    }
    return second < 0 ? entry : fromKey(this.address[second]!);
  }

  /** Every row as objects, in address order; for tests and listings. */
  *rows(): Generator<{ address: bigint; file: string; line: number; column: number; isStmt: boolean; endSequence: boolean }> {
    for (let i = 0; i < this.count; i++) {
      yield {
        address: fromKey(this.address[i]!), file: this.files[this.file[i]!]!, line: this.line[i]!, column: this.column[i]!,
        isStmt: (this.flags[i]! & ROW_IS_STMT) !== 0, endSequence: (this.flags[i]! & ROW_END_SEQUENCE) !== 0,
      };
    }
  }

  /** The piece that covers an address: the last one at or below it, unless that ends a sequence. -1 where there is none. */
  private pieceAt(key: number): number {
    const piece = lastAtOrBelow(this.pieceAddress, this.pieceCount, key);
    return piece >= 0 && this.flags[this.pieceRow[piece]!]! & ROW_END_SEQUENCE ? -1 : piece;
  }

  private endOfPiece(row: number): number {
    let end = row + 1;
    while (end < this.count && this.address[end] === this.address[row] && !(this.flags[end - 1]! & ROW_END_SEQUENCE)) end++;
    return end;
  }

  /** Whether a row marks the begin of a statement of some line. */
  private isStatement(row: number): boolean {
    return (this.flags[row]! & (ROW_IS_STMT | ROW_END_SEQUENCE)) === ROW_IS_STMT && this.line[row] !== 0;
  }

  private locationOfRow(row: number): SourceLocation {
    return { file: this.files[this.file[row]!]!, line: this.line[row]!, column: this.column[row]! };
  }

  private hasCode(file: number): boolean {
    if (!this.filesWithCode) {
      this.filesWithCode = new Array<boolean>(this.files.length).fill(false);
      for (let i = 0; i < this.count; i++) if (!(this.flags[i]! & ROW_END_SEQUENCE)) this.filesWithCode[this.file[i]!] = true;
    }
    return this.filesWithCode[file]!;
  }

  private blockRows(file: number): Uint32Array {
    let rows = this.rowsOfFile.get(file);
    if (!rows) {
      rows = this.findBlockRows(file);
      this.rowsOfFile.set(file, rows);
    }
    return rows;
  }

  /**
   * The statement rows at which the code of a line begins: code of another line stands before them. A statement that
   * has no instruction of its own (another line names its piece) is taken only where its line has no other code in the
   * same function; so a breakpoint stands where the line really runs, and a stop there shows the line it is on.
   */
  private findBlockRows(file: number): Uint32Array {
    const found: number[] = [];
    const empty: number[] = [];
    const withCode = new Set<string>();
    const placeOf = (row: number): string => `${this.line[row]} ${this.functionOf(this.address[row]!)}`;
    let currentLine = 0;
    let taken = false;
    for (let piece = 0; piece < this.pieceCount; piece++) {
      const row = this.pieceRow[piece]!;
      const ended = (this.flags[row]! & ROW_END_SEQUENCE) !== 0;
      const line = ended || this.file[row] !== file ? 0 : this.line[row]!;
      if (line !== currentLine) {
        currentLine = line;
        taken = false;
      }
      if (line !== 0 && !taken && this.isStatement(row)) {
        taken = true;
        found.push(row);
        withCode.add(placeOf(row));
      }
      for (let i = this.pieceFirst[piece]!; i < this.pieceFirst[piece + 1]!; i++) {
        const extra = this.file[i] === file && this.line[i] !== line && this.isStatement(i);
        if (extra && this.line[i] !== this.line[i - 1]) empty.push(i);
      }
    }
    for (const row of empty) if (!withCode.has(placeOf(row))) found.push(row);
    return Uint32Array.from(found).sort((a, b) => this.line[a]! - this.line[b]! || a - b);
  }
}

function firstRowFromLine(rows: Uint32Array, lines: Uint32Array, line: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lines[rows[middle]!]! < line) low = middle + 1;
    else high = middle;
  }
  return low;
}
