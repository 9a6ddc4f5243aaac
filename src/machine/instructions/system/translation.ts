import { Mnemonic } from 'iced-x86';
import { GuestFault, Vector } from '../../core.js';
import * as L from '../../cpu/layout.js';
import { CR4_PCIDE, isCanonical } from '../../cpu/modes.js';
import { effectiveAddress, readMemory, readOperand } from '../operands.js';
import { handle, handlePrivileged, requireCpl0 } from './registry.js';

const half = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** INVLPG (SDM Vol. 2A): no segment checks and no fault for an address that cannot be translated. */
handlePrivileged(Mnemonic.Invlpg, (core, cpu, insn) => {
  const address = effectiveAddress(cpu, insn);
  if (isCanonical(address)) core.mmu.invlpg(cpu, half(address), half(address >> 32n));
});

/** INVPCID (SDM Vol. 2A): type in the register, PCID and linear address in memory. */
handle(Mnemonic.Invpcid, (core, cpu, insn) => {
  if (!core.features.invpcid) throw new GuestFault(Vector.UD);
  requireCpl0(cpu);
  const type = readOperand(core, cpu, insn, 0);
  const descriptor = readMemory(core, cpu, insn, 8), address = readMemory(core, cpu, insn, 8, 8);
  const refuse = type > 3n || descriptor >> 12n !== 0n
    || type <= 1n && descriptor !== 0n && !(cpu.get(L.CR4) & CR4_PCIDE)
    || type === 0n && !isCanonical(address);
  if (refuse) throw new GuestFault(Vector.GP, 0);
  core.mmu.invpcid(cpu, Number(type), Number(descriptor), half(address), half(address >> 32n));
});

/** There are no caches: all writes are in memory at once. */
handlePrivileged(Mnemonic.Wbinvd, () => {});
handlePrivileged(Mnemonic.Invd, () => {});
