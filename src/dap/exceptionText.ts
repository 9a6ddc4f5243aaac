import type { Debuggee } from './debuggee.js';
import { hex } from './debuggee.js';
import type { ExceptionInfo } from '../target/target.js';

/** Mnemonics and names of exceptions by vector (SDM Vol. 3A, table 6-1). */
export const exceptionNames: Readonly<Record<number, { name: string; title: string }>> = {
  0: { name: '#DE', title: 'Divide error' }, 1: { name: '#DB', title: 'Debug' }, 2: { name: 'NMI', title: 'Non-maskable interrupt' },
  3: { name: '#BP', title: 'Breakpoint' }, 4: { name: '#OF', title: 'Overflow' }, 5: { name: '#BR', title: 'BOUND range exceeded' },
  6: { name: '#UD', title: 'Invalid opcode' }, 7: { name: '#NM', title: 'Device not available' }, 8: { name: '#DF', title: 'Double fault' },
  10: { name: '#TS', title: 'Invalid TSS' }, 11: { name: '#NP', title: 'Segment not present' }, 12: { name: '#SS', title: 'Stack fault' },
  13: { name: '#GP', title: 'General protection' }, 14: { name: '#PF', title: 'Page fault' }, 16: { name: '#MF', title: 'x87 floating-point error' },
  17: { name: '#AC', title: 'Alignment check' }, 18: { name: '#MC', title: 'Machine check' }, 19: { name: '#XM', title: 'SIMD floating-point exception' },
};

/** An exception that is about to be delivered, in words: what, where, why the walk failed, and what KAISER has to do with it. */
export function describeException(exception: ExceptionInfo, debuggee: Debuggee): { id: string; title: string; text: string } {
  const { name, title } = exceptionNames[exception.vector] ?? { name: `vector ${exception.vector}`, title: 'Exception' };
  const lines = [`${title} (${name}) on CPU ${exception.cpu} at ${debuggee.formatAddress(exception.rip)}, CPL ${exception.cpl}, ${debuggee.kaiser.cr3Text(exception.cr3, exception.cpu)}.`];
  if (exception.vector === 14) {
    const address = exception.address ?? 0n;
    lines.push(`${debuggee.kaiser.pageFaultText(exception.errorCode ?? 0)} Address (CR2): ${debuggee.formatAddress(address)}.`);
    lines.push(debuggee.kaiser.walkText(address, exception));
  } else if (exception.errorCode !== undefined) {
    lines.push(`Error code ${hex(exception.errorCode)}${exception.errorCode === 0 ? '' : `: ${selectorErrorText(exception.errorCode)}`}.`);
  }
  const verdict = debuggee.kaiser.verdict({ kind: 'exception', cpu: exception.cpu, exceptions: [exception] });
  if (verdict) lines.push(verdict);
  return { id: name, title: `${title} (${name})`, text: lines.filter(line => line).join('\n') };
}

/** The error code of a fault about a selector (SDM Vol. 3A, 6.13). */
function selectorErrorText(code: number): string {
  const table = code & 2 ? 'IDT' : code & 4 ? 'LDT' : 'GDT';
  return `entry ${code >> 3} of the ${table}${code & 1 ? ', while delivering an event from outside the program' : ''}`;
}
