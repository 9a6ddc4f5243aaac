import type { Debuggee } from '../debuggee.js';
import { nearestName } from '../nearest.js';
import type { ExceptionInfo } from '../../target/target.js';
import { constantSource } from './condition.js';
import type { Scope, Value } from './evaluate.js';
import { accessTypes } from './ast.js';

/** A word of the expression language that is neither a register nor a symbol. */
interface Word {
  text: string;
  read: (debuggee: Debuggee, cpu: number) => Value | undefined;
}

export const words: Readonly<Record<string, Word>> = {
  'cpu': { text: 'the number of the CPU, from 0', read: (_, cpu) => BigInt(cpu) },
  'cpl': { text: 'the current privilege level, 0 or 3', read: ({ target }, cpu) => BigInt(target.cpu(cpu).cpl) },
  'position': { text: 'steps completed by the whole machine', read: ({ target }) => BigInt(target.position) },
  'cr3.half': {
    text: "'kernel' or 'shadow'; 'none' while paging is off",
    read: ({ target, kaiser }, cpu) => kaiser.cr3(target.cpu(cpu)).half,
  },
  'cr3.pcid': {
    text: 'the process-context identifier in CR3',
    read: ({ target, kaiser }, cpu) => BigInt(kaiser.cr3(target.cpu(cpu)).pcid),
  },
  'cr3.root': {
    text: 'the physical address of the top-level table',
    read: ({ target, kaiser }, cpu) => kaiser.cr3(target.cpu(cpu)).root,
  },
  'task.pid': { text: 'the number of the task on the CPU', read: ({ kaiser }, cpu) => pidOf(kaiser.currentTask(cpu)) },
  'task.name': { text: 'the name of the task on the CPU', read: ({ kaiser }, cpu) => kaiser.currentTask(cpu)?.name ?? '' },
};

/** Words that exist in the condition of an exception filter and while stopped at an exception. */
export const exceptionWords: Readonly<Record<string, { text: string; read: (exception: ExceptionInfo) => Value }>> = {
  vector: { text: 'the number of the exception (14 is #PF)', read: exception => BigInt(exception.vector) },
  err: { text: 'its error code, 0 if it has none', read: exception => BigInt(exception.errorCode ?? 0) },
  cr2: { text: 'the address of the page fault', read: exception => exception.address ?? 0n },
};

function pidOf(task: { pid: number } | undefined): bigint {
  return task ? BigInt.asUintN(64, BigInt(task.pid)) : 0n;
}

/**
 * What an expression sees from one CPU: the exception at hand, words, registers, then symbols (whose value is their
 * address). A register hides a symbol of its name.
 */
export function machineScope(debuggee: Debuggee, cpu: number, exception?: ExceptionInfo): Scope {
  return {
    lookup(name) {
      if (exception && Object.hasOwn(exceptionWords, name)) return exceptionWords[name]!.read(exception);
      if (Object.hasOwn(words, name)) return words[name]!.read(debuggee, cpu);
      return debuggee.target.readRegister(cpu, name.toLowerCase()) ?? debuggee.symbols.table.addressOf(name);
    },
    source(name) {
      if ((exception && Object.hasOwn(exceptionWords, name)) || Object.hasOwn(words, name)) return undefined;
      const register = debuggee.target.registerSource(cpu, name.toLowerCase());
      if (register || debuggee.target.readRegister(cpu, name.toLowerCase()) !== undefined) return register;
      const symbol = debuggee.symbols.table.addressOf(name);
      return symbol === undefined ? undefined : constantSource(symbol);
    },
    readMemory: (address, size) => debuggee.read(cpu, address, size),
    suggest: name =>
      nearestName(name, [...registerNames(debuggee), ...Object.keys(words), ...Object.keys(accessTypes)]) ??
      debuggee.symbols.table.similar(name, 1)[0],
  };
}

/** The names of all registers that the target shows. */
export function registerNames(debuggee: Debuggee): string[] {
  return debuggee.target.registers(0).flatMap(group => group.registers.map(register => register.name.toLowerCase()));
}
