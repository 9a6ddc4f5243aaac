import * as L from '../cpu/layout.js';
import { type FunctionBody, type Label, Op } from '../translate/wasm.js';
import { Simd } from '../translate/simd.js';

/**
 * What a CPU remembers of its last usual delivery of a page fault from an outer level and of its last usual IRETQ to one: where in memory it has found what it
 * has read, what that was, and what has been computed from it. The next time the same is read again and compared: descriptors, gate and frame by their bytes,
 * registers by their values. If all is equal the results are too, and neither look-ups nor checks nor conversions need be done again.
 *
 * That the registers of descriptor tables and data segments are the same, and the pages where they were, is not compared. Whatever may change that forgets: the
 * dispatcher whenever something else than translated code has run, whoever drops something from the fast tables (`memory/fastTable.ts`), and INVLPG of a page
 * that the supervisor's fast table may have (`dropPage.ts`). What is remembered is no part of the machine's state.
 */

/** i32 at L.REMEMBERED_DELIVERY: MODE before, NOTHING if nothing is remembered; MODE and FAST_TABLE behind, FLAGS that stay. */
export const D_MODE = 0x00, D_NEW_MODE = 0x04, D_FLAGS = 0x08, D_NEW_TABLE = 0x1c;
/** i32: host addresses of gate, code descriptor, stack pointer in the TSS, and frame. */
export const D_GATE_AT = 0x0c, D_CODE_AT = 0x10, D_SLOT_AT = 0x14, D_FRAME_AT = 0x18;
/** The gate, and CS: v128s. */
export const D_GATE = 0x20, D_CS = 0x30;
/** i64: fast context, code descriptor, stack pointer in the TSS, address of the frame, base of CS, target. */
export const D_CONTEXT = 0x40, D_CODE = 0x48, D_STACK = 0x50, D_BOTTOM = 0x58, D_CS_BASE = 0x60, D_TARGET = 0x68;
const D_END = 0x70;

/** i32 at L.REMEMBERED_RETURN: MODE before, NOTHING if nothing is remembered; MODE behind; selectors of the frame. */
export const R_MODE = 0x00, R_NEW_MODE = 0x04, R_CODE_SELECTOR = 0x08, R_DATA_SELECTOR = 0x0c;
/** CS and SS: v128s. */
export const R_CS = 0x10, R_SS = 0x20;
/** i32: host addresses of the frame and of the two descriptors. */
export const R_FRAME_AT = 0x30, R_CODE_AT = 0x34, R_DATA_AT = 0x38;
/** i64: fast context, both descriptors, RSP before, bases of CS and SS. */
export const R_CONTEXT = 0x40, R_CODE = 0x48, R_DATA = 0x50, R_STACK = 0x58, R_CS_BASE = 0x60, R_SS_BASE = 0x68;
const R_END = 0x70;

/** A MODE that there is not. */
export const NOTHING = L.NOTHING_REMEMBERED;

if (D_MODE || R_MODE) throw new Error('what says that nothing is remembered is elsewhere than `forgetRemembered` expects it');
if (L.REMEMBERED_DELIVERY + D_END > L.REMEMBERED_RETURN || L.REMEMBERED_RETURN + R_END > L.REMEMBERED_END) throw new Error('what is remembered does not fit');

/** Forgets both. */
export function forget(f: FunctionBody, cpu: number): void {
  for (const at of [L.REMEMBERED_DELIVERY, L.REMEMBERED_RETURN]) f.get(cpu).i32(NOTHING).memory(Op.i32_store, at);
}

/** Branches if the i32 on the stack is not zero, which is unlikely. */
export function brUnlikely(f: FunctionBody, label: Label): void { f.unlikely().brIf(label); }

/** Copies 16 bytes within the CPU's memory. */
export function copy16(f: FunctionBody, cpu: number, to: number, from: number): void { f.get(cpu).get(cpu).simdMemory(Simd.v128_load, from).simdMemory(Simd.v128_store, to); }
/** Copies 8 bytes within the CPU's memory. */
export function copy8(f: FunctionBody, cpu: number, to: number, from: number): void { f.get(cpu).get(cpu).memory(Op.i64_load, from).memory(Op.i64_store, to); }
/** Copies 4 bytes within the CPU's memory. */
export function copy4(f: FunctionBody, cpu: number, to: number, from: number): void { f.get(cpu).get(cpu).memory(Op.i32_load, from).memory(Op.i32_store, to); }
