import { defineRequest } from '../../request.js';
import type { KaiserReport } from '../../kaiser.js';

/** The toggle: which design, whether it is on, what entry code sees, and what has happened so far. */
export const kaiser = defineRequest<unknown, KaiserReport>({
  command: 'kaiserscope/kaiser',
  needs: 'launched',
  handle: adapter => adapter.debuggee.kaiser.report(),
});
