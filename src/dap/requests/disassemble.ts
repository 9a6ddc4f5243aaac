import type { DebugProtocol } from '@vscode/debugprotocol';
import { disassembleAround } from '../disassembly.js';
import { parseReference } from '../location.js';
import { defineRequest } from '../request.js';

/** Gives exactly as many instructions as asked for; where there are none the rows say so (hint `invalid`). */
export const disassemble = defineRequest<DebugProtocol.DisassembleArguments, DebugProtocol.DisassembleResponse['body']>({
  command: 'disassemble',
  needs: 'stopped',
  capabilities: { supportsDisassembleRequest: true },
  handle(adapter, args) {
    const start = parseReference(args.memoryReference, args.offset);
    return { instructions: disassembleAround(adapter, start, args.instructionOffset ?? 0, args.instructionCount) };
  },
});
