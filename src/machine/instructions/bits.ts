import { Mnemonic } from 'iced-x86';
import { MemoryKind } from '../memory/kind.js';
import { Cc, Emitter, Place, loadOp, storeOp } from '../translate/emitter.js';
import { pushFlagBits, setFlagBits, setFlags } from '../translate/flags.js';
import { Op, Type } from '../translate/wasm.js';
import { define } from './define.js';

type Change = 'none' | 'set' | 'reset' | 'complement';

/**
 * BT, BTS, BTR, BTC (SDM Vol. 2A): CF = the bit. With a register as bit offset and memory as base, the offset is
 * signed and reaches beyond the operand.
 */
function bitTest(change: Change) {
  return (e: Emitter) => {
    const f = e.f, size = e.size(0), access = change === 'none' ? MemoryKind.Read : MemoryKind.Write | MemoryKind.Modify;
    e.push(1);
    const offset = e.keep();
    let place: Place;
    if (e.insn.operands[0]!.kind === 'memory' && e.insn.operands[1]!.kind === 'register') {
      e.pushLinear(size, access, () => {
        f.get(offset);
        e.signExtend(size);
        f.i64(BigInt(Math.log2(size * 8))).op(Op.i64_shr_s).i64(BigInt(size)).op(Op.i64_mul);
      });
      place = { host: e.resolve(size, access | e.stackKind), size };
    } else place = e.place(0, access);
    e.load(place);
    const value = e.keep();
    f.get(offset).i64(BigInt(size * 8 - 1)).op(Op.i64_and).set(offset);
    pushFlagBits(e);
    f.i32(0x8d4).op(Op.i32_and, Op.i64_extend_i32_u).get(value).get(offset).op(Op.i64_shr_u).i64(1n).op(Op.i64_and, Op.i64_or);
    const flags = e.keep();
    if (change !== 'none') {
      f.get(value).i64(1n).get(offset).op(Op.i64_shl);
      if (change === 'set') f.op(Op.i64_or);
      else if (change === 'complement') f.op(Op.i64_xor);
      else f.i64(-1n).op(Op.i64_xor, Op.i64_and);
      e.store(place);
    }
    f.get(flags);
    setFlagBits(e);
    e.done(place);
    f.release(offset, value, flags);
  };
}
define(Mnemonic.Bt, bitTest('none'));
define(Mnemonic.Bts, bitTest('set'));
define(Mnemonic.Btr, bitTest('reset'));
define(Mnemonic.Btc, bitTest('complement'));

/** BSF and BSR: a zero source sets ZF and leaves the destination alone. Other flags are undefined and become zero. */
for (const [mnemonic, forward] of [[Mnemonic.Bsf, true], [Mnemonic.Bsr, false]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = e.size(0);
    e.push(1);
    const source = e.keep();
    if (forward) f.get(source).op(Op.i64_ctz);
    else f.i64(63n).get(source).op(Op.i64_clz, Op.i64_sub);
    e.push(0);
    f.get(source).op(Op.i64_eqz, Op.i32_eqz, Op.select);
    e.store({ register: 0, size });
    f.get(source).op(Op.i64_eqz, Op.i64_extend_i32_u).i64(6n).op(Op.i64_shl);
    setFlagBits(e);
    f.release(source);
  });
}

define(Mnemonic.Popcnt, e => {
  const f = e.f;
  e.push(1);
  const source = e.keep();
  f.get(source).op(Op.i64_popcnt);
  e.store({ register: 0, size: e.size(0) });
  f.get(source).op(Op.i64_eqz, Op.i64_extend_i32_u).i64(6n).op(Op.i64_shl);
  setFlagBits(e);
  f.release(source);
});

/**
 * CMPXCHG (SDM Vol. 2A): memory is written in either case, as the processor does; a 32-bit register keeps its upper half
 * if it was not equal, and so does RAX if it was (measured: the pseudocode leaves it open).
 */
define(Mnemonic.Cmpxchg, e => {
  const f = e.f, size = e.size(0), place = e.place(0, MemoryKind.Write | MemoryKind.Modify);
  e.load(place);
  const old = e.keep();
  e.push(1);
  const source = e.keep();
  e.pushPart(0, size);
  const accumulator = e.keep(), result = f.local(Type.I64);
  f.get(accumulator).get(old).op(Op.i64_sub);
  e.truncate(size);
  f.set(result);
  if ('host' in place) {
    f.get(source).get(old).get(result).op(Op.i64_eqz, Op.select);
    e.store(place);
  }
  f.get(result).op(Op.i64_eqz).if();
  if ('register' in place) {
    f.get(source);
    e.store(place);
  }
  f.else();
  f.get(old);
  e.popPart(0, size);
  f.end();
  setFlags(e, Cc.Sub, size, result, old);
  e.done(place);
  f.release(old, source, accumulator, result);
});

/** CMPXCHG8B and CMPXCHG16B: RDX:RAX against memory, RCX:RBX in if equal; only ZF changes. */
for (const [mnemonic, half] of [[Mnemonic.Cmpxchg8b, 4], [Mnemonic.Cmpxchg16b, 8]] as const) {
  define(mnemonic, e => {
    const f = e.f;
    const access = MemoryKind.Write | MemoryKind.Modify;
    if (half === 8) misaligned(e, access);
    const host = (e.place(0, access) as { host: number }).host;
    const low = f.local(Type.I64), high = f.local(Type.I64), equal = f.local(Type.I32);
    f.get(host).memory(loadOp(half)).set(low).get(host).memory(loadOp(half), half).set(high);
    e.pushPart(0, half);
    f.get(low).op(Op.i64_eq);
    e.pushPart(2, half);
    f.get(high).op(Op.i64_eq, Op.i32_and).set(equal);
    for (const [n, old, offset] of [[3, low, 0], [1, high, half]] as const) {
      f.get(host);
      e.pushPart(n, half);
      f.get(old).get(equal).op(Op.select).memory(storeOp(half), offset);
    }
    f.get(equal).op(Op.i32_eqz).if();
    f.get(low);
    e.popPart(0, half);
    f.get(high);
    e.popPart(2, half);
    f.end();
    pushFlagBits(e);
    f.i32(0x895).op(Op.i32_and).get(equal).i32(6).op(Op.i32_shl, Op.i32_or, Op.i64_extend_i32_u);
    setFlagBits(e);
    f.release(host, low, high, equal);
  });
}

/** CMPXCHG16B wants its operand aligned to 16 bytes: #GP(0) otherwise, which the handler raises. */
function misaligned(e: Emitter, access: MemoryKind): void {
  const f = e.f;
  e.pushLinear(16, access);
  f.i64(15n).op(Op.i64_and, Op.i64_eqz, Op.i32_eqz).if();
  e.handOver();
  f.end();
}
