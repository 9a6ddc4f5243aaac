import type { Debuggee } from './debuggee.js';
import { hex } from './debuggee.js';
import { describeSelectorError, exceptionName } from '../kaiser/errorCode.js';
import { verdictAt, verdictText } from './verdict.js';
import type { ExceptionInfo } from '../target/target.js';

/**
 * An exception that is about to be delivered, in words: what KAISER has to do with it, if it names a hazard, then what, where, and why the walk failed.
 * `title` is the exception's or the verdict's, `short` what fits beside the name of a CPU.
 */
export function describeException(exception: ExceptionInfo, debuggee: Debuggee): { id: string; title: string; short: string; text: string } {
  const { mnemonic, name } = exceptionName(exception.vector);
  const title = `${name[0]!.toUpperCase()}${name.slice(1)} (${mnemonic})`;
  const lines = [
    `${title} on CPU ${exception.cpu} at ${debuggee.formatAddress(exception.rip)}, CPL ${exception.cpl}, ${debuggee.kaiser.cr3Text(exception.cr3, exception.cpu)}.`,
  ];
  if (exception.vector === 14) {
    const address = exception.address ?? 0n;
    lines.push(`${debuggee.kaiser.pageFaultText(exception.errorCode ?? 0)} Address (CR2): ${debuggee.formatAddress(address)}.`);
    lines.push(debuggee.kaiser.walkText(address, exception));
  } else if (exception.errorCode !== undefined) {
    lines.push(`Error code ${hex(exception.errorCode)}: ${describeSelectorError(exception.errorCode)}.`);
  }
  const occasion = { kind: 'exception' as const, cpu: exception.cpu, exceptions: exceptionsUpTo(exception, debuggee) };
  const verdict = verdictAt(debuggee, occasion), story = verdictText(debuggee, occasion);
  if (!verdict?.hazard) return { id: mnemonic, title, short: title, text: [...lines, story].filter(line => line).join('\n') };
  // The story first: of a fault that is one of a thousand ordinary ones to look at, it says what is wrong with it.
  return { id: `${verdict.hazard} (${mnemonic})`, title: verdict.title, short: `Exploded: ${verdict.hazard}`, text: [story, ...lines].filter(line => line).join('\n') };
}

/** `#PF at 0x... <symbol> on 0x...`: an exception in a list. */
export function exceptionInShort(exception: ExceptionInfo, debuggee: Debuggee): string {
  const address = exception.address === undefined ? '' : ` on ${hex(exception.address)}`;
  return `${exceptionName(exception.vector).mnemonic} at ${debuggee.formatAddress(exception.rip)}${address}`;
}

/** What the CPU remembers of its exceptions, with one that is about to be delivered at the end. */
export function exceptionsUpTo(exception: ExceptionInfo, debuggee: Debuggee): ExceptionInfo[] {
  return [...debuggee.target.recentExceptions(exception.cpu).filter(one => one !== exception), exception];
}
