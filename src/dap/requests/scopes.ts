import type { DebugProtocol } from '@vscode/debugprotocol';
import { RequestError } from '../errors.js';
import { defineRequest } from '../request.js';
import { callerContainer, registerContainer } from '../variables/registers.js';

export const scopes = defineRequest<DebugProtocol.ScopesArguments, DebugProtocol.ScopesResponse['body']>({
  command: 'scopes',
  needs: 'stopped',
  handle(adapter, args) {
    const frame = adapter.variables.frame(args.frameId);
    // The separators of the call stack hold nothing; clients may ask all the same.
    if (!frame && args.frameId >= 0x7fff_0000) return { scopes: [] };
    if (!frame) throw new RequestError(`There is no frame ${args.frameId} any more.`, false);
    adapter.focus = frame.cpu;
    const scope = (name: string, reference: number): DebugProtocol.Scope => ({
      name,
      variablesReference: reference,
      expensive: false,
      presentationHint: 'registers',
    });
    if (frame.index > 0)
      return { scopes: [scope('Registers of the caller', adapter.variables.add(callerContainer(adapter, frame)))] };
    const titles = {
      general: 'Registers',
      control: 'Control Registers',
      segments: 'Segments',
      msr: 'MSRs',
      debug: 'Debug Registers',
    } as const;
    const groups = adapter.debuggee.target.registers(frame.cpu).map(group => group.id);
    return {
      scopes: (Object.keys(titles) as (keyof typeof titles)[])
        .filter(id => groups.includes(id))
        .map(id => scope(titles[id], adapter.variables.add(registerContainer(adapter, frame.cpu, id)))),
    };
  },
});
