import { Mnemonic } from 'iced-x86';
import { CodeMode } from '../../cpu/layout.js';
import { Op, Type } from '../../translate/wasm.js';
import { define, inRegions } from '../define.js';
import { handOverIf, handOverUnlessKernel } from './privilege.js';

const RSP = 4;

/** IRETQ (SDM Vol. 2A, IRET) at CPL 0 of 64-bit code, as far as `emitted/interruptReturn.ts` does it. */
define(Mnemonic.Iretq, inRegions((e, region) => {
  const f = e.f, exit = f.local(Type.I32);
  if (!e.long || e.insn.mode & CodeMode.Watched) { e.handOver(); return; }
  handOverUnlessKernel(e);
  f.get(e.cpu);
  e.pushRegister(RSP);
  region.pushBudgetBehind();
  f.call(e.imports.interruptReturn).tee(exit).i32(0).op(Op.i32_lt_s);
  handOverIf(e);
  f.get(exit);
  f.release(exit);
  region.endReturned();
}));
