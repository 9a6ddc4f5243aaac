import type { Exit } from './exit.js';
import { runtimeModule } from './prebuilt.js';

export interface Runtime {
  /** Runs the CPU at that base address until its budget is used up or something needs TypeScript; gives an `Exit`. */
  run(cpu: number): Exit;
  /** Interprets `count` records; `Exit.Next` if all of it went well. */
  execute(cpu: number, record: number, count: number): Exit;
  /** See `emitFaultDelivery`. */
  deliverFault(cpu: number): number;
  /** (cpu, linear address, kind) -> 1 if translated code must leave an access to the interpreter; see `Watch.accessed`. */
  watched: WebAssembly.ExportValue;
  table: WebAssembly.Table;
}

export interface RuntimeImports {
  memory: WebAssembly.Memory;
  /** See `emitted/`. */
  resolve(cpu: number, low: number, high: number, kind: number): number;
  enterUsually(cpu: number, vector: number, error: number, how: number): number;
  /** Carries out the stores that the last instruction left pending; gives `Exit.Next`, `Refetch` or `Event`. */
  flushPending(cpu: number): Exit;
  /** `Watch.accessed`. */
  watched(cpu: number, low: number, high: number, kind: number): number;
}

/** An instance of the module that runs CPUs, which is compiled once for all machines. */
export function makeRuntime(imports: RuntimeImports): Runtime {
  compiled ??= new WebAssembly.Module(runtimeModule());
  return new WebAssembly.Instance(compiled, { env: { ...imports } as unknown as WebAssembly.ModuleImports }).exports as unknown as Runtime;
}

let compiled: WebAssembly.Module | undefined;
