import * as L from '../cpu/layout.js';
import { FAST_ADDEND, FAST_TAG_READ, FAST_TAG_WRITE } from '../memory/layout.js';
import { Simd } from '../translate/simd.js';
import { type FunctionBody, type Label, Op } from '../translate/wasm.js';

/**
 * What a CPU remembers of its last usual delivery from an outer level and of its last usual IRETQ to one: all that has been read, and what has
 * been computed from it. The next time the same is read again, through the fast table, and compared: descriptors and gates by their bytes, registers by
 * their values, pages by the tags of their fast entries. If all is equal the results are too, and neither checks nor conversions need be done again. So nothing
 * has to be told when something changes, and what is remembered is no part of the machine's state.
 */

/** A look-up in the supervisor's fast table: host address of the fast entry (i32), low half of the linear address (i32), tag (i64). */
const P_ENTRY = 0, P_LOW = 4, P_TAG = 8;

/** Offsets from `L.REMEMBERED_DELIVERY`. GDTR and IDTR, limit and base of TR, the gate, and CS: v128s. */
export const D_TABLES = 0x00, D_TASK = 0x20, D_GATE = 0x30, D_CS = 0x40;
/** Look-ups of gate, code descriptor, stack pointer in the TSS, and frame. */
export const D_GATE_PLACE = 0x50, D_CODE_PLACE = 0x60, D_SLOT_PLACE = 0x70, D_FRAME_PLACE = 0x80;
/** i64: fast context, code descriptor, stack pointer in the TSS, address of the frame, base of CS, target. */
export const D_CONTEXT = 0x90, D_CODE = 0x98, D_STACK = 0xa0, D_BOTTOM = 0xa8, D_CS_BASE = 0xb0, D_TARGET = 0xb8;
/** i32: vector and whether there is an error code (`pushDeliveryKey`), MODE before (NOTHING if nothing is remembered) and behind, FLAGS that stay. */
export const D_KEY = 0xc0, D_MODE = 0xc4, D_NEW_MODE = 0xc8, D_FLAGS = 0xcc;

/** Offsets from `L.REMEMBERED_RETURN`. GDTR, CS and SS: v128s. */
export const R_TABLE = 0x00, R_CS = 0x10, R_SS = 0x20;
/** Look-ups of the code segment's descriptor, in whose page that of the stack segment is as well, and of the frame. */
export const R_CODE_PLACE = 0x30, R_FRAME_PLACE = 0x40;
/** i64: fast context, both descriptors, RSP before, bases of CS and SS. */
export const R_CONTEXT = 0x50, R_CODE = 0x58, R_DATA = 0x60, R_STACK = 0x68, R_CS_BASE = 0x70, R_SS_BASE = 0x78;
/** Selector and rights (i64 for both) of ES, DS, FS and GS, as they are behind. */
export const R_SEGMENTS = 0x80;
/** i32: selectors of the frame, MODE before (NOTHING if nothing is remembered) and behind, low half of the address of the stack segment's descriptor. */
export const R_CODE_SELECTOR = 0xa0, R_DATA_SELECTOR = 0xa4, R_MODE = 0xa8, R_NEW_MODE = 0xac, R_DATA_LOW = 0xb0;

/** A MODE that there is not. */
export const NOTHING = -1;

if (L.REMEMBERED_DELIVERY + D_FLAGS + 4 > L.REMEMBERED_RETURN || L.REMEMBERED_RETURN + R_DATA_LOW + 4 > L.REMEMBERED_END) throw new Error('what is remembered does not fit');

/** Remembers at `at` in the CPU's memory the look-up of `linear` (i64 local; `low` its low half) that `pushSupervisorHost` has just made. */
export function rememberPlace(f: FunctionBody, cpu: number, at: number, { linear, low, entry }: { linear: number; low: number; entry: number }): void {
  f.get(cpu).get(entry).memory(Op.i32_store, at + P_ENTRY).get(cpu).get(low).memory(Op.i32_store, at + P_LOW);
  f.get(cpu).get(linear).i64(-0x1000n).op(Op.i64_and).get(cpu).memory(Op.i64_load, L.FAST_CONTEXT).op(Op.i64_or).memory(Op.i64_store, at + P_TAG);
}

/** Branches to `missed` unless the fast table still has the page of a remembered look-up; leaves the address of its fast entry in the local. */
export function checkPlace(f: FunctionBody, cpu: number, at: number, { entry, write, missed }: { entry: number; write: boolean; missed: Label }): void {
  f.get(cpu).memory(Op.i32_load, at + P_ENTRY).tee(entry).memory(Op.i64_load, write ? FAST_TAG_WRITE : FAST_TAG_READ).get(cpu).memory(Op.i64_load, at + P_TAG).op(Op.i64_ne);
  brUnlikely(f, missed);
}

/** Pushes the host address of what has been looked up, of which `checkPlace` has left the fast entry. */
export function pushPlace(f: FunctionBody, cpu: number, at: number, entry: number): void { pushInPage(f, cpu, at + P_LOW, entry); }

/** Pushes the host address of what lies in the page of a fast entry, the low half of its linear address standing at `at` in the CPU's memory. */
export function pushInPage(f: FunctionBody, cpu: number, at: number, entry: number): void {
  f.get(entry).memory(Op.i32_load, FAST_ADDEND).get(cpu).memory(Op.i32_load, at).op(Op.i32_add);
}

/** Branches if the i32 on the stack is not zero, which is unlikely. */
export function brUnlikely(f: FunctionBody, label: Label): void { f.unlikely().brIf(label); }

/** Pushes a v128 that is zero if 16 bytes of the CPU's memory are the same at two places. */
export function pushDifference(f: FunctionBody, cpu: number, a: number, b: number): void {
  f.get(cpu).simdMemory(Simd.v128_load, a).get(cpu).simdMemory(Simd.v128_load, b).simd(Simd.v128_xor);
}

/** Copies 16 bytes within the CPU's memory. */
export function copy16(f: FunctionBody, cpu: number, to: number, from: number): void { f.get(cpu).get(cpu).simdMemory(Simd.v128_load, from).simdMemory(Simd.v128_store, to); }
/** Copies 8 bytes within the CPU's memory. */
export function copy8(f: FunctionBody, cpu: number, to: number, from: number): void { f.get(cpu).get(cpu).memory(Op.i64_load, from).memory(Op.i64_store, to); }
/** Copies 4 bytes within the CPU's memory. */
export function copy4(f: FunctionBody, cpu: number, to: number, from: number): void { f.get(cpu).get(cpu).memory(Op.i32_load, from).memory(Op.i32_store, to); }

/** Pushes what D_KEY holds for a vector and an error code. */
export function pushDeliveryKey(f: FunctionBody, vector: number, error: number, noError: number): void {
  f.get(vector).get(error).i32(noError).op(Op.i32_eq).i32(8).op(Op.i32_shl, Op.i32_or);
}
