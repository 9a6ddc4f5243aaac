import type { Debuggee } from '../debuggee.js';
import { accessTypes } from './ast.js';
import { registerNames, words } from './machineScope.js';

export interface Completion {
  label: string;
  kind: 'register' | 'word' | 'type' | 'symbol';
}

/** What a name that starts with `prefix` can become: registers, words, memory types, then symbols. */
export function completeName(prefix: string, debuggee: Debuggee, limit = 100): Completion[] {
  const starts = (name: string): boolean => name.startsWith(prefix.toLowerCase());
  const found: Completion[] = [
    ...registerNames(debuggee)
      .filter(starts)
      .map(label => ({ label, kind: 'register' as const })),
    ...Object.keys(words)
      .filter(starts)
      .map(label => ({ label, kind: 'word' as const })),
    ...Object.keys(accessTypes)
      .filter(starts)
      .map(label => ({ label, kind: 'type' as const })),
  ];
  // Without a prefix the symbols would drown everything else.
  if (prefix) found.push(...debuggee.symbols.table.complete(prefix, limit).map(label => ({ label, kind: 'symbol' as const })));
  return found.slice(0, limit);
}
