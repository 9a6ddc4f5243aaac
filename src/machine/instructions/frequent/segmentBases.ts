import { Mnemonic } from 'iced-x86';
import { CR4, KERNEL_GS_BASE, Seg, SEG, SEG_BASE, SEG_SIZE } from '../../cpu/layout.js';
import type { Emitter } from '../../translate/emitter.js';
import { Op, Type } from '../../translate/wasm.js';
import { define, inRegions } from '../define.js';
import { handOverIf, handOverUnlessCanonical, handOverUnlessKernel } from './privilege.js';

const RAX = 0, RCX = 1, RDX = 2;
const FS_BASE = SEG + Seg.FS * SEG_SIZE + SEG_BASE, GS_BASE = SEG + Seg.GS * SEG_SIZE + SEG_BASE;
/** IA32_FS_BASE, IA32_GS_BASE and IA32_KERNEL_GS_BASE follow each other (SDM Vol. 4, table 2-2). */
const MSR_FS_BASE = 0xc0000100 | 0;
const CR4_FSGSBASE = 1 << 16;

/** SWAPGS (SDM Vol. 2B): GS.base and IA32_KERNEL_GS_BASE trade places. */
define(Mnemonic.Swapgs, e => {
  if (!e.long) { e.handOver(); return; }
  handOverUnlessKernel(e);
  const f = e.f;
  f.get(e.cpu).memory(Op.i64_load, GS_BASE);
  const old = e.keep();
  f.get(e.cpu).get(e.cpu).memory(Op.i64_load, KERNEL_GS_BASE).memory(Op.i64_store, GS_BASE);
  f.get(e.cpu).get(old).memory(Op.i64_store, KERNEL_GS_BASE);
  f.release(old);
});

/** Pushes the address from which FS_BASE is the field that ECX names, and hands over if it names no base. */
function pushBaseField(e: Emitter): void {
  const f = e.f, number = f.local(Type.I32);
  e.pushRegister(RCX);
  f.op(Op.i32_wrap_i64).i32(MSR_FS_BASE).op(Op.i32_sub).tee(number).i32(2).op(Op.i32_gt_u);
  handOverIf(e);
  f.get(e.cpu);
  f.i32(KERNEL_GS_BASE - FS_BASE).get(number).i32(GS_BASE - FS_BASE).op(Op.i32_mul).get(number).i32(2).op(Op.i32_eq, Op.select, Op.i32_add);
  f.release(number);
}

/** RDMSR and WRMSR (SDM Vol. 2B) of the bases of FS and GS. */
define(Mnemonic.Rdmsr, inRegions(e => {
  handOverUnlessKernel(e);
  pushBaseField(e);
  e.f.memory(Op.i64_load, FS_BASE);
  const value = e.keep();
  e.f.get(value).i64(0xffffffffn).op(Op.i64_and);
  e.popRegister(RAX);
  e.f.get(value).i64(32n).op(Op.i64_shr_u);
  e.popRegister(RDX);
  e.f.release(value);
}));
define(Mnemonic.Wrmsr, inRegions(e => {
  handOverUnlessKernel(e);
  e.pushRegister(RDX);
  e.f.i64(32n).op(Op.i64_shl);
  e.pushPart(RAX, 4);
  e.f.op(Op.i64_or);
  const value = e.keep();
  handOverUnlessCanonical(e, value);
  pushBaseField(e);
  e.f.get(value).memory(Op.i64_store, FS_BASE);
  e.f.release(value);
}));

/** RDFSBASE and its kin (SDM Vol. 2B): with CR4.FSGSBASE, at any CPL. */
function handOverUnlessEnabled(e: Emitter): void {
  e.f.get(e.cpu).memory(Op.i32_load, CR4).i32(CR4_FSGSBASE).op(Op.i32_and, Op.i32_eqz);
  handOverIf(e);
}
for (const [read, write, field] of [[Mnemonic.Rdfsbase, Mnemonic.Wrfsbase, FS_BASE], [Mnemonic.Rdgsbase, Mnemonic.Wrgsbase, GS_BASE]] as const) {
  define(read, inRegions(e => {
    if (!e.long) { e.handOver(); return; }
    handOverUnlessEnabled(e);
    const size = e.size(0);
    e.f.get(e.cpu).memory(Op.i64_load, field);
    e.truncate(size);
    e.store({ register: 0, size });
  }));
  define(write, inRegions(e => {
    if (!e.long) { e.handOver(); return; }
    handOverUnlessEnabled(e);
    e.push(0);
    const value = e.keep();
    handOverUnlessCanonical(e, value);
    e.f.get(e.cpu).get(value).memory(Op.i64_store, field);
    e.f.release(value);
  }));
}
