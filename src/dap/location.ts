import type { Debuggee } from './debuggee.js';
import { RequestError } from './errors.js';

/**
 * The address that a text names: a symbol, `symbol+0x10`, or a number. Throws a RequestError that names the text, and
 * the most similar symbol.
 * @param what what the text is for, such as `stopAt`
 */
export function parseLocation(text: string, debuggee: Debuggee, what: string): bigint {
  const match = /^\s*([A-Za-z_.$][\w.$]*)\s*(?:\+\s*(0x[0-9a-fA-F]+|\d+))?\s*$/.exec(text);
  if (match) {
    const address = debuggee.symbols.table.addressOf(match[1]!);
    if (address !== undefined) return BigInt.asUintN(64, address + BigInt(match[2] ?? 0));
    const similar = debuggee.symbols.table.similar(match[1]!);
    throw new RequestError(
      `${what}: there is no symbol "${match[1]}" in ${debuggee.programName}.${similar.length > 0 ? ` Did you mean ${similar.join(', ')}?` : ' Give a symbol of the kernel or an address (0x...).'}`,
    );
  }
  if (!/^\s*(0x[0-9a-fA-F]+|\d+)\s*$/.test(text))
    throw new RequestError(`${what}: "${text}" is neither a symbol nor an address. Write a symbol, symbol+0x10 or 0x... .`);
  const value = BigInt(text.trim());
  if (value >> 64n !== 0n) throw new RequestError(`${what}: ${text} does not fit into 64 bits.`);
  return value;
}

/** The address in a memory reference: a number, as the adapter gives them out, plus an offset in bytes. */
export function parseReference(reference: string, offset: number | undefined): bigint {
  let base: bigint;
  try {
    base = BigInt(reference.trim());
  } catch {
    throw new RequestError(`"${reference}" is not a memory reference; they are addresses such as 0xffffffff80000000.`);
  }
  return BigInt.asUintN(64, base + BigInt(offset ?? 0));
}
