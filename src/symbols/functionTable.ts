import { fromKey, lastAtOrBelow, toKey } from './address.js';
import type { FunctionInfo, InlinedCall } from './functions.js';

/** Functions by address, for code whose symbols have no size and for inlined calls. */
export class FunctionTable {
  private readonly starts: Float64Array;
  private readonly pieces: { start: number; end: number; owner: FunctionInfo }[] = [];

  constructor(readonly functions: readonly FunctionInfo[]) {
    for (const owner of functions) for (const range of owner.ranges) this.pieces.push({ ...range, owner });
    this.pieces.sort((a, b) => a.start - b.start);
    this.starts = Float64Array.from(this.pieces, (piece) => piece.start);
  }

  /** The function that holds an address, or undefined. */
  functionAt(address: bigint): FunctionInfo | undefined {
    const key = toKey(address);
    const piece = this.pieces[lastAtOrBelow(this.starts, this.starts.length, key)];
    return piece && key < piece.end ? piece.owner : undefined;
  }

  /** The inlined calls that hold an address, the outermost first. */
  inlinedAt(address: bigint): InlinedCall[] {
    const key = toKey(address);
    const holds = (call: InlinedCall): boolean => call.ranges.some((range) => key >= range.start && key < range.end);
    return (this.functionAt(address)?.inlined ?? []).filter(holds).sort((a, b) => a.depth - b.depth);
  }

  /** The range of addresses that holds an address within its function, or undefined. */
  rangeAt(address: bigint): { start: bigint; end: bigint } | undefined {
    const key = toKey(address);
    const piece = this.pieces[lastAtOrBelow(this.starts, this.starts.length, key)];
    return piece && key < piece.end ? { start: fromKey(piece.start), end: fromKey(piece.end) } : undefined;
  }
}
