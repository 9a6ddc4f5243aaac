import type { Symbols } from './index.js';
import type { SourceLocation } from './lineTable.js';

/** A frame as the source has it. Several of them may share one frame of the machine, by inlining. */
export interface SourceFrame {
  function: string;
  location: SourceLocation | undefined;
  /** The function has no frame of its own here: it was inlined into the next one of the list. */
  inlined: boolean;
}

/**
 * What the source calls the code at an address, the innermost first: the inlined functions that it belongs to, each at
 * the line where control is, and last the function that was compiled. Empty where neither symbols nor debug
 * information know the address.
 * @param lookup the frame's `lookup` address: inside the call for a caller
 */
export function sourceFrames(symbols: Symbols, lookup: bigint): SourceFrame[] {
  const calls = symbols.functions.inlinedAt(lookup).reverse();
  const outer = symbols.functions.functionAt(lookup)?.name ?? symbols.table.functionAt(lookup)?.symbol.name;
  if (outer === undefined && calls.length === 0) return [];
  const frames: SourceFrame[] = [];
  let location = symbols.lines.locationAt(lookup);
  for (const call of calls) {
    frames.push({ function: call.name, location, inlined: true });
    location = call.callFile === '' ? undefined : { file: call.callFile, line: call.callLine, column: 0 };
  }
  frames.push({ function: outer ?? '', location, inlined: false });
  return frames;
}
