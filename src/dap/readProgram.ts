import type { Host } from './host.js';

/** The bytes of a kernel, of the built-in one without a path. The host's errors say which file, why, and what to do. */
export function readProgram(host: Host, program: string | undefined): Promise<Uint8Array> {
  return program === undefined ? host.builtInKernel() : host.readFile(program);
}
