import { hex } from '../../debuggee.js';
import { defineRequest } from '../../request.js';
import { pagingMode } from '../../tables.js';
import { rootOf } from '../../../paging/index.js';

interface Space {
  id: string;
  tasks: string[];
  kernelRoot: string;
  shadowRoot: string | null;
  cpus: { index: number; half: 'kernel' | 'shadow' | 'none' }[];
}

/** The address spaces: those of the guest's tasks as far as its ABI tells, and those that CPUs use now. */
export const addressSpaces = defineRequest<unknown, { spaces: Space[] }>({
  command: 'kaiserscope/addressSpaces',
  needs: 'launched',
  handle(adapter) {
    const { target, kaiser } = adapter.debuggee;
    const spaces = new Map<bigint, Space>();
    const spaceAt = (kernelRoot: bigint): Space => {
      let space = spaces.get(kernelRoot);
      if (!space) {
        const pair = kaiser.pairOf(kernelRoot);
        space = {
          id: hex(kernelRoot),
          tasks: kaiser.spaceNames(kernelRoot),
          kernelRoot: hex(kernelRoot),
          shadowRoot: pair ? hex(pair.shadow) : null,
          cpus: [],
        };
        spaces.set(kernelRoot, space);
      }
      return space;
    };
    for (const root of kaiser.knownRoots()) spaceAt(root);
    for (let index = 0; index < target.cpuCount; index++) {
      const info = target.cpu(index);
      // Tables of 32-bit and PAE paging cannot be shown.
      if (pagingMode(adapter.debuggee, index) !== '4-level') continue;
      const root = BigInt(rootOf(info.cr3));
      spaceAt(kaiser.pairOf(root)?.kernel ?? root).cpus.push({ index, half: kaiser.cr3(info).half });
    }
    return { spaces: [...spaces.values()] };
  },
});
