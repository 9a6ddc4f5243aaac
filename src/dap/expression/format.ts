import type { Debuggee } from '../debuggee.js';
import { hex } from '../debuggee.js';
import type { Value } from './evaluate.js';

/** A value as a person wants to see it: hexadecimal, with the decimal or the symbol beside it; words in quotes. */
export function formatValue(value: Value, debuggee: Debuggee): string {
  if (typeof value === 'string') return `'${value}'`;
  if (value < 10n) return value.toString();
  const symbol = value >= 0x1000n ? debuggee.symbolAt(value) : undefined;
  if (symbol) return `${hex(value)} <${symbol}>`;
  // Beyond 32 bits the decimal says nothing, except that small negative numbers should look it.
  const signed = BigInt.asIntN(64, value);
  if (signed < 0n && signed > -0x1_0000n) return `${hex(value)} (${signed})`;
  return value < 1n << 32n ? `${hex(value)} (${value})` : hex(value);
}
