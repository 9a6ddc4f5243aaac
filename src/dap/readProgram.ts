import { messageOf } from './errors.js';
import type { Host } from './host.js';

/**
 * The bytes of a kernel, of the built-in one without a path. Throws an Error that names the file, what is wrong and what
 * to do.
 */
export async function readProgram(host: Host, program: string | undefined): Promise<Uint8Array> {
  if (program === undefined) return host.builtInKernel();
  try {
    return await host.readFile(program);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const reason = code === 'ENOENT' ? 'it does not exist' : code === 'EISDIR' ? 'it is a folder' : code === 'EACCES' ? 'access is denied' : messageOf(error);
    throw new Error(`The kernel ${program} cannot be read: ${reason}. Give the path of an x86-64 ELF64 kernel, or none for the built-in one.`);
  }
}
