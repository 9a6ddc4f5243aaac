import type { BreakpointStore } from './breakpoints/breakpointStore.js';
import { describeData } from './breakpoints/dataLocation.js';
import type { Debuggee } from './debuggee.js';
import { describeException, exceptionInShort } from './exceptionText.js';
import { verdictText } from './verdict.js';
import { predicateById } from '../kaiser/index.js';
import type { Stop, WatchpointHit } from '../target/target.js';

/** A stop as the protocol's stopped event tells it. */
export interface StopDescription {
  /** DAP's reason. */
  reason: string;
  /** A few words, shown in the call stack. */
  title: string;
  /** The whole story. */
  text: string;
  /** What to do, for a machine that does not go on by itself; its text belongs into the console as well. */
  advice?: string;
  hitBreakpointIds: number[];
}

/** The code with which the built-in kernel powers off after a panic. */
const panicCode = 99;

const afterDeath =
  'The machine keeps its state: registers, memory and tables can be looked at. To begin again restart the session.';

/** Tells a stop in words: why, where, and for a dead machine what killed it and what can be done. */
export function describeStop(stop: Stop, debuggee: Debuggee, breakpoints: BreakpointStore): StopDescription {
  const { target } = debuggee;
  const where = debuggee.formatAddress(target.cpu(stop.cpu).rip);
  const plain = (reason: string, title: string, text = ''): StopDescription => ({ reason, title, text, hitBreakpointIds: [] });
  const dead = (title: string, ...lines: string[]): StopDescription => ({
    ...plain('exception', title, lines.filter(line => line !== '').join('\n')),
    advice: afterDeath,
  });
  const recent = target.recentExceptions(stop.cpu);
  switch (stop.kind) {
    case 'breakpoint': {
      const ids = breakpoints.hitIds(stop.cpu, stop.address);
      const [label] = breakpoints.labels(ids);
      return {
        ...plain('breakpoint', label ? `Paused on ${label}` : 'Paused', `CPU ${stop.cpu} reached ${where}`),
        hitBreakpointIds: ids,
      };
    }
    case 'watchpoint': {
      const { cpu, hits } = stop;
      const told = hits.map(hit => `CPU ${cpu} has ${hit.write ? 'written' : 'read'} ${describeData({ address: hit.linear, size: hit.size }, debuggee)}${valueOf(hit, cpu, debuggee)}`);
      return {
        ...plain('data breakpoint', 'Paused on data breakpoint', [...told, `Its next instruction is at ${where}`].join('\n')),
        hitBreakpointIds: breakpoints.dataIds(hits),
      };
    }
    case 'step':
      return plain('step', 'Paused after step');
    case 'pause':
      return plain('pause', 'Paused');
    case 'entry':
      return plain('entry', 'Paused on entry', `CPU ${stop.cpu} is about to run its first instruction, at ${where}`);
    case 'limit':
      return plain('pause', 'Paused at the end of the scenario', `The machine has survived: nothing has broken up to position ${target.position}, where the scenario ends. Continue to let it run on.`);
    case 'probe':
      return { ...plain('exception', ...brokenRule(debuggee)) };
    case 'exception': {
      const { spinning } = debuggee.spinWatch;
      if (spinning) return describeSpin(spinning, debuggee);
      const { short, text } = describeException(stop.exception, debuggee);
      return plain('exception', short, text);
    }
    case 'shutdown': {
      const chain = stop.exceptions.map(exception => exceptionInShort(exception, debuggee)).join(', then ');
      return dead(
        'Triple fault',
        `CPU ${stop.cpu} shut down (triple fault) at position ${target.position}${chain ? `: ${chain}` : ''}.`,
        verdictText(debuggee, { kind: 'shutdown', cpu: stop.cpu, exceptions: stop.exceptions }),
      );
    }
    case 'exit': {
      const panic = stop.code === panicCode ? ' (kernel panic; the console says why)' : '';
      return dead(
        `The guest powered off with code ${stop.code}`,
        `The guest powered off with code ${stop.code}${panic} at position ${target.position}.`,
        stop.code === 0 ? '' : verdictText(debuggee, { kind: 'exit', cpu: stop.cpu, exceptions: recent }),
      );
    }
    case 'dead':
      return dead('Dead halt', stop.reason, verdictText(debuggee, { kind: 'dead', cpu: stop.cpu, exceptions: recent }));
    case 'unimplemented':
      return {
        ...dead(
          'Not implemented',
          `CPU ${stop.cpu} met something that the machine does not have, at ${where}, position ${target.position}: ${stop.reason}`,
        ),
        advice: `The instruction has not run. Change the guest so that it does without, or report this text. ${afterDeath}`,
      };
  }
}

/** A rule of KAISER that was found broken: what was found, and what should have been. */
function brokenRule({ invariants: { broken } }: Debuggee): [title: string, text: string] {
  if (!broken) return ['Paused', ''];
  const { predicate, hazard, text, position } = broken;
  return [
    `KAISER invariant ${predicate} broken`,
    [`${predicate}${hazard ? ` (${hazard})` : ''}, at position ${position}: ${text}.`, `The rule: ${predicateById(predicate)!.rule}`].join('\n'),
  ];
}

/** `: 0x5` for data that fits into a word and can be read from where the CPU stands now. */
function valueOf({ linear, size }: WatchpointHit, cpu: number, debuggee: Debuggee): string {
  const bytes = size <= 8 ? debuggee.readEitherHalf(cpu, linear, size) : undefined;
  return bytes ? `: 0x${bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n).toString(16)}` : '';
}

function describeSpin(spin: { cpu: number; exceptions: number; distinct: number }, debuggee: Debuggee): StopDescription {
  const { cpu, exceptions, distinct } = spin;
  const recent = debuggee.target.recentExceptions(cpu);
  const kinds = [...new Set(recent.map(exception => exceptionInShort(exception, debuggee)))].slice(0, 4);
  const lines = [
    `CPU ${cpu} spins: its last ${exceptions} exceptions were only ${distinct} different one${distinct > 1 ? 's' : ''} (${kinds.join('; ')}), at position ${debuggee.target.position}.`,
    verdictText(debuggee, { kind: 'spin', cpu, exceptions: recent }),
  ];
  return {
    reason: 'exception',
    title: 'Spinning on exceptions',
    text: lines.filter(line => line !== '').join('\n'),
    hitBreakpointIds: [],
    advice: 'It will not do anything else by itself. Look at it here, continue to let it spin on, or restart the session.',
  };
}
