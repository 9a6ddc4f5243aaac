import { CODE_LINE, CODE_LINES_BASE, PAGE_SIZE } from './layout.js';

/** Bytes for which a word of a page's bits stands. */
const WORD = 32;

/**
 * Which bytes of RAM have been decoded as instructions, page by page: stores to other bytes of these pages (a stack, variables and tables beside
 * the code) leave what has been decoded as it is. Emitted code sees the same by lines of CODE_LINE bytes.
 */
export class CodeBytes {
  /** A bit for each byte of the pages that have code. */
  private readonly pages = new Map<number, Int32Array>();

  /** @param i32 the machine's memory, for CODE_LINES */
  constructor(private readonly i32: Int32Array) {}

  /** Marks `length` bytes (at least 1) from offset `from` of a page on, which do not go beyond its end. */
  mark(page: number, from: number, length: number): void {
    let bits = this.pages.get(page);
    if (!bits) this.pages.set(page, bits = new Int32Array(PAGE_SIZE / WORD));
    const last = from + length - 1;
    for (let word = from >> 5; word <= last >> 5; word++) bits[word]! |= maskOf(word, from, last);
    const lines = (CODE_LINES_BASE >> 2) + page * 2;
    for (let line = from >> LINE_SHIFT; line <= last >> LINE_SHIFT; line++) this.i32[lines + (line >> 5)]! |= 1 << (line & 31);
  }

  /** Is one of `length` bytes (at least 1) from offset `from` of a page on, which do not go beyond its end, part of an instruction? */
  meets(page: number, from: number, length: number): boolean {
    const bits = this.pages.get(page), last = from + length - 1;
    if (!bits) return false;
    for (let word = from >> 5; word <= last >> 5; word++) if (bits[word]! & maskOf(word, from, last)) return true;
    return false;
  }

  /** Nothing of the page is marked any more. */
  clear(page: number): void {
    this.pages.delete(page);
    const lines = (CODE_LINES_BASE >> 2) + page * 2;
    this.i32[lines] = this.i32[lines + 1] = 0;
  }

  /** The numbers of the pages in which bytes are marked. */
  marked(): number[] { return [...this.pages.keys()]; }
}

const LINE_SHIFT = Math.log2(CODE_LINE);

/** The bits of word number `word` that stand for bytes from `first` to `last`. */
function maskOf(word: number, first: number, last: number): number {
  const from = Math.max(first - word * WORD, 0), to = Math.min(last - word * WORD, WORD - 1);
  return -1 << from & -1 >>> WORD - 1 - to;
}
