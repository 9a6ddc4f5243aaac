import type { Host } from './host.js';

/** A file that is loaded beside the kernel: a boot module. */
export interface BootFile { bytes: Uint8Array; /** The text that the kernel is given for it. */ commandLine: string; /** How messages call it. */ name: string; }

/** The bytes of a kernel, of the built-in one without a path. The host's errors say which file, why, and what to do. */
export function readProgram(host: Host, program: string | undefined): Promise<Uint8Array> {
  return program === undefined ? host.builtInKernel() : host.readFile(program);
}

/** Reads modules given as `path` or `path=text`; without a text the kernel is given the file's name. */
export function readModules(host: Host, modules: readonly string[]): Promise<BootFile[]> {
  return Promise.all(modules.map(async module => {
    const at = module.indexOf('='), path = at < 0 ? module : module.slice(0, at), name = path.replace(/^.*[/\\]/, '');
    return { bytes: await host.readFile(path, 'boot module'), commandLine: at < 0 ? name : module.slice(at + 1), name };
  }));
}
