import { defineRequest } from '../../request.js';
import { RequestError } from '../../errors.js';

/** Keeps a CPU from having turns while the others run on, or lets it have them again: an interleaving by hand. */
export const holdCpu = defineRequest<{ cpu?: number; held?: boolean }, { cpu: number; held: boolean }>({
  command: 'kaiserscope/holdCpu',
  needs: 'launched',
  handle(adapter, args) {
    const cpu = adapter.checkCpu(args.cpu), held = args.held ?? true;
    if (typeof held !== 'boolean') throw new RequestError(`"held" is ${JSON.stringify(held)}: true holds the CPU, false releases it.`);
    const { target } = adapter.debuggee;
    target.hold(cpu, held);
    adapter.output('console', `CPU ${cpu} is ${held ? 'held: it gets no turns until it is released' : 'released'}. Position ${target.position}.\n`);
    adapter.afterResponse(() => adapter.changed());
    return { cpu, held };
  },
});
