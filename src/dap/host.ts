/** What the adapter needs of the place where it runs: a Node process, an extension host, a browser. */
export interface Host {
  /** The bytes of a file, of a kernel unless `what` says otherwise. Rejects with an Error whose message says why, when it cannot be read. */
  readFile(path: string, what?: 'kernel' | 'boot module' | 'scenario'): Promise<Uint8Array>;
  /** The built-in KAISER kernel as an ELF file. */
  builtInKernel(): Promise<Uint8Array>;
  /** The folder that holds the sources of the built-in kernel, if the host has them. */
  readonly builtInSourceRoot?: string;
}
