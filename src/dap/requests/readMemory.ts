import type { DebugProtocol } from '@vscode/debugprotocol';
import { hex } from '../debuggee.js';
import { RequestError } from '../errors.js';
import { parseReference } from '../location.js';
import { toBase64 } from '../base64.js';
import { defineRequest } from '../request.js';

const PAGE = 0x1000n;
/** More would only be asked for by mistake. */
const MAX_COUNT = 16 * 1024 * 1024;

/** Reads memory in the address space of the CPU in focus. What does not translate is reported as unreadable. */
export const readMemory = defineRequest<DebugProtocol.ReadMemoryArguments, DebugProtocol.ReadMemoryResponse['body']>({
  command: 'readMemory',
  needs: 'stopped',
  capabilities: { supportsReadMemoryRequest: true },
  handle(adapter, args) {
    const { debuggee } = adapter;
    if (!Number.isInteger(args.count) || args.count < 0 || args.count > MAX_COUNT)
      throw new RequestError(`${args.count} bytes cannot be read at once; at most ${MAX_COUNT}.`);
    const start = parseReference(args.memoryReference, args.offset);
    const bytes = new Uint8Array(args.count);
    let length = 0;
    while (length < args.count) {
      const at = BigInt.asUintN(64, start + BigInt(length));
      const part = debuggee.read(adapter.focus, at, Math.min(args.count - length, Number(PAGE - (at % PAGE))));
      if (!part) break;
      bytes.set(part, length);
      length += part.length;
    }
    return {
      address: hex(start),
      ...(length > 0 ? { data: toBase64(bytes.subarray(0, length)) } : {}),
      ...(length < args.count ? { unreadableBytes: args.count - length } : {}),
    };
  },
});
