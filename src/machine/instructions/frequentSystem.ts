import { Mnemonic } from 'iced-x86';
import { CodeMode, Flag, FLAGS, KERNEL_GS_BASE, MODE, Seg, SEG, SEG_BASE, SEG_SIZE } from '../cpu/layout.js';
import type { Emitter } from '../translate/emitter.js';
import { Op } from '../translate/wasm.js';
import { define } from './define.js';

/**
 * System instructions of every entry into a kernel whose usual case, CPL 0, needs no TypeScript. Elsewhere their handlers in
 * `system/` decide.
 */

function handOverUnlessKernel(e: Emitter): void {
  e.f.get(e.cpu).memory(Op.i32_load, MODE).i32(CodeMode.User).op(Op.i32_and).if();
  e.handOver();
  e.f.end();
}

/** SWAPGS (SDM Vol. 2B): GS.base and IA32_KERNEL_GS_BASE trade places. */
define(Mnemonic.Swapgs, e => {
  if (!e.long) { e.handOver(); return; }
  handOverUnlessKernel(e);
  const f = e.f, base = SEG + Seg.GS * SEG_SIZE + SEG_BASE;
  f.get(e.cpu).memory(Op.i64_load, base);
  const old = e.keep();
  f.get(e.cpu).get(e.cpu).memory(Op.i64_load, KERNEL_GS_BASE).memory(Op.i64_store, base);
  f.get(e.cpu).get(old).memory(Op.i64_store, KERNEL_GS_BASE);
  f.release(old);
});

/** CLI (SDM Vol. 2A): nothing that waits becomes possible by it, so translated code goes on. */
define(Mnemonic.Cli, e => {
  handOverUnlessKernel(e);
  e.f.get(e.cpu).get(e.cpu).memory(Op.i32_load, FLAGS).i32(~Flag.IF).op(Op.i32_and).memory(Op.i32_store, FLAGS);
});
