import { defineRequest } from '../../request.js';
import { tableText as render } from '../../tables.js';

/** A whole page table as text in the manner of Linux's debugfs files. */
export const tableText = defineRequest<{ root?: string; cpu?: number }, { text: string }>({
  command: 'kaiserscope/tableText',
  needs: 'launched',
  handle: (adapter, args) => ({ text: render(adapter.debuggee, adapter.checkCpu(args.cpu), args.root) }),
});
