import type { BreakpointStore } from './breakpoints/breakpointStore.js';
import type { Debuggee } from './debuggee.js';
import { hex } from './debuggee.js';
import { describeException, exceptionNames } from './exceptionText.js';
import type { Stop } from '../target/target.js';

/** A stop as the protocol's stopped event tells it. */
export interface StopDescription {
  /** DAP's reason. */
  reason: string;
  /** A few words, shown in the call stack. */
  title: string;
  /** The whole story. */
  text: string;
  /** Whether the text belongs into the console, because the machine cannot go on. */
  important: boolean;
  hitBreakpointIds: number[];
}

/** Tells a stop in words: why, where, and for a dead machine what killed it and what can be done. */
export function describeStop(stop: Stop, debuggee: Debuggee, breakpoints: BreakpointStore): StopDescription {
  const where = debuggee.formatAddress(debuggee.target.cpu(stop.cpu).rip);
  const plain = (reason: string, title: string, text = ''): StopDescription => ({ reason, title, text, important: false, hitBreakpointIds: [] });
  const dead = (title: string, text: string): StopDescription => (
    { reason: 'exception', title, text: `${text}\n${afterDeath}`, important: true, hitBreakpointIds: [] });
  switch (stop.kind) {
    case 'breakpoint': {
      const ids = breakpoints.hitIds(stop.cpu, stop.address);
      const labels = breakpoints.labels(ids);
      return { ...plain(ids.length > 0 ? 'breakpoint' : 'step', labels.length > 0 ? `Paused on ${labels[0]}` : 'Stopped', `CPU ${stop.cpu} reached ${where}`), hitBreakpointIds: ids };
    }
    case 'step': return plain('step', 'Paused after step');
    case 'pause': return plain('pause', 'Paused');
    case 'entry': return plain('entry', 'Paused on entry', `CPU ${stop.cpu} is about to run its first instruction, at ${where}`);
    case 'limit': return plain('pause', 'Paused at the position asked for', `Position ${debuggee.target.position}`);
    case 'exception': {
      const spin = debuggee.spinWatch.spinning;
      if (spin) return describeSpin(stop.cpu, spin, debuggee);
      const { title, text } = describeException(stop.exception, debuggee);
      return { ...plain('exception', title, text) };
    }
    case 'shutdown': {
      const verdict = debuggee.kaiser.verdict({ kind: 'shutdown', cpu: stop.cpu, exceptions: stop.exceptions });
      const chain = stop.exceptions.map(exception => `${exceptionNames[exception.vector]?.name ?? `vector ${exception.vector}`} at ${debuggee.formatAddress(exception.rip)}`).join(', then ');
      return dead('Triple fault', `CPU ${stop.cpu} shut down (triple fault) at position ${debuggee.target.position}${chain ? `: ${chain}` : ''}.\n${verdict}`);
    }
    case 'exit': return {
      ...dead(`The guest powered off with code ${stop.code}`, `The guest powered off with code ${stop.code}${stop.code === panicCode ? ' (kernel panic; the console says why)' : ''} at position ${debuggee.target.position}.\n${debuggee.kaiser.verdict({ kind: 'exit', cpu: stop.cpu, exceptions: debuggee.target.recentExceptions(stop.cpu) })}`),
      reason: 'exception',
    };
    case 'dead': return dead('Dead halt', `Nothing can wake the machine any more: ${stop.reason}\n${debuggee.kaiser.verdict({ kind: 'dead', cpu: stop.cpu, exceptions: debuggee.target.recentExceptions(stop.cpu) })}`);
    case 'unimplemented': return dead('Not implemented', `CPU ${stop.cpu} met something that the machine does not have: ${stop.reason} (at ${where}, position ${debuggee.target.position}). `
      + 'The instruction has not run. Change the guest so that it does without, or report it with this text.');
  }
}

/** The code with which the built-in kernel powers off after a panic. */
export const panicCode = 99;

const afterDeath = 'The machine keeps its state: registers, memory and tables can be looked at. To begin again restart the session.';

function describeSpin(cpu: number, spin: { exceptions: number; distinct: number }, debuggee: Debuggee): StopDescription {
  const recent = debuggee.target.recentExceptions(cpu);
  const kinds = [...new Set(recent.map(exception => `${exceptionNames[exception.vector]?.name ?? `vector ${exception.vector}`} at ${debuggee.formatAddress(exception.rip)}`
    + `${exception.address === undefined ? '' : ` on ${hex(exception.address)}`}`))].slice(0, 4);
  const verdict = debuggee.kaiser.verdict({ kind: 'spin', cpu, exceptions: recent });
  return {
    reason: 'exception', title: 'Spinning on exceptions', important: true, hitBreakpointIds: [],
    text: `CPU ${cpu} spins: its last ${spin.exceptions} exceptions were only ${spin.distinct} different one${spin.distinct > 1 ? 's' : ''} (${kinds.join('; ')}), at position ${debuggee.target.position}.\n`
      + `${verdict}\nIt will not do anything else by itself. Look at it here, or continue to let it spin on.`,
  };
}
