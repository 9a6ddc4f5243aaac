import type { Debuggee } from './debuggee.js';
import { judge } from '../kaiser/index.js';
import type { CrashFacts, Verdict } from '../kaiser/index.js';
import type { ExceptionInfo } from '../target/target.js';

/** When a verdict is asked for; the exceptions are those of the CPU, oldest first. */
export interface Occasion {
  kind: CrashFacts['event'];
  cpu: number;
  exceptions: readonly ExceptionInfo[];
}

/** What src/kaiser makes of the machine as it stands; undefined for what is no explosion. */
export function verdictAt(debuggee: Debuggee, occasion: Occasion): Verdict | undefined {
  return judge(debuggee.kaiser.crashFacts(occasion));
}

/** A verdict as a paragraph, with the hazard and the predicate that it stands for: `Missed switch (H1, P20): CPU 1 ...`. */
export function verdictText(debuggee: Debuggee, occasion: Occasion): string {
  const verdict = verdictAt(debuggee, occasion);
  if (!verdict) return '';
  const names = [verdict.hazard, verdict.predicate].filter(name => name !== undefined).join(', ');
  return `${verdict.title}${names ? ` (${names})` : ''}: ${verdict.text}`;
}
