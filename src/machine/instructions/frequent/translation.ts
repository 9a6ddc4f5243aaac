import { Code, Mnemonic } from 'iced-x86';
import { CR0, CR2, CR3, CR4, FAST_CONTEXT, FAST_GLOBALS, FAST_GLOBALS_CONTEXT, FAST_INDEX, FAST_TABLE, RIP } from '../../cpu/layout.js';
import { CR3_FLUSH_CYCLES, CR3_KEEP_CYCLES } from '../../cycles/model.js';
import { DROPPED_SMALL } from '../../emitted/tlb.js';
import { FIRST_CONTEXT, LAST_CONTEXT } from '../../memory/contexts.js';
import { FAST_INDEX_FACTOR, FAST_INDEX_MASK } from '../../memory/fastTable.js';
import { MemoryKind } from '../../memory/kind.js';
import { TLB_BASE, TLB_TOUCHED_BASE, TLB_UNIT } from '../../memory/layout.js';
import { LAST_STAMP } from '../../memory/tlb.js';
import {
  H_CONTEXT_GENERATION, H_EPOCH, H_FORGETS, H_NEXT_CONTEXT, H_NEXT_STAMP, H_PCID, H_PCID_CONTEXTS, H_PCID_STAMPS, H_STAMP,
} from '../../memory/tlbLayout.js';
import type { Operand } from '../../translate/insn.js';
import { Op, Type } from '../../translate/wasm.js';
import { define, defineForm, inRegions } from '../define.js';
import { handOverIf, handOverUnlessKernel, pushTlb, tlbField } from './privilege.js';

const CR3_NUMBER = 3;
const PCIDE = 17;
/** Bits of an address above MAXPHYADDR = 40, in the upper half. */
const RESERVED_SHIFT = 8;

/**
 * MOV to CR3 (SDM Vol. 2B, MOV to control registers; Vol. 3A, 4.10.4.1): `Mmu.loadCr3Halves` where all it does is to find, or to
 * give out, the stamp and the fast context of the PCID.
 */
defineForm(Code.Mov_cr_r64, insn => controlNumber(insn.operands[0]) === CR3_NUMBER, inRegions((e, region) => {
  const f = e.f;
  if (!e.long) { e.handOver(); return; }
  handOverUnlessKernel(e);
  const high = f.local(Type.I32), pcide = f.local(Type.I32), pcid = f.local(Type.I32), t = f.local(Type.I32), at = f.local(Type.I32), stamp = f.local(Type.I32), context = f.local(Type.I32);
  const load = (base: number, word: number) => f.get(base).memory(Op.i32_load, tlbField(word));
  e.push(1);
  const value = e.keep();
  f.get(value).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).set(high);
  f.get(e.cpu).memory(Op.i32_load, CR4).i32(PCIDE).op(Op.i32_shr_u).i32(1).op(Op.i32_and).set(pcide);
  // Bit 63 is reserved unless PCIDE is set.
  f.get(high).get(pcide).i32(31).op(Op.i32_shl).i32(-1).op(Op.i32_xor, Op.i32_and).i32(RESERVED_SHIFT).op(Op.i32_shr_u);
  handOverIf(e);
  f.get(value).op(Op.i32_wrap_i64).i32(0).get(pcide).op(Op.i32_sub, Op.i32_and).i32(0xfff).op(Op.i32_and).set(pcid);
  pushTlb(e);
  f.tee(t).get(pcid).i32(2).op(Op.i32_shl, Op.i32_add).set(at);

  // Where TLBs forget, a PCID's translations are kept if they come from the same root (`memory/forgetting.ts`).
  load(t, H_FORGETS);
  handOverIf(e);
  f.get(high).i32(0).op(Op.i32_lt_s).if();
  load(at, H_PCID_STAMPS).tee(stamp);
  load(t, H_EPOCH).op(Op.i32_le_s);
  load(at, H_PCID_CONTEXTS).tee(context).i32(12).op(Op.i32_shr_u);
  load(t, H_CONTEXT_GENERATION).op(Op.i32_ne, Op.i32_or);
  handOverIf(e);
  e.charge(CR3_KEEP_CYCLES);
  f.else();
  load(t, H_NEXT_STAMP).tee(stamp).i32(LAST_STAMP).op(Op.i32_ge_s);
  load(t, H_NEXT_CONTEXT).tee(context).i32(FIRST_CONTEXT).op(Op.i32_sub).i32(LAST_CONTEXT - FIRST_CONTEXT).op(Op.i32_gt_u, Op.i32_or);
  handOverIf(e);
  f.get(t).get(stamp).i32(1).op(Op.i32_add).memory(Op.i32_store, tlbField(H_NEXT_STAMP));
  f.get(t).get(context).i32(1).op(Op.i32_add).memory(Op.i32_store, tlbField(H_NEXT_CONTEXT));
  f.get(at).get(stamp).memory(Op.i32_store, tlbField(H_PCID_STAMPS));
  // As `Tlb` does for snapshots, which find changed stamps by these marks.
  f.get(at).i32(tlbField(H_PCID_STAMPS) - TLB_BASE).op(Op.i32_add).i32(Math.log2(TLB_UNIT)).op(Op.i32_shr_u).i32(1).memory(Op.i32_store8, TLB_TOUCHED_BASE);
  f.get(at);
  load(t, H_CONTEXT_GENERATION).i32(12).op(Op.i32_shl).get(context).op(Op.i32_or).memory(Op.i32_store, tlbField(H_PCID_CONTEXTS));
  f.get(e.cpu).get(context).memory(Op.i32_store, FAST_GLOBALS_CONTEXT).get(e.cpu).i64(0n).memory(Op.i64_store, FAST_GLOBALS);
  e.charge(CR3_FLUSH_CYCLES);
  f.end();

  f.get(t).get(pcid).memory(Op.i32_store, tlbField(H_PCID));
  f.get(t).get(stamp).memory(Op.i32_store, tlbField(H_STAMP));
  f.get(e.cpu).get(value).i64(0x7fffffff_ffffffffn).op(Op.i64_and).memory(Op.i64_store, CR3);
  f.get(e.cpu).get(context).i32(0xfff).op(Op.i32_and).tee(context).op(Op.i64_extend_i32_u).memory(Op.i64_store, FAST_CONTEXT);
  f.get(e.cpu).get(context).i32(FAST_INDEX_FACTOR).op(Op.i32_mul).i32(5).op(Op.i32_shl).i32(FAST_INDEX_MASK).op(Op.i32_and).tee(context).memory(Op.i32_store, FAST_INDEX);
  f.get(e.cpu).get(e.cpu).memory(Op.i32_load, FAST_TABLE).i32(~FAST_INDEX_MASK).op(Op.i32_and).get(context).op(Op.i32_or).memory(Op.i32_store, FAST_TABLE);
  // The code that follows may be other code now.
  f.get(e.cpu);
  e.pushNext();
  f.memory(Op.i64_store, RIP).i32(0);
  f.release(value, high, pcide, pcid, t, at, stamp, context);
  region.end();
}));

/**
 * INVLPG (SDM Vol. 2A) at CPL 0 of 64-bit code. The region goes on behind it unless its own page, a large or a global one has been dropped.
 */
define(Mnemonic.Invlpg, inRegions((e, region) => {
  const f = e.f;
  if (!e.long || e.insn.lock) { e.handOver(); return; }
  handOverUnlessKernel(e);
  e.pushLinear(1, MemoryKind.Read);
  const linear = e.keep(), dropped = f.local(Type.I32);
  // An address that is not canonical has no translation.
  f.get(linear).i64(47n).op(Op.i64_shr_s).i64(1n).op(Op.i64_add).i64(1n).op(Op.i64_le_u).if();
  f.get(e.cpu).get(linear).op(Op.i32_wrap_i64).get(linear).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).call(e.imports.dropPage).tee(dropped).i32(~DROPPED_SMALL).op(Op.i32_and);
  f.get(dropped).i32(0).op(Op.i32_ne).get(linear).i64(-0x1000n).op(Op.i64_and).i64(e.insn.ip & ~0xfffn).op(Op.i64_eq, Op.i32_and, Op.i32_or).unlikely().if();
  region.refetch();
  f.end().end();
  f.release(linear, dropped);
}));

/** MOV from CR0, CR2, CR3 and CR4 at CPL 0 (SDM Vol. 2B). */
const READABLE = new Map([[0, CR0], [2, CR2], [CR3_NUMBER, CR3], [4, CR4]]);
defineForm(Code.Mov_r64_cr, insn => controlNumber(insn.operands[1]) !== undefined && READABLE.has(controlNumber(insn.operands[1])!), inRegions(e => {
  if (!e.long) { e.handOver(); return; }
  handOverUnlessKernel(e);
  e.f.get(e.cpu).memory(Op.i64_load, READABLE.get(controlNumber(e.insn.operands[1])!)!);
  e.store({ register: 0, size: 8 });
}));

function controlNumber(operand: Operand | undefined): number | undefined {
  return operand?.kind === 'register' && operand.register.class === 'control' ? operand.register.number : undefined;
}
