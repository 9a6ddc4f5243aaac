import { RequestError } from '../../errors.js';
import { defineRequest } from '../../request.js';

/** Text for the guest's console, as it is: a line ends with a line feed. */
export const consoleInput = defineRequest<{ text?: string }, { length: number }>({
  command: 'kaiserscope/consoleInput',
  needs: 'launched',
  handle(adapter, args) {
    if (typeof args.text !== 'string') throw new RequestError('There is no text to type: give { "text": "..." }.');
    adapter.debuggee.target.consoleInput(args.text);
    return { length: args.text.length };
  },
});
