import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, type Handler, Vector } from '../../core.js';
import { readFlags, writeFlags } from '../../cpu/flags.js';
import * as L from '../../cpu/layout.js';
import { CodeMode, Flag, Seg } from '../../cpu/layout.js';
import { isCanonicalHigh, updateMode } from '../../cpu/modes.js';
import type { CpuState } from '../../cpu/state.js';
import { CODE32, CODE64, DATA, DPL3, FLAT_LIMIT, SYSRET_FLAGS } from './flatSegments.js';
import { handle, requireCpl0 } from './registry.js';

const RCX = 1, R11 = 11;

/** Both exist in long mode with EFER.SCE; Intel's processors refuse SYSCALL in compatibility mode. */
function requireSce(core: Core, cpu: CpuState): void {
  if (!core.features.syscall || !(cpu.int(L.EFER) & 1) || !(cpu.int(L.MODE) & CodeMode.Long)) throw new GuestFault(Vector.UD);
}

/** SYSCALL (SDM Vol. 2B): RIP to RCX, RFLAGS to R11, then to LSTAR at CPL 0. RSP stays the caller's. */
const syscall: Handler = (core, cpu, insn) => {
  requireSce(core, cpu);
  const flags = readFlags(cpu), selector = cpu.int(L.STAR + 4) & 0xfffc;
  cpu.setGpr(RCX, insn.next);
  cpu.setHalves(L.GPR + 8 * R11, flags & ~Flag.RF, 0);
  cpu.copy(L.RIP, L.LSTAR);
  writeFlags(cpu, flags & ~cpu.int(L.SFMASK) & ~Flag.RF);
  cpu.setSegment(Seg.CS, selector, CODE64, FLAT_LIMIT, 0n);
  cpu.setSegment(Seg.SS, selector + 8 & 0xffff, DATA, FLAT_LIMIT, 0n);
  updateMode(core, cpu);
  // A single step traps by the TF that SYSCALL and SYSRET leave, not by that of before: so a masked
  // TF gives no trap in the kernel, and SYSRET with TF traps before the first instruction of the program.
  if (!(cpu.int(L.FLAGS) & Flag.TF)) cpu.setInt(L.SINGLE_STEP, 0);
  return 'jumped';
};

/**
 * SYSRET (SDM Vol. 2B): back to CPL 3, to 64-bit code with REX.W, else to compatibility mode. A non-canonical RCX raises
 * #GP(0) while still at CPL 0, with the user's RSP: kernels must check before.
 */
function sysret(wide: boolean): Handler {
  return (core, cpu) => {
    requireSce(core, cpu);
    requireCpl0(cpu);
    const low = cpu.int(L.GPR + 8 * RCX), high = cpu.int(L.GPR + 8 * RCX + 4);
    if (wide && !isCanonicalHigh(high)) throw new GuestFault(Vector.GP, 0);
    const base = cpu.int(L.STAR + 4) >>> 16;
    const flags = cpu.int(L.GPR + 8 * R11) & SYSRET_FLAGS | 2;
    cpu.setHalves(L.RIP, low, wide ? high : 0);
    cpu.setSegment(Seg.CS, (base + (wide ? 16 : 0)) & 0xffff | 3, (wide ? CODE64 : CODE32) | DPL3, FLAT_LIMIT, 0n);
    cpu.setSegment(Seg.SS, base + 8 & 0xffff | 3, DATA | DPL3, FLAT_LIMIT, 0n);
    writeFlags(cpu, flags);
    updateMode(core, cpu);
    if (flags & Flag.TF) cpu.setInt(L.SINGLE_STEP, 1);
    return 'jumped';
  };
}

handle(Mnemonic.Syscall, syscall);
handle(Mnemonic.Sysret, sysret(false));
handle(Mnemonic.Sysretq, sysret(true));
