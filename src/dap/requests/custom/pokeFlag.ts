import { RequestError } from '../../errors.js';
import { defineRequest } from '../../request.js';

/** Writes the word that entry code tests, at this very instruction and without any protocol: what a naive toggle amounts to. */
export const pokeFlag = defineRequest<{ value?: number }, { from: number; to: number; position: string }>({
  command: 'kaiserscope/pokeFlag',
  needs: 'stopped',
  handle(adapter, args) {
    if (args.value !== 0 && args.value !== 1)
      throw new RequestError(`The flag can be set to 0 or 1, not to ${JSON.stringify(args.value)}.`);
    const { kaiser, target } = adapter.debuggee;
    const from = kaiser.pokeFlag(adapter.focus, args.value);
    adapter.afterResponse(() => adapter.changed());
    return { from, to: args.value, position: String(target.position) };
  },
});
