import { defineRequest } from '../../request.js';

/** Makes a non-maskable interrupt pending on a CPU; it is delivered when the CPU runs, unless NMIs are blocked there. */
export const injectNmi = defineRequest<{ cpu?: number }, { cpu: number }>({
  command: 'kaiserscope/injectNmi',
  needs: 'launched',
  handle(adapter, args) {
    const cpu = adapter.checkCpu(args.cpu);
    adapter.debuggee.target.injectNmi(cpu);
    adapter.output('console', `NMI pending on CPU ${cpu} at position ${adapter.debuggee.target.position}.\n`);
    return { cpu };
  },
});
