import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Host } from '../dap/host.js';

/**
 * A host for the debug adapter in a Node process.
 * @param installFolder the folder that holds package.json, dist/ and the guest's sources
 */
export function nodeHost(installFolder: string): Host {
  const kernel = path.join(installFolder, 'dist', 'guest', 'kaiser.elf');
  return {
    readFile: file => readFile(file),
    async builtInKernel() {
      try {
        return await readFile(kernel);
      } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : String(error);
        throw new Error(`The built-in kernel ${kernel} cannot be read: ${reason}. Build it with \`npm run build\`, or name a "program".`);
      }
    },
    builtInSourceRoot: installFolder,
  };
}
