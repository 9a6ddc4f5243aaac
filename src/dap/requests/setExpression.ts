import type { DebugProtocol } from '@vscode/debugprotocol';
import { hex } from '../debuggee.js';
import { messageOf, RequestError } from '../errors.js';
import { accessTypes } from '../expression/ast.js';
import { evaluate } from '../expression/evaluate.js';
import { evaluateText } from '../expression/expression.js';
import { formatValue } from '../expression/format.js';
import { machineScope } from '../expression/machineScope.js';
import { parseExpression } from '../expression/parser.js';
import { defineRequest } from '../request.js';

/** Sets what an expression names, if that is a register or memory: `rax`, `u32(counter)`, `*rsp`. */
export const setExpression = defineRequest<DebugProtocol.SetExpressionArguments, DebugProtocol.SetExpressionResponse['body']>({
  command: 'setExpression',
  needs: 'stopped',
  capabilities: { supportsSetExpression: true },
  handle(adapter, args) {
    const { debuggee } = adapter;
    const cpu = adapter.variables.frame(args.frameId)?.cpu ?? adapter.focus;
    const scope = machineScope(debuggee, cpu);
    try {
      const target = parseExpression(args.expression);
      const value = evaluateText(args.value, scope);
      if (typeof value !== 'bigint') throw new RequestError(`"${args.value}" is a word; a number is needed.`);
      if (target.kind === 'name') debuggee.target.writeRegister(cpu, target.name.toLowerCase(), value);
      else if (target.kind === 'memory') {
        const address = evaluate(target.address, scope, args.expression) as bigint;
        const bytes = Uint8Array.from({ length: accessTypes[target.type].size }, (_, i) =>
          Number((value >> BigInt(8 * i)) & 0xffn),
        );
        if (!debuggee.target.writeMemory(cpu, address, bytes))
          throw new RequestError(`${hex(address)} does not translate in the address space of CPU ${cpu}; nothing was written.`);
      } else throw new RequestError(`"${args.expression}" cannot be set. Registers and memory can: rax, u32(address), *address.`);
      adapter.afterResponse(() => adapter.changed());
      return { value: formatValue(evaluateText(args.expression, scope), debuggee) };
    } catch (error) {
      throw error instanceof RequestError ? error : new RequestError(messageOf(error));
    }
  },
});
