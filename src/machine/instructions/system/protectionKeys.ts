import { Mnemonic } from 'iced-x86';
import { GuestFault, Vector } from '../../core.js';
import * as L from '../../cpu/layout.js';
import type { CpuState } from '../../cpu/state.js';
import { handle } from './registry.js';

const RAX = 0, RCX = 1, RDX = 2;
/** CR4.PKE in the low half of the register. */
const PKE = 1 << 22;

/** RDPKRU and WRPKRU run at every CPL, if the system has turned protection keys on (SDM Vol. 2B, RDPKRU, WRPKRU). */
function requireKeys(cpu: CpuState, ...zero: number[]): void {
  if (!(cpu.int(L.CR4) & PKE)) throw new GuestFault(Vector.UD);
  if (zero.some(n => cpu.int(L.GPR + 8 * n) !== 0)) throw new GuestFault(Vector.GP, 0);
}

handle(Mnemonic.Rdpkru, (_core, cpu) => {
  requireKeys(cpu, RCX);
  cpu.setGpr(RAX, BigInt(cpu.int(L.PKRU) >>> 0));
  cpu.setGpr(RDX, 0n);
});

handle(Mnemonic.Wrpkru, (core, cpu) => {
  requireKeys(cpu, RCX, RDX);
  cpu.setInt(L.PKRU, cpu.int(L.GPR + 8 * RAX));
  core.mmu.setProtectionKeys(cpu);
});
