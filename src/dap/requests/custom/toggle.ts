import { RequestError } from '../../errors.js';
import { toggleFile } from '../../kaiser.js';
import { defineRequest } from '../../request.js';

/** Asks the guest to switch KAISER by its own protocol: types the line that writes the file at the guest's shell. */
export const toggle = defineRequest<{ to?: 0 | 1 }, { typed: string }>({
  command: 'kaiserscope/toggle',
  needs: 'launched',
  handle(adapter, args) {
    const { kaiser, target } = adapter.debuggee;
    const report = kaiser.report();
    if (!report.available) throw new RequestError(`KAISER cannot be switched: ${report.message}`);
    if (args.to !== undefined && args.to !== 0 && args.to !== 1)
      throw new RequestError(`KAISER can be switched to 0 or 1, not to ${JSON.stringify(args.to)}.`);
    const typed = `echo ${args.to ?? (report.enabled ? 0 : 1)} > ${toggleFile}`;
    target.consoleInput(`${typed}\n`);
    return { typed };
  },
});
