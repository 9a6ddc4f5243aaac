import { Mnemonic } from 'iced-x86';
import type { Emitter } from '../translate/emitter.js';
import { setFlagBits } from '../translate/flags.js';
import { Op, Type } from '../translate/wasm.js';
import { define } from './define.js';
import { pushHighProduct } from './multiply.js';

/**
 * LZCNT, TZCNT and the VEX-encoded instructions on general registers: BMI1 and BMI2 (SDM Vol. 2). Flags that the SDM leaves
 * undefined become zero.
 */

/** Pushes the i32 on the stack as an i64 with only bit `bit` of it, from a condition of 0 or 1. */
function flag(e: Emitter, bit: number): void { e.f.op(Op.i64_extend_i32_u).i64(BigInt(bit)).op(Op.i64_shl); }

/** Pushes ZF and SF of a result. */
function pushZeroAndSign(e: Emitter, size: number, result: number): void {
  const f = e.f;
  f.get(result).op(Op.i64_eqz);
  flag(e, 6);
  f.get(result).i64(BigInt(size * 8 - 1)).op(Op.i64_shr_u).i64(7n).op(Op.i64_shl, Op.i64_or);
}

/** TZCNT and LZCNT: a zero source gives the operand's size and sets CF; ZF is that of the result. */
for (const [mnemonic, trailing] of [[Mnemonic.Tzcnt, true], [Mnemonic.Lzcnt, false]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0), bits = BigInt(size * 8);
    e.push(1);
    const source = e.keep();
    f.get(source);
    // A bit behind the operand's last one stops the count there.
    if (trailing && size < 8) f.i64(1n << bits).op(Op.i64_or);
    f.op(trailing ? Op.i64_ctz : Op.i64_clz);
    if (!trailing && size < 8) f.i64(64n - bits).op(Op.i64_sub);
    const result = e.keep();
    f.get(result);
    e.store({ register: 0, size });
    f.get(result).op(Op.i64_eqz);
    flag(e, 6);
    f.get(source).op(Op.i64_eqz, Op.i64_extend_i32_u, Op.i64_or);
    setFlagBits(e);
    f.release(source, result);
  });
}

define(Mnemonic.Andn, e => {
  const f = e.f, size = e.size(0);
  e.push(1);
  f.i64(-1n).op(Op.i64_xor);
  e.push(2);
  f.op(Op.i64_and);
  const result = e.keep();
  f.get(result);
  e.store({ register: 0, size });
  pushZeroAndSign(e, size, result);
  setFlagBits(e);
  f.release(result);
});

/** BEXTR: the field that bits 7:0 (start) and 15:8 (length) of the third operand name. */
define(Mnemonic.Bextr, e => {
  const f = e.f, size = e.size(0);
  e.push(1);
  const source = e.keep();
  e.push(2);
  const control = e.keep();
  // WebAssembly takes shift counts modulo 64, so 64 and more are apart.
  f.get(source).get(control).op(Op.i64_shr_u).i64(0n).get(control).i64(0xc0n).op(Op.i64_and, Op.i64_eqz, Op.select).set(source);
  f.get(control).i64(8n).op(Op.i64_shr_u).i64(0xffn).op(Op.i64_and).set(control);
  f.get(source).i64(1n).get(control).op(Op.i64_shl).i64(1n).op(Op.i64_sub, Op.i64_and).get(source).get(control).i64(64n).op(Op.i64_lt_u, Op.select).set(source);
  f.get(source);
  e.store({ register: 0, size });
  f.get(source).op(Op.i64_eqz);
  flag(e, 6);
  setFlagBits(e);
  f.release(source, control);
});

/** BLSI, BLSMSK, BLSR: the lowest set bit alone, the mask up to it, the operand without it. */
for (const mnemonic of [Mnemonic.Blsi, Mnemonic.Blsmsk, Mnemonic.Blsr]) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0);
    e.push(1);
    const source = e.keep();
    if (mnemonic === Mnemonic.Blsi) f.i64(0n).get(source).op(Op.i64_sub).get(source).op(Op.i64_and);
    else f.get(source).i64(1n).op(Op.i64_sub).get(source).op(mnemonic === Mnemonic.Blsr ? Op.i64_and : Op.i64_xor);
    e.truncate(size);
    const result = e.keep();
    f.get(result);
    e.store({ register: 0, size });
    pushZeroAndSign(e, size, result);
    f.get(source).op(Op.i64_eqz);
    if (mnemonic === Mnemonic.Blsi) f.op(Op.i32_eqz);
    f.op(Op.i64_extend_i32_u, Op.i64_or);
    setFlagBits(e);
    f.release(source, result);
  });
}

/** BZHI: bits from the index on are cleared; CF says that the index is beyond the operand. */
define(Mnemonic.Bzhi, e => {
  const f = e.f, size = e.size(0), bits = BigInt(size * 8);
  e.push(1);
  const source = e.keep();
  e.push(2);
  f.i64(0xffn).op(Op.i64_and);
  const index = e.keep(), result = f.local(Type.I64);
  f.get(source).i64(1n).get(index).op(Op.i64_shl).i64(1n).op(Op.i64_sub, Op.i64_and).get(source).get(index).i64(bits).op(Op.i64_lt_u, Op.select).set(result);
  f.get(result);
  e.store({ register: 0, size });
  pushZeroAndSign(e, size, result);
  f.get(index).i64(bits).op(Op.i64_ge_u, Op.i64_extend_i32_u, Op.i64_or);
  setFlagBits(e);
  f.release(source, index, result);
});

/** MULX: RDX times the operand, without flags; the upper half is written last. */
define(Mnemonic.Mulx, e => {
  const f = e.f, size = e.size(0);
  e.push(2);
  const b = e.keep();
  e.pushPart(2, size);
  const a = e.keep();
  f.get(a).get(b).op(Op.i64_mul);
  const low = e.keep();
  if (size === 8) pushHighProduct(e, a, b);
  else f.get(low).i64(32n).op(Op.i64_shr_u);
  const high = e.keep();
  f.get(low);
  e.truncate(size);
  e.store({ register: 1, size });
  f.get(high);
  e.store({ register: 0, size });
  f.release(a, b, low, high);
});

/** PDEP and PEXT: bits go from the low end to where the mask has ones, and back; one round of the loop for each one. */
for (const [mnemonic, deposit] of [[Mnemonic.Pdep, true], [Mnemonic.Pext, false]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0);
    e.push(1);
    const source = e.keep();
    e.push(2);
    const mask = e.keep(), result = f.local(Type.I64), bit = f.local(Type.I64), lowest = f.local(Type.I64);
    f.i64(0n).set(result).i64(1n).set(bit);
    const done = f.block(), again = f.loop();
    f.get(mask).op(Op.i64_eqz).brIf(done);
    f.i64(0n).get(mask).op(Op.i64_sub).get(mask).op(Op.i64_and).set(lowest);
    // The bit of the source that counts now, and the one of the result.
    f.get(result).get(deposit ? lowest : bit).i64(0n).get(source).get(deposit ? bit : lowest).op(Op.i64_and, Op.i64_eqz, Op.i32_eqz, Op.select, Op.i64_or).set(result);
    f.get(bit).i64(1n).op(Op.i64_shl).set(bit);
    f.get(mask).get(lowest).op(Op.i64_xor).set(mask).br(again);
    f.end().end();
    f.get(result);
    e.store({ register: 0, size });
    f.release(source, mask, result, bit, lowest);
  });
}

/** RORX, SARX, SHLX, SHRX: rotation and shifts without flags. */
define(Mnemonic.Rorx, e => {
  const f = e.f, size = e.size(0);
  e.push(1);
  // A 32-bit value twice in 64 bits rotates like one of 32.
  if (size === 4) {
    const value = e.keep();
    f.get(value).get(value).i64(32n).op(Op.i64_shl, Op.i64_or);
    f.release(value);
  }
  e.push(2);
  if (size === 4) f.i64(31n).op(Op.i64_and);
  f.op(Op.i64_rotr);
  e.truncate(size);
  e.store({ register: 0, size });
});
for (const [mnemonic, shift] of [[Mnemonic.Sarx, Op.i64_shr_s], [Mnemonic.Shlx, Op.i64_shl], [Mnemonic.Shrx, Op.i64_shr_u]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0);
    e.push(1);
    if (shift === Op.i64_shr_s) e.signExtend(size);
    e.push(2);
    if (size === 4) f.i64(31n).op(Op.i64_and);
    f.op(shift);
    e.truncate(size);
    e.store({ register: 0, size });
  });
}
