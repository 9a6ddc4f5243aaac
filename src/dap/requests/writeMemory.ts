import type { DebugProtocol } from '@vscode/debugprotocol';
import { fromBase64 } from '../base64.js';
import { hex } from '../debuggee.js';
import { RequestError } from '../errors.js';
import { parseReference } from '../location.js';
import { defineRequest } from '../request.js';

/** Writes memory in the address space of the CPU in focus, page permissions aside. All or nothing, unless `allowPartial`. */
export const writeMemory = defineRequest<DebugProtocol.WriteMemoryArguments, DebugProtocol.WriteMemoryResponse['body']>({
  command: 'writeMemory',
  needs: 'stopped',
  capabilities: { supportsWriteMemoryRequest: true },
  handle(adapter, args) {
    const { target } = adapter.debuggee;
    const start = parseReference(args.memoryReference, args.offset);
    const data = fromBase64(args.data);
    if (!data) throw new RequestError('The data to write is not base64.');
    let written = 0;
    if (target.writeMemory(adapter.focus, start, data)) written = data.length;
    else if (args.allowPartial)
      while (
        written < data.length &&
        target.writeMemory(adapter.focus, start + BigInt(written), data.subarray(written, written + 1))
      )
        written++;
    if (written === 0 && data.length > 0) {
      throw new RequestError(
        `Nothing was written: ${hex(start)} to ${hex(start + BigInt(data.length))} does not translate as a whole in the address space of CPU ${adapter.focus}.`,
      );
    }
    adapter.afterResponse(() => {
      adapter.event('memory', { memoryReference: args.memoryReference, offset: args.offset ?? 0, count: written });
      adapter.changed();
    });
    return { offset: 0, bytesWritten: written };
  },
});
