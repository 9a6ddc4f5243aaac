import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Host } from '../dap/host.js';

type ReadFile = (file: string) => Uint8Array | Promise<Uint8Array>;

/**
 * A host for the debug adapter in a Node process.
 * @param installFolder the folder that holds package.json, dist/ and the guest's sources
 * @param readFile reads a file. By itself the process waits for it: what reads without waiting takes longer to load than a kernel to read
 */
export function nodeHost(installFolder: string, readFile: ReadFile = readFileSync): Host {
  const kernel = path.join(installFolder, 'dist', 'guest', 'kaiser.elf');
  return {
    readFile: (file, what = 'kernel') => read(readFile, file, `The ${what} ${file}`,
      what === 'kernel' ? 'Give the path of an x86-64 ELF file, or none for the built-in kernel.'
        : what === 'scenario' ? 'Correct the path; those that come with Kaiserscope are in examples/hazards.' : 'Correct the path, or leave the module out.'),
    builtInKernel: () => read(readFile, kernel, `The built-in kernel ${kernel}`, 'Build it with `npm run build`, or name a program.'),
    builtInSourceRoot: installFolder,
  };
}

/** Reads a file; the error of a failure says which file, why, and what to do. */
async function read(readFile: ReadFile, file: string, what: string, advice: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Error(`${what} cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}. ${advice}`);
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT': return 'it does not exist';
    case 'EISDIR': return 'it is a folder';
    case 'EACCES': return 'this user has no permission';
    default: return error.message;
  }
}
