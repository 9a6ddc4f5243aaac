import { Mnemonic } from 'iced-x86';
import { MemoryKind } from '../memory/kind.js';
import { Cc, Emitter } from '../translate/emitter.js';
import { pushCarry, pushFlagBits, setFlagBits, setFlags } from '../translate/flags.js';
import { Op } from '../translate/wasm.js';
import { define } from './define.js';

const MODIFY = MemoryKind.Write | MemoryKind.Modify;

/** Pushes the count (operand i), masked to 5 or 6 bits (SDM Vol. 2B, "SAL/SAR/SHL/SHR"), and keeps it. */
function keepCount(e: Emitter, i: number, size: number): number {
  e.push(i);
  e.f.i64(size === 8 ? 0x3fn : 0x1fn).op(Op.i64_and);
  return e.keep();
}

/**
 * Runs `emit` unless the count is zero, for then neither operand nor flags change (a 32-bit destination is still
 * zero-extended, which writing back the unchanged value does).
 */
function unlessZero(e: Emitter, count: number, emit: () => void): void {
  e.f.get(count).op(Op.i64_eqz, Op.i32_eqz).if();
  emit();
  e.f.end();
  e.knownFlags = undefined;
}

for (const [mnemonic, kind] of [[Mnemonic.Shl, Cc.Shl], [Mnemonic.Sal, Cc.Shl], [Mnemonic.Shr, Cc.Shr], [Mnemonic.Sar, Cc.Sar]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0), count = keepCount(e, 1, size), place = e.place(0, MODIFY);
    e.load(place);
    if (kind === Cc.Sar) e.signExtend(size);
    const value = e.keep();
    const shift = kind === Cc.Shl ? Op.i64_shl : kind === Cc.Shr ? Op.i64_shr_u : Op.i64_shr_s;
    f.get(value).get(count).op(shift);
    e.truncate(size);
    const result = e.keep();
    f.get(result);
    e.store(place);
    unlessZero(e, count, () => {
      f.get(value).get(count).i64(1n).op(Op.i64_sub).op(shift);
      e.truncate(size);
      f.set(value);
      setFlags(e, kind, size, result, value);
    });
    e.done(place);
    f.release(count, value, result);
  });
}

/** ROL and ROR: only CF and OF change (OF for any count as for a count of one, which real CPUs do as well). */
for (const [mnemonic, left] of [[Mnemonic.Rol, true], [Mnemonic.Ror, false]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0), bits = BigInt(size * 8), count = keepCount(e, 1, size), place = e.place(0, MODIFY);
    e.load(place);
    const value = e.keep();
    if (size === 8) f.get(value).get(count).op(left ? Op.i64_rotl : Op.i64_rotr);
    else {
      // value >> n | value << (bits - n), with n = count modulo the operand's bits.
      const n = () => { f.get(count).i64(bits - 1n).op(Op.i64_and); };
      const back = () => { f.i64(bits); n(); f.op(Op.i64_sub); };
      f.get(value); n(); f.op(left ? Op.i64_shl : Op.i64_shr_u);
      f.get(value); back(); f.op(left ? Op.i64_shr_u : Op.i64_shl, Op.i64_or);
      e.truncate(size);
    }
    const result = e.keep();
    f.get(result);
    e.store(place);
    unlessZero(e, count, () => {
      const top = () => { f.get(result).i64(bits - 1n).op(Op.i64_shr_u).i64(1n).op(Op.i64_and); };
      pushFlagBits(e);
      f.i32(0xd4).op(Op.i32_and, Op.i64_extend_i32_u);
      if (left) {
        f.get(result).i64(1n).op(Op.i64_and, Op.i64_or);
        top(); f.get(result).op(Op.i64_xor).i64(1n).op(Op.i64_and);
      } else {
        top(); f.op(Op.i64_or);
        top(); f.get(result).i64(bits - 2n).op(Op.i64_shr_u).op(Op.i64_xor).i64(1n).op(Op.i64_and);
      }
      f.i64(11n).op(Op.i64_shl, Op.i64_or);
      setFlagBits(e);
    });
    e.done(place);
    f.release(count, value, result);
  });
}

/** RCL and RCR rotate through CF, bit by bit: rare enough for a loop. */
for (const [mnemonic, left] of [[Mnemonic.Rcl, true], [Mnemonic.Rcr, false]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0), top = BigInt(size * 8 - 1), count = keepCount(e, 1, size), place = e.place(0, MODIFY);
    e.load(place);
    const value = e.keep();
    pushCarry(e);
    const carry = e.keep(), out = e.f.local(0x7e);
    if (size < 4) { f.get(count).i64(BigInt(size * 8 + 1)).op(Op.i64_rem_u).set(count); }
    unlessZero(e, count, () => {
      const again = f.loop();
      if (left) {
        f.get(value).i64(top).op(Op.i64_shr_u).set(out);
        f.get(value).i64(1n).op(Op.i64_shl).get(carry).op(Op.i64_or);
        e.truncate(size);
        f.set(value);
      } else {
        f.get(value).i64(1n).op(Op.i64_and).set(out);
        f.get(value).i64(1n).op(Op.i64_shr_u).get(carry).i64(top).op(Op.i64_shl, Op.i64_or).set(value);
      }
      f.get(out).set(carry);
      f.get(count).i64(1n).op(Op.i64_sub).tee(count).op(Op.i64_eqz, Op.i32_eqz).brIf(again);
      f.end();
      pushFlagBits(e);
      f.i32(0xd4).op(Op.i32_and, Op.i64_extend_i32_u).get(carry).op(Op.i64_or);
      f.get(value).i64(top).op(Op.i64_shr_u);
      if (left) f.get(carry); else f.get(value).i64(top - 1n).op(Op.i64_shr_u);
      f.op(Op.i64_xor).i64(1n).op(Op.i64_and).i64(11n).op(Op.i64_shl, Op.i64_or);
      setFlagBits(e);
    });
    f.get(value);
    e.store(place);
    e.done(place);
    f.release(count, value, carry, out);
  });
}

/** SHLD and SHRD; the flags are those of a shift of the double-width value. */
for (const [mnemonic, left] of [[Mnemonic.Shld, true], [Mnemonic.Shrd, false]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0), bits = BigInt(size * 8), count = keepCount(e, 2, size), place = e.place(0, MODIFY);
    e.load(place);
    const value = e.keep();
    e.push(1);
    const other = e.keep(), result = f.local(0x7e);
    f.get(value).set(result);
    unlessZero(e, count, () => {
      const shift = (by: () => void) => {
        if (size === 8) {
          f.get(value); by(); f.op(left ? Op.i64_shl : Op.i64_shr_u);
          // A shift of 64 would be one of 0 in WebAssembly; two steps avoid it.
          f.get(other).i64(1n).op(left ? Op.i64_shr_u : Op.i64_shl).i64(63n); by(); f.op(Op.i64_sub).op(left ? Op.i64_shr_u : Op.i64_shl, Op.i64_or);
          return;
        }
        // Both operands side by side: counts up to 31 stay within 64 bits.
        f.get(left ? value : other).i64(bits).op(Op.i64_shl).get(left ? other : value).op(Op.i64_or);
        by();
        f.op(left ? Op.i64_shl : Op.i64_shr_u);
        if (left) f.i64(bits).op(Op.i64_shr_u);
        e.truncate(size);
      };
      // The value shifted by one less than the count has CF in its outgoing bit.
      shift(() => { f.get(count); });
      f.set(result);
      shift(() => { f.get(count).i64(1n).op(Op.i64_sub); });
      f.set(other);
      setFlags(e, left ? Cc.Shl : Cc.Shr, size, result, other);
    });
    f.get(result);
    e.store(place);
    e.done(place);
    f.release(count, value, other, result);
  });
}
