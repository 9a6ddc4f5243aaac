import type { GuestMemory } from '../memory/guestMemory.js';
import { RAM_BASE, RAM_PAGES } from '../memory/layout.js';
import { emittedModule } from './prebuilt.js';
import type { StringFunctions } from './strings.js';

/**
 * What happens too often to leave WebAssembly for it, besides instructions: the architectural TLB, the walk of 4-level paging, the
 * translation of accesses, the delivery of exceptions, and rows of string operations. Each function is the one definition of what it does; TypeScript calls
 * them as well, and does what they leave to it.
 */
export interface Emitted extends StringFunctions {
  /** See `TlbFunctions`. */
  find(t: number, page: number, key: number, stamp: number): number;
  lookup(t: number, low: number, high: number): number;
  insert(t: number, low: number, high: number, size: number, frame: number, info: number): number;
  drop(t: number, low: number, high: number, stamp: number, globals: number): number;
  /** See `WalkFunctions`. */
  walk(root: number, low: number, high: number, allowed: number, keys: number, write: number, config: number, t: number): number;
  /** See `AccessFunctions`. */
  frameOf(cpu: number, low: number, high: number, kind: number): number;
  fill(cpu: number, table: number, mode: number, low: number, high: number, page: number, flags: number): void;
  resolve(cpu: number, low: number, high: number, kind: number): number;
  supervisorHost(cpu: number, low: number, high: number, write: number): number;
  dropPage(cpu: number, low: number, high: number): number;
  /** See `emitDelivery`. */
  enterUsually(cpu: number, vector: number, error: number, how: number): number;
  /** See `emitInterruptReturn`. */
  interruptReturn(cpu: number, stack: bigint, budget: number): number;
  /** (ccOp, ccDst, ccSrc) -> arithmetic flags as bits of RFLAGS. */
  flags: WebAssembly.ExportValue;
}

/** What they leave to TypeScript; filled in by its owner. */
export interface Unusual {
  /** See `AccessImports`. */
  resolve(cpu: number, low: number, high: number, kind: number): number;
  endContext(cpu: number, dropped: number): void;
}

/** The module, which is the same for all machines. */
let compiled: WebAssembly.Module | undefined;

const instances = new WeakMap<GuestMemory, { emitted: Emitted; unusual: Unusual }>();

/** The functions that work on a machine's memory. */
export function emittedFor(memory: GuestMemory): { emitted: Emitted; unusual: Unusual } {
  let found = instances.get(memory);
  if (!found) instances.set(memory, found = instantiate(memory));
  return found;
}

function instantiate(memory: GuestMemory): { emitted: Emitted; unusual: Unusual } {
  const unusual: Unusual = {
    resolve: () => { throw new Error('the memory has no Mmu'); },
    endContext: () => { throw new Error('the memory has no Mmu'); },
  };
  memory.i32[RAM_PAGES >> 2] = memory.ramPages;
  const { exports } = new WebAssembly.Instance(compiled ??= new WebAssembly.Module(emittedModule()), {
    env: {
      memory: memory.wasm,
      resolveUnusual: (cpu: number, low: number, high: number, kind: number) => unusual.resolve(cpu, low, high, kind),
      flagsChanged: (page: number, host: number) => memory.flagsChanged(page, host - RAM_BASE, 8),
      markDirty: (page: number) => memory.markDirty(page),
      endContext: (cpu: number, dropped: number) => unusual.endContext(cpu, dropped),
    },
  });
  return { emitted: exports as unknown as Emitted, unusual };
}
