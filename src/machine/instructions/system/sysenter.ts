import { Mnemonic } from 'iced-x86';
import { GuestFault, type Handler, Vector } from '../../core.js';
import { readFlags, writeFlags } from '../../cpu/flags.js';
import * as L from '../../cpu/layout.js';
import { Flag, Seg } from '../../cpu/layout.js';
import { isCanonical, isLongMode, isProtected, updateMode } from '../../cpu/modes.js';
import type { CpuState } from '../../cpu/state.js';
import { handle, requireCpl0 } from './registry.js';

const RCX = 1, RDX = 2, RSP = 4;

/** Access rights of the flat segments that SYSENTER and SYSEXIT load without looking at the descriptor tables. */
const CODE64 = 0xa09b, CODE32 = 0xc09b, DATA = 0xc093, DPL3 = 3 << 5, FLAT_LIMIT = 0xffffffff;

/** #GP(0) in real mode, and while IA32_SYSENTER_CS names no segment. */
function requireSelector(cpu: CpuState): number {
  const selector = cpu.int(L.SYSENTER_CS) & 0xfffc;
  if (!isProtected(cpu) || selector === 0) throw new GuestFault(Vector.GP, 0);
  return selector;
}

/** SYSENTER (SDM Vol. 2B): to IA32_SYSENTER_EIP at CPL 0, in 64-bit code where long mode is active. It saves nothing. */
const sysenter: Handler = (core, cpu) => {
  const selector = requireSelector(cpu), long = isLongMode(cpu);
  writeFlags(cpu, readFlags(cpu) & ~(Flag.VM | Flag.IF));
  cpu.setGpr(RSP, BigInt.asUintN(long ? 64 : 32, cpu.get(L.SYSENTER_ESP)));
  cpu.rip = BigInt.asUintN(long ? 64 : 32, cpu.get(L.SYSENTER_EIP));
  cpu.setSegment(Seg.CS, selector, long ? CODE64 : CODE32, FLAT_LIMIT, 0n);
  cpu.setSegment(Seg.SS, selector + 8 & 0xffff, DATA, FLAT_LIMIT, 0n);
  updateMode(core, cpu);
  return 'jumped';
};

/** SYSEXIT (SDM Vol. 2B): to RDX with RCX as stack pointer at CPL 3, to 64-bit code with REX.W, else to 32-bit code. */
function sysexit(wide: boolean): Handler {
  return (core, cpu) => {
    const selector = requireSelector(cpu) + (wide ? 32 : 16) & 0xffff;
    requireCpl0(cpu);
    const stack = cpu.gpr(RCX), target = cpu.gpr(RDX), width = wide ? 64 : 32;
    if (wide && !(isCanonical(stack) && isCanonical(target))) throw new GuestFault(Vector.GP, 0);
    cpu.setGpr(RSP, BigInt.asUintN(width, stack));
    cpu.rip = BigInt.asUintN(width, target);
    cpu.setSegment(Seg.CS, selector | 3, (wide ? CODE64 : CODE32) | DPL3, FLAT_LIMIT, 0n);
    cpu.setSegment(Seg.SS, (selector + 8 & 0xffff) | 3, DATA | DPL3, FLAT_LIMIT, 0n);
    updateMode(core, cpu);
    return 'jumped';
  };
}

handle(Mnemonic.Sysenter, sysenter);
handle(Mnemonic.Sysexit, sysexit(false));
handle(Mnemonic.Sysexitq, sysexit(true));
