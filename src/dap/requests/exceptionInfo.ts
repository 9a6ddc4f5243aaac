import type { DebugProtocol } from '@vscode/debugprotocol';
import { RequestError } from '../errors.js';
import { describeException } from '../exceptionText.js';
import { defineRequest } from '../request.js';

export const exceptionInfo = defineRequest<DebugProtocol.ExceptionInfoArguments, DebugProtocol.ExceptionInfoResponse['body']>({
  command: 'exceptionInfo',
  needs: 'stopped',
  capabilities: { supportsExceptionInfoRequest: true },
  handle(adapter, args) {
    const cpu = adapter.cpuOfThread(args.threadId);
    const last = adapter.lastStop;
    if (!last || last.description.reason !== 'exception' || last.stop.cpu !== cpu) {
      throw new RequestError(`CPU ${cpu} is not stopped at an exception.`, false);
    }
    const { stop, description } = last;
    const exception =
      stop.kind === 'exception' && !description.advice ? describeException(stop.exception, adapter.debuggee) : undefined;
    return {
      exceptionId: exception?.id ?? description.title,
      description: description.text,
      breakMode: 'always',
      details: { message: description.text, typeName: exception?.title ?? description.title },
    };
  },
});
