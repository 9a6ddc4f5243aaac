import { Mnemonic } from 'iced-x86';
import { Flag, RANDOM_STATE, TSC_AUX } from '../cpu/layout.js';
import { setFlagBits } from '../translate/flags.js';
import { Op } from '../translate/wasm.js';
import { define } from './define.js';

/**
 * RDRAND and RDSEED (SDM Vol. 2B): the next number of the CPU's own sequence, xorshift64* (Vigna 2016, period 2^64 - 1), whose state is
 * part of the CPU's. There is always a number: CF is set, the other flags are clear.
 */
define([Mnemonic.Rdrand, Mnemonic.Rdseed], e => {
  const f = e.f, size = e.size(0);
  f.get(e.cpu).memory(Op.i64_load, RANDOM_STATE);
  const x = e.keep();
  for (const [shift, by] of [[Op.i64_shr_u, 12n], [Op.i64_shl, 25n], [Op.i64_shr_u, 27n]] as const) f.get(x).get(x).i64(by).op(shift, Op.i64_xor).set(x);
  f.get(e.cpu).get(x).memory(Op.i64_store, RANDOM_STATE);
  // The upper bits of the product are the better ones.
  f.get(x).i64(0x2545f4914f6cdd1dn).op(Op.i64_mul).i64(BigInt(64 - size * 8)).op(Op.i64_shr_u);
  e.store({ register: 0, size });
  f.i64(BigInt(Flag.CF));
  setFlagBits(e);
  f.release(x);
});

/** RDPID (SDM Vol. 2B): IA32_TSC_AUX, at any CPL. */
define(Mnemonic.Rdpid, e => {
  e.f.get(e.cpu).memory(Op.i64_load32_u, TSC_AUX);
  e.store({ register: 0, size: e.size(0) });
});
