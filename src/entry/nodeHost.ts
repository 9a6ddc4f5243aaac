import { readFile } from 'node:fs';
import path from 'node:path';
import type { Host } from '../dap/host.js';

/**
 * A host for the debug adapter in a Node process.
 * @param installFolder the folder that holds package.json, dist/ and the guest's sources
 */
export function nodeHost(installFolder: string): Host {
  const kernel = path.join(installFolder, 'dist', 'guest', 'kaiser.elf');
  return {
    readFile: (file, what = 'kernel') => read(file, `The ${what} ${file}`,
      what === 'kernel' ? 'Give the path of an x86-64 ELF file, or none for the built-in kernel.'
        : what === 'scenario' ? 'Correct the path; those that come with Kaiserscope are in examples/hazards.' : 'Correct the path, or leave the module out.'),
    builtInKernel: () => read(kernel, `The built-in kernel ${kernel}`, 'Build it with `npm run build`, or name a program.'),
    builtInSourceRoot: installFolder,
  };
}

/** Reads a file; the error of a failure says which file, why, and what to do. */
async function read(file: string, what: string, advice: string): Promise<Uint8Array> {
  try {
    return await bytesOf(file);
  } catch (error) {
    throw new Error(`${what} cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}. ${advice}`);
  }
}

/** As `readFile` of node:fs/promises, which takes longer to load than most files to read. */
function bytesOf(file: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    readFile(file, (error, bytes) => {
      if (error) reject(error);
      else resolve(bytes);
    });
  });
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT': return 'it does not exist';
    case 'EISDIR': return 'it is a folder';
    case 'EACCES': return 'this user has no permission';
    default: return error.message;
  }
}
