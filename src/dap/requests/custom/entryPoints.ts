import { hex } from '../../debuggee.js';
import { defineRequest } from '../../request.js';

interface Point {
  id: string;
  path: string;
  kind: 'entry' | 'cr3' | 'exit';
  symbol: string;
  address: string;
  hits?: number;
}

/** The entry and exit points of the kernel; `hits` for those with a breakpoint. */
export const entryPoints = defineRequest<unknown, { points: Point[] }>({
  command: 'kaiserscope/entryPoints',
  needs: 'launched',
  handle(adapter) {
    return {
      points: adapter.debuggee.kaiser.entryPoints().map(({ path, kind, symbol, address }) => {
        const hits = adapter.breakpoints.hitsAt(address);
        return { id: symbol, path, kind, symbol, address: hex(address), ...(hits === undefined ? {} : { hits }) };
      }),
    };
  },
});
