import { DROP_PAGE_SIGNATURE, FLAGS_SIGNATURE, HANDLER_SIGNATURE, type Imports, INTERRUPT_RETURN_SIGNATURE, MOVES_SIGNATURE, RESOLVE_SIGNATURE, SCANS_SIGNATURE, SEGMENT_SIGNATURE, WATCHED_SIGNATURE } from './imports.js';
import { ModuleBuilder } from './wasm.js';

/** Entries of the function table: templates and translated regions. Entry 0 stays empty. */
export const TABLE_SIZE = 32768;

/** The runtime's function table, and the modules whose functions go into it. */
export class FunctionTable {
  /** Modules instantiated; the owner starts the count anew when it has dropped them. */
  modules = 0;
  private next = 1;
  private readonly free: number[] = [];

  /** @param environment what every module imports: see `Imports`, and the memory */
  constructor(private readonly table: WebAssembly.Table, private readonly environment: WebAssembly.ModuleImports) {}

  instantiate(module: WebAssembly.Module): WebAssembly.Exports {
    this.modules++;
    return new WebAssembly.Instance(module, { env: this.environment }).exports;
  }

  /** Puts a function into the table and gives its index. */
  add(call: WebAssembly.ExportValue): number {
    const index = this.free.pop() ?? this.next++;
    if (index >= TABLE_SIZE) throw new Error('the function table is full');
    this.table.set(index, call as () => void);
    return index;
  }

  remove(index: number): void {
    this.table.set(index, null);
    this.free.push(index);
  }
}

/** A module with the imports that emitted code calls. */
export function newModule(): { module: ModuleBuilder; imports: Imports } {
  const module = new ModuleBuilder();
  return {
    module,
    imports: {
      resolve: module.import('resolve', RESOLVE_SIGNATURE), segment: module.import('segment', SEGMENT_SIGNATURE),
      flags: module.import('flags', FLAGS_SIGNATURE), handler: module.import('handler', HANDLER_SIGNATURE),
      watched: module.import('watched', WATCHED_SIGNATURE), dropPage: module.import('dropPage', DROP_PAGE_SIGNATURE),
      interruptReturn: module.import('interruptReturn', INTERRUPT_RETURN_SIGNATURE),
      moves: module.import('moves', MOVES_SIGNATURE), stores: module.import('stores', MOVES_SIGNATURE),
      scans: module.import('scans', SCANS_SIGNATURE), compares: module.import('compares', SCANS_SIGNATURE),
    },
  };
}
