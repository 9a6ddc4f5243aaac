import { hex } from '../../debuggee.js';
import { messageOf, RequestError } from '../../errors.js';
import { evaluateText } from '../../expression/expression.js';
import { machineScope } from '../../expression/machineScope.js';
import { defineRequest } from '../../request.js';
import { rootNamed, walkFrom } from '../../tables.js';

interface Step {
  level: number;
  index: number;
  entryAddress: string;
  entry: string;
  present: boolean;
  bits: string;
}

/** Walks one address, which may be any expression, from a table: by default the live one of the CPU. */
export const walk = defineRequest<
  { address?: string; root?: string; cpu?: number },
  { address: string; text: string; steps: Step[]; mapped: boolean }
>({
  command: 'kaiserscope/walk',
  needs: 'launched',
  handle(adapter, args) {
    const { debuggee } = adapter;
    const cpu = adapter.checkCpu(args.cpu);
    let address;
    try {
      address = evaluateText(args.address ?? '', machineScope(debuggee, cpu));
    } catch (error) {
      throw new RequestError(messageOf(error));
    }
    if (typeof address !== 'bigint') throw new RequestError(`"${args.address}" is a word, not an address.`);
    const walked = walkFrom(debuggee, cpu, rootNamed(debuggee, cpu, args.root), address);
    const symbol = debuggee.symbolAt(address);
    return {
      address: hex(address),
      text: symbol ? `${symbol}\n${walked.text}` : walked.text,
      mapped: walked.walk.result.kind === 'mapped',
      steps: walked.walk.steps.map(step => ({
        level: step.level,
        index: step.index,
        entryAddress: hex(step.entryAddress),
        entry: hex(step.entry),
        present: step.present,
        bits: step.bits,
      })),
    };
  },
});
