import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, Vector } from '../../core.js';
import * as L from '../../cpu/layout.js';
import { CodeMode, Seg } from '../../cpu/layout.js';
import { CR4_FSGSBASE, isCanonical } from '../../cpu/modes.js';
import type { CpuState } from '../../cpu/state.js';
import { operandSize, readOperand, writeOperand } from '../operands.js';
import { handle, requireCpl0 } from './registry.js';

export function segmentBaseField(seg: Seg): number { return L.SEG + seg * L.SEG_SIZE + L.SEG_BASE; }

/** SWAPGS (SDM Vol. 2B): GS.base and IA32_KERNEL_GS_BASE trade places. 64-bit code only. */
handle(Mnemonic.Swapgs, (_core, cpu) => {
  if (!(cpu.int(L.MODE) & CodeMode.Long)) throw new GuestFault(Vector.UD);
  requireCpl0(cpu);
  const field = segmentBaseField(Seg.GS), low = cpu.int(field), high = cpu.int(field + 4);
  cpu.copy(field, L.KERNEL_GS_BASE);
  cpu.setHalves(L.KERNEL_GS_BASE, low, high);
});

/** RDFSBASE and its kin (SDM Vol. 2B) exist in 64-bit code with CR4.FSGSBASE, at any CPL. */
function requireFsgsbase(core: Core, cpu: CpuState): void {
  if (!core.features.fsgsbase || !(cpu.get(L.CR4) & CR4_FSGSBASE) || !(cpu.int(L.MODE) & CodeMode.Long)) throw new GuestFault(Vector.UD);
}

for (const [mnemonic, seg] of [[Mnemonic.Rdfsbase, Seg.FS], [Mnemonic.Rdgsbase, Seg.GS]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireFsgsbase(core, cpu);
    writeOperand(core, cpu, insn, 0, cpu.segBase(seg));
  });
}

for (const [mnemonic, seg] of [[Mnemonic.Wrfsbase, Seg.FS], [Mnemonic.Wrgsbase, Seg.GS]] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    requireFsgsbase(core, cpu);
    const base = readOperand(core, cpu, insn, 0);
    if (operandSize(insn, 0) === 8 && !isCanonical(base)) throw new GuestFault(Vector.GP, 0);
    cpu.set(segmentBaseField(seg), base);
  });
}
