import { Type } from './wasm.js';

/** Indices of the functions a module imports. */
export interface Imports {
  /** (cpu, low, high, kind) -> host address, -1 fault, -2 leave the block. See `Mmu.resolve`. */
  resolve: number;
  /** (cpu, segment, offset, kind) -> linear address as f64, negative for a fault. Outside 64-bit code. */
  segment: number;
  /** (ccOp, ccDst, ccSrc) -> arithmetic flags as bits of RFLAGS. */
  flags: number;
  /** (cpu, handler number) -> Exit. Only templates call it. */
  handler: number;
  /** (cpu, linear address, kind) -> 1 if the access meets a data watchpoint and is the interpreter's. See `Watch.accessed`. */
  watched: number;
  /** (cpu, low, high) -> DROPPED_*. See `AccessFunctions`. Only regions call it. */
  dropPage: number;
  /** (cpu, rsp, budget) -> Exit, or negative to hand over. See `emitted/interruptReturn.ts`. Only regions call it. */
  interruptReturn: number;
  /** See `emitted/strings.ts`. Only regions call them. */
  moves: number;
  stores: number;
  scans: number;
  compares: number;
}
export const RESOLVE_SIGNATURE = { params: [Type.I32, Type.I32, Type.I32, Type.I32], results: [Type.I32] };
export const ENTER_SIGNATURE = RESOLVE_SIGNATURE;
export const SEGMENT_SIGNATURE = { params: [Type.I32, Type.I32, Type.I32, Type.I32], results: [Type.F64] };
export const FLAGS_SIGNATURE = { params: [Type.I32, Type.I64, Type.I64], results: [Type.I32] };
export const WATCHED_SIGNATURE = { params: [Type.I32, Type.I64, Type.I32], results: [Type.I32] };
export const DROP_PAGE_SIGNATURE = { params: [Type.I32, Type.I32, Type.I32], results: [Type.I32] };
export const INTERRUPT_RETURN_SIGNATURE = { params: [Type.I32, Type.I64, Type.I32], results: [Type.I32] };
export const MOVES_SIGNATURE = { params: [Type.I32, Type.I64, Type.I64, Type.I32, Type.I32], results: [Type.I32] };
export const SCANS_SIGNATURE = { params: [Type.I32, Type.I64, Type.I64, Type.I32, Type.I32, Type.I32], results: [Type.I32] };
export const HANDLER_SIGNATURE = { params: [Type.I32, Type.I32], results: [Type.I32] };
