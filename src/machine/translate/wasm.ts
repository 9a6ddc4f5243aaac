/**
 * A small assembler for WebAssembly modules (WebAssembly Core Specification 2.0, chapter 5 "Binary format").
 * Only what the translator emits: i32/i64 and vector arithmetic, one imported memory, structured control flow, tables.
 */

import type { Simd } from './simd.js';

export const enum Type { I32 = 0x7f, I64 = 0x7e, F32 = 0x7d, F64 = 0x7c, V128 = 0x7b, Void = 0x40 }

/** Opcodes used by the translator, by their names in the specification. */
export const enum Op {
  unreachable = 0x00, block = 0x02, loop = 0x03, if = 0x04, else = 0x05, end = 0x0b, br = 0x0c, br_if = 0x0d, br_table = 0x0e,
  return = 0x0f, call = 0x10, call_indirect = 0x11, drop = 0x1a, select = 0x1b,
  local_get = 0x20, local_set = 0x21, local_tee = 0x22,
  i32_load = 0x28, i64_load = 0x29, f32_load = 0x2a, f64_load = 0x2b, i32_load8_u = 0x2d, i32_load16_u = 0x2f,
  i64_load8_u = 0x31, i64_load16_u = 0x33, i64_load32_u = 0x35,
  i32_store = 0x36, i64_store = 0x37, f64_store = 0x39, i32_store8 = 0x3a, i32_store16 = 0x3b, i64_store8 = 0x3c, i64_store16 = 0x3d, i64_store32 = 0x3e,
  i32_const = 0x41, i64_const = 0x42,
  i32_eqz = 0x45, i32_eq = 0x46, i32_ne = 0x47, i32_lt_s = 0x48, i32_lt_u = 0x49, i32_gt_s = 0x4a, i32_gt_u = 0x4b, i32_le_s = 0x4c, i32_ge_s = 0x4e, i32_ge_u = 0x4f,
  i64_eqz = 0x50, i64_eq = 0x51, i64_ne = 0x52, i64_lt_s = 0x53, i64_lt_u = 0x54, i64_gt_s = 0x55, i64_gt_u = 0x56, i64_le_s = 0x57,
  i64_le_u = 0x58, i64_ge_s = 0x59, i64_ge_u = 0x5a,
  f32_eq = 0x5b, f32_lt = 0x5d, f32_gt = 0x5e, f64_eq = 0x61, f64_ne = 0x62, f64_lt = 0x63, f64_gt = 0x64, f64_ge = 0x66,
  i32_add = 0x6a, i32_sub = 0x6b, i32_mul = 0x6c, i32_and = 0x71, i32_or = 0x72, i32_xor = 0x73, i32_shl = 0x74, i32_shr_s = 0x75, i32_shr_u = 0x76,
  i64_clz = 0x79, i64_ctz = 0x7a, i64_popcnt = 0x7b, i64_add = 0x7c, i64_sub = 0x7d, i64_mul = 0x7e, i64_div_s = 0x7f, i64_div_u = 0x80,
  i64_rem_s = 0x81, i64_rem_u = 0x82, i64_and = 0x83, i64_or = 0x84, i64_xor = 0x85, i64_shl = 0x86, i64_shr_s = 0x87, i64_shr_u = 0x88,
  i64_rotl = 0x89, i64_rotr = 0x8a,
  f32_sqrt = 0x91, f32_add = 0x92, f32_sub = 0x93, f32_mul = 0x94, f32_div = 0x95,
  f64_trunc = 0x9d, f64_nearest = 0x9e, f64_sqrt = 0x9f, f64_add = 0xa0, f64_sub = 0xa1, f64_mul = 0xa2, f64_div = 0xa3,
  f32_convert_i64_s = 0xb4, f32_demote_f64 = 0xb6, f64_convert_i32_s = 0xb7, f64_convert_i64_s = 0xb9, f64_promote_f32 = 0xbb,
  i32_reinterpret_f32 = 0xbc, i64_reinterpret_f64 = 0xbd, f32_reinterpret_i32 = 0xbe, f64_reinterpret_i64 = 0xbf,
  i32_wrap_i64 = 0xa7, i64_extend_i32_s = 0xac, i64_extend_i32_u = 0xad, i64_trunc_f64_s = 0xb0,
  i64_extend8_s = 0xc2, i64_extend16_s = 0xc3, i64_extend32_s = 0xc4,
}

/** A growing byte buffer with the LEB128 forms of the binary format. */
class Bytes {
  private buffer = new Uint8Array(256);
  length = 0;

  byte(value: number): void {
    if (this.length === this.buffer.length) this.grow(this.length + 1);
    this.buffer[this.length++] = value;
  }
  append(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.buffer.length) this.grow(this.length + bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }
  unsigned(value: number): void {
    while (value >= 0x80) { this.byte(value & 0x7f | 0x80); value >>>= 7; }
    this.byte(value);
  }
  signed(value: number): void {
    for (;;) {
      const low = value & 0x7f;
      value >>= 7;
      if (value === 0 && !(low & 0x40) || value === -1 && low & 0x40) { this.byte(low); return; }
      this.byte(low | 0x80);
    }
  }
  signed64(value: bigint): void {
    value = BigInt.asIntN(64, value);
    for (;;) {
      if (value >= -0x40000000n && value < 0x40000000n) { this.signed(Number(value)); return; }
      this.byte(Number(value & 0x7fn) | 0x80);
      value >>= 7n;
    }
  }
  string(text: string): void {
    this.unsigned(text.length);
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
  }
  section(id: number, fill: (section: Bytes) => void): void {
    const content = new Bytes();
    fill(content);
    this.byte(id);
    this.unsigned(content.length);
    this.append(content.bytes());
  }
  bytes(): Uint8Array<ArrayBuffer> { return this.buffer.slice(0, this.length); }

  private grow(atLeast: number): void {
    const larger = new Uint8Array(Math.max(atLeast, this.buffer.length * 2));
    larger.set(this.buffer);
    this.buffer = larger;
  }
}

export interface Signature { params: readonly Type[]; results: readonly Type[]; }

/** A label of an open block, loop or if; branches are written to it, not to relative depths. */
export type Label = number & { readonly __label: unique symbol };

/** What a local can hold. */
export type LocalType = Exclude<Type, Type.Void>;

/** The body of one function under construction. */
export class FunctionBody {
  private readonly prologue = new Bytes();
  private readonly body = new Bytes();
  private code = this.body;
  private readonly localTypes: Type[] = [];
  private readonly free: { [type: number]: number[] } = { [Type.I32]: [], [Type.I64]: [], [Type.F32]: [], [Type.F64]: [], [Type.V128]: [] };
  private depth = 0;
  /** Branch hints: where in `body`, and whether the branch is likely to be taken. */
  private readonly hints: { at: number; taken: boolean }[] = [];

  constructor(readonly signature: Signature) {}

  /** Takes a local of that type: a new one, or one given back with `release`. Its value is undefined. */
  local(type: LocalType): number { return this.free[type]!.pop() ?? this.newLocal(type); }
  /** A local that nothing else has used: its value from the function's start is kept. */
  newLocal(type: LocalType): number { return this.signature.params.length + this.localTypes.push(type) - 1; }
  release(...locals: number[]): void {
    for (const local of locals) this.free[this.localTypes[local - this.signature.params.length]!]!.push(local);
  }

  /** Runs `emit`, whose code goes before all other code of the function; it may open no blocks that it does not close. */
  atStart(emit: () => void): void {
    this.code = this.prologue;
    emit();
    this.code = this.body;
  }

  op(...ops: Op[]): this { for (const op of ops) this.code.byte(op); return this; }
  get(local: number): this { this.code.byte(Op.local_get); this.code.unsigned(local); return this; }
  set(local: number): this { this.code.byte(Op.local_set); this.code.unsigned(local); return this; }
  tee(local: number): this { this.code.byte(Op.local_tee); this.code.unsigned(local); return this; }
  i32(value: number): this { this.code.byte(Op.i32_const); this.code.signed(value | 0); return this; }
  i64(value: bigint): this { this.code.byte(Op.i64_const); this.code.signed64(value); return this; }
  /** A load or store; `offset` in bytes is added to the i32 address below on the stack. Alignment is never promised. */
  memory(op: Op, offset = 0): this { this.code.byte(op); this.code.byte(0); this.code.unsigned(offset); return this; }
  call(index: number): this { this.code.byte(Op.call); this.code.unsigned(index); return this; }
  /** Vector instructions without an immediate. */
  simd(...ops: Simd[]): this { for (const op of ops) this.vector(op); return this; }
  /** A vector load or store, as `memory`. */
  simdMemory(op: Simd, offset = 0): this { this.vector(op); this.code.byte(0); this.code.unsigned(offset); return this; }
  /** A vector instruction with a lane number. */
  lane(op: Simd, lane: number): this { this.vector(op); this.code.byte(lane); return this; }
  /** A load or store of one lane. */
  laneMemory(op: Simd, offset: number, lane: number): this { this.simdMemory(op, offset).code.byte(lane); return this; }
  /** A vector instruction with 16 bytes in it: `v128_const` or `i8x16_shuffle` (0-15 name bytes of the lower operand, 16-31 of the upper). */
  bytes16(op: Simd, bytes: readonly number[]): this {
    if (bytes.length !== 16) throw new Error('a vector has 16 bytes');
    this.vector(op);
    for (const byte of bytes) this.code.byte(byte);
    return this;
  }
  private vector(op: Simd): void { this.code.byte(0xfd); this.code.unsigned(op); }

  /** memory.copy: pops destination, source and length in bytes. */
  copyMemory(): this { for (const byte of [0xfc, 10, 0, 0]) this.code.byte(byte); return this; }
  /** memory.fill: pops destination, value of the bytes and length. */
  fillMemory(): this { for (const byte of [0xfc, 11, 0]) this.code.byte(byte); return this; }
  callIndirect(typeIndex: number): this { this.code.byte(Op.call_indirect); this.code.unsigned(typeIndex); this.code.byte(0); return this; }

  /**
   * Says of the `if` or `br_if` that is emitted next whether its condition usually holds (custom section of the branch hinting proposal):
   * what is unlikely is then kept out of the way of the rest. Engines that do not know it ignore it. Not in `atStart`.
   */
  likely(taken: boolean): this { this.hints.push({ at: this.body.length, taken }); return this; }
  unlikely(): this { return this.likely(false); }

  block(type: Type = Type.Void): Label { return this.open(Op.block, type); }
  loop(type: Type = Type.Void): Label { return this.open(Op.loop, type); }
  if(type: Type = Type.Void): Label { return this.open(Op.if, type); }
  else(): this { return this.op(Op.else); }
  end(): this { this.depth--; return this.op(Op.end); }
  br(label: Label): this { this.code.byte(Op.br); this.code.unsigned(this.depth - label); return this; }
  brIf(label: Label): this { this.code.byte(Op.br_if); this.code.unsigned(this.depth - label); return this; }
  brTable(labels: readonly Label[], otherwise: Label): this {
    this.code.byte(Op.br_table);
    this.code.unsigned(labels.length);
    for (const label of labels) this.code.unsigned(this.depth - label);
    this.code.unsigned(this.depth - otherwise);
    return this;
  }

  /** The code, and the branch hints by their offset in it. */
  encode(): { code: Uint8Array; hints: { at: number; taken: boolean }[] } {
    const out = new Bytes();
    const runs: [number, Type][] = [];
    for (const type of this.localTypes) {
      const last = runs[runs.length - 1];
      if (last && last[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    out.unsigned(runs.length);
    for (const [count, type] of runs) { out.unsigned(count); out.byte(type); }
    out.append(this.prologue.bytes());
    const start = out.length;
    out.append(this.body.bytes());
    out.byte(Op.end);
    return { code: out.bytes(), hints: this.hints.map(({ at, taken }) => ({ at: start + at, taken })) };
  }

  private open(op: Op, type: Type): Label {
    this.code.byte(op);
    this.code.byte(type);
    return ++this.depth as Label;
  }
}

/** A module: imported functions first, then its own, all exported functions by name; the memory is imported as `env.memory`. */
export class ModuleBuilder {
  private readonly types: Signature[] = [];
  private readonly imports: { name: string; type: number }[] = [];
  private readonly functions: { body: FunctionBody; type: number; name?: string }[] = [];
  private tableSize = 0;

  /** Index of the type with this signature, for `call_indirect`. */
  type(signature: Signature): number {
    const same = this.types.findIndex(t => t.params.join() === signature.params.join() && t.results.join() === signature.results.join());
    return same >= 0 ? same : this.types.push(signature) - 1;
  }

  /** Declares an imported function of module `env`; all imports come before the first own function. */
  import(name: string, signature: Signature): number {
    return this.imports.push({ name, type: this.type(signature) }) - 1;
  }

  /** Adds a function and gives its index; its body may be filled until `encode`. */
  function(signature: Signature, name?: string): { body: FunctionBody; index: number } {
    const body = new FunctionBody(signature);
    return { body, index: this.add(body, name) };
  }

  /** Adds a function whose body has been made before. */
  add(body: FunctionBody, name?: string): number { return this.imports.length + this.functions.push({ body, type: this.type(body.signature), name }) - 1; }

  /** Gives the module a table of its own, exported as `table`. */
  table(size: number): void { this.tableSize = size; }

  encode(): Uint8Array<ArrayBuffer> {
    const out = new Bytes();
    for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.byte(byte);
    out.section(1, s => {
      s.unsigned(this.types.length);
      for (const { params, results } of this.types) {
        s.byte(0x60);
        s.unsigned(params.length);
        params.forEach(t => s.byte(t));
        s.unsigned(results.length);
        results.forEach(t => s.byte(t));
      }
    });
    out.section(2, s => {
      s.unsigned(this.imports.length + 1);
      for (const { name, type } of this.imports) { s.string('env'); s.string(name); s.byte(0); s.unsigned(type); }
      s.string('env');
      s.string('memory');
      for (const byte of [2, 0, 1]) s.byte(byte);
    });
    out.section(3, s => {
      s.unsigned(this.functions.length);
      for (const { type } of this.functions) s.unsigned(type);
    });
    if (this.tableSize) out.section(4, s => { s.byte(1); s.byte(0x70); s.byte(0); s.unsigned(this.tableSize); });
    out.section(7, s => {
      const named = this.functions.map(({ name }, i) => ({ name, index: this.imports.length + i })).filter(f => f.name !== undefined);
      s.unsigned(named.length + (this.tableSize ? 1 : 0));
      for (const { name, index } of named) { s.string(name!); s.byte(0); s.unsigned(index); }
      if (this.tableSize) { s.string('table'); s.byte(1); s.byte(0); }
    });
    const bodies = this.functions.map(({ body }) => body.encode());
    out.section(0, s => {
      s.string('metadata.code.branch_hint');
      const hinted = bodies.map(({ hints }, n) => ({ hints, n })).filter(({ hints }) => hints.length);
      s.unsigned(hinted.length);
      for (const { hints, n } of hinted) {
        s.unsigned(this.imports.length + n);
        s.unsigned(hints.length);
        for (const { at, taken } of hints) {
          s.unsigned(at);
          s.byte(1);
          s.byte(taken ? 1 : 0);
        }
      }
    });
    out.section(10, s => {
      s.unsigned(bodies.length);
      for (const { code } of bodies) {
        s.unsigned(code.length);
        s.append(code);
      }
    });
    return out.bytes();
  }
}
