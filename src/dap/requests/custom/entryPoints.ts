import { hex } from '../../debuggee.js';
import { defineRequest } from '../../request.js';
import type { Site } from '../../../kaiser/index.js';

interface Point {
  id: string;
  path: string;
  kind: 'entry' | 'cr3' | 'exit';
  symbol: string;
  address: string;
  asks?: Site['form'];
  hits?: number;
}

/** The entry and exit points of the kernel; `hits` for those with a breakpoint, `asks` for writes to CR3 that entry code decides about. */
export const entryPoints = defineRequest<unknown, { points: Point[] }>({
  command: 'kaiserscope/entryPoints',
  needs: 'launched',
  handle(adapter) {
    const { kaiser } = adapter.debuggee;
    const points = kaiser.entryPoints();
    const asked = kaiser.asksAt(points);
    return {
      points: points.map(point => {
        const { path, kind, symbol, address } = point;
        const hits = adapter.breakpoints.hitsAt(address);
        const asks = asked.get(point);
        return { id: symbol, path, kind, symbol, address: hex(address), ...(asks === undefined ? {} : { asks }), ...(hits === undefined ? {} : { hits }) };
      }),
    };
  },
});
