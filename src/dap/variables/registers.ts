import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Adapter } from '../adapter.js';
import { hex, hexWide } from '../debuggee.js';
import { RequestError } from '../errors.js';
import { evaluateText } from '../expression/expression.js';
import { machineScope } from '../expression/machineScope.js';
import type { RegisterValue } from '../../target/target.js';
import { flagText, holdsAddress } from './registerText.js';
import type { Container, FrameReference } from './variableStore.js';

/** The registers of one group of a CPU; names and order never change, so the tree keeps its shape while stepping. */
export function registerContainer(adapter: Adapter, cpu: number, group: string): Container {
  return {
    variables: () => registersOf(adapter, cpu, group).map(register => registerVariable(adapter, cpu, register)),
    set: (name, value) => setRegister(adapter, cpu, name, value),
  };
}

/** RIP, RSP and RBP of a caller; what its other registers held is not known from frame pointers. */
export function callerContainer(adapter: Adapter, frame: FrameReference): Container {
  const { cpu } = frame;
  return {
    variables: () =>
      (
        [
          ['rip', frame.pc],
          ['rsp', frame.sp],
          ['rbp', frame.fp],
        ] as const
      ).map(([name, value]) => ({
        ...registerVariable(adapter, cpu, { name, value, bits: 64 }),
        evaluateName: hex(value),
        presentationHint: { attributes: ['readOnly'] },
      })),
  };
}

function registersOf(adapter: Adapter, cpu: number, group: string): RegisterValue[] {
  return adapter.debuggee.target.registers(cpu).find(one => one.id === group)?.registers ?? [];
}

/** Evaluates `text` and writes it to the register; the value is checked by the target. */
export function setRegister(adapter: Adapter, cpu: number, name: string, text: string): void {
  const { debuggee } = adapter;
  const value = evaluateText(text, machineScope(debuggee, cpu));
  if (typeof value !== 'bigint') throw new RequestError(`A register holds a number; ${text} is the word '${value}'.`);
  debuggee.target.writeRegister(cpu, name.toLowerCase(), value);
}

export function registerVariable(adapter: Adapter, cpu: number, { name, value, bits }: RegisterValue): DebugProtocol.Variable {
  const { debuggee } = adapter;
  const register = name.toLowerCase();
  const variable = (text: string, type: string): DebugProtocol.Variable => ({
    name,
    value: text,
    type,
    variablesReference: register === 'cr3' ? adapter.variables.add(cr3Container(adapter, cpu)) : 0,
    evaluateName: register,
  });
  if (register === 'cr3') return variable(`${hex(value)} (${debuggee.kaiser.cr3(debuggee.target.cpu(cpu)).text})`, 'CR3');
  const flags = flagText(register, value);
  if (flags !== undefined) return variable(`${hex(value)} (${flags})`, 'flags');
  const symbol = holdsAddress(register) && value >= 0x1000n ? debuggee.symbolAt(value) : undefined;
  const text = `${bits === 64 ? hexWide(value, 64) : hex(value)}${symbol ? ` <${symbol}>` : ''}`;
  return { ...variable(text, `u${bits}`), ...(holdsAddress(register) && value !== 0n ? { memoryReference: hex(value) } : {}) };
}

/** The fields of CR3 (SDM Vol. 3A, 2.5 and 4.10.1) as children. */
function cr3Container(adapter: Adapter, cpu: number): Container {
  return {
    variables: () => {
      const { root, half, pcid } = adapter.debuggee.kaiser.cr3(adapter.debuggee.target.cpu(cpu));
      const field = (name: string, value: string): DebugProtocol.Variable => ({
        name,
        value,
        variablesReference: 0,
        evaluateName: `cr3.${name}`,
        presentationHint: { attributes: ['readOnly'] },
      });
      return [field('root', hex(root)), field('half', `'${half}'`), field('pcid', hex(pcid))];
    },
  };
}
