import { Mnemonic } from 'iced-x86';
import { MemoryKind } from '../../memory/kind.js';
import type { Emitter, Place } from '../../translate/emitter.js';
import { Simd } from '../../translate/simd.js';
import {
  isMemory, popHalf, popVector, popZeroExtended, pushHalf, pushSource, pushSourceLow, pushVector, registerClass, vectorPlace,
} from '../../translate/vectors.js';
import { Op, Type } from '../../translate/wasm.js';
import { define } from '../define.js';
import { defineVector } from './registry.js';

/** Pops 16 bytes into memory. */
function storeVector(e: Emitter, place: Place, value: number): void {
  const { host } = place as { host: number };
  e.f.get(host).get(value).simdMemory(Simd.v128_store);
}

/** Moves of 16 bytes; between registers and memory that must be aligned or need not. */
function wholeMove(aligned: boolean) {
  return (e: Emitter) => {
    if (!isMemory(e, 0)) {
      pushSource(e, 1, aligned);
      popVector(e, 0);
      return;
    }
    const place = vectorPlace(e, 0, MemoryKind.Write, aligned), value = e.f.local(Type.V128);
    pushVector(e, 1);
    e.f.set(value);
    storeVector(e, place, value);
    e.f.release(value);
    e.done(place);
  };
}
defineVector([Mnemonic.Movaps, Mnemonic.Movapd, Mnemonic.Movdqa, Mnemonic.Movntps, Mnemonic.Movntpd, Mnemonic.Movntdq], wholeMove(true));
defineVector([Mnemonic.Movups, Mnemonic.Movupd, Mnemonic.Movdqu, Mnemonic.Lddqu], wholeMove(false));

/** Stores the low bytes of vector register 1 in memory or a general register. */
function storeLow(e: Emitter, upper = false): void {
  const place = e.place(0, MemoryKind.Write);
  pushHalf(e, 1, upper);
  e.truncate(place.size);
  e.store(place);
  e.done(place);
}

/** MOVD and MOVQ: a narrow value into a vector register clears the rest of it. */
defineVector([Mnemonic.Movd, Mnemonic.Movq, Mnemonic.Movntq, Mnemonic.Movdq2q, Mnemonic.Movq2dq], e => {
  const to = registerClass(e, 0);
  if (to !== 'xmm' && to !== 'mmx') { storeLow(e); return; }
  pushSourceLow(e, 1);
  popZeroExtended(e, 0);
});

/** MOVSS and MOVSD: between registers the rest of the destination stays, from memory it is cleared. */
defineVector(Mnemonic.Movsd, e => {
  if (isMemory(e, 0)) { storeLow(e); return; }
  pushSourceLow(e, 1);
  if (isMemory(e, 1)) popZeroExtended(e, 0);
  else popHalf(e, 0);
});
defineVector(Mnemonic.Movss, e => {
  if (isMemory(e, 0)) { storeLow(e); return; }
  pushSourceLow(e, 1);
  if (isMemory(e, 1)) { popZeroExtended(e, 0); return; }
  const f = e.f, value = e.keep(), offset = e.pushOperandBase(0);
  f.get(value).memory(Op.i64_store32, offset);
  f.release(value);
});

/** Moves of one half: which half of the register that is not loaded from memory is read, and which is written. */
function halfMove(fromUpper: boolean, toUpper: boolean) {
  return (e: Emitter) => {
    if (isMemory(e, 0)) { storeLow(e, toUpper); return; }
    if (isMemory(e, 1)) e.push(1);
    else pushHalf(e, 1, fromUpper);
    popHalf(e, 0, toUpper);
  };
}
defineVector([Mnemonic.Movlps, Mnemonic.Movlpd], halfMove(false, false));
defineVector([Mnemonic.Movhps, Mnemonic.Movhpd, Mnemonic.Movlhps], halfMove(false, true));
defineVector(Mnemonic.Movhlps, halfMove(true, false));

/** MOVNTI stores a general register; that it bypasses the caches cannot be seen. */
define(Mnemonic.Movnti, e => {
  const place = e.place(0, MemoryKind.Write);
  e.push(1);
  e.store(place);
  e.done(place);
});
