import { Code, Mnemonic } from 'iced-x86';
import { type Core, GuestFault, Vector } from '../../core.js';
import * as L from '../../cpu/layout.js';
import { RunState, Seg } from '../../cpu/layout.js';
import { armMonitor, monitoredLine } from '../../cpu/monitor.js';
import type { CpuState } from '../../cpu/state.js';
import { MemoryKind, memoryKind } from '../../memory/kind.js';
import type { Insn } from '../../translate/insn.js';
import { addressMask } from '../../translate/record.js';
import { segmentAddress } from '../operands.js';
import { handle } from './registry.js';

const RAX = 0, RCX = 1;
const low = (cpu: CpuState, register: number): number => Number(cpu.gpr(register) & 0xffffffffn);

/** Both are undefined outside CPL 0 (SDM Vol. 2B, MONITOR; IA32_MISC_ENABLE cannot turn them off here). */
function requireKernel(cpu: CpuState): void {
  if (cpu.cpl !== 0) throw new GuestFault(Vector.UD);
}

/** MONITOR (SDM Vol. 2B): watches the line at DS:(E/R)AX, which is read like a byte. It has no extensions: ECX must be 0. */
handle(Mnemonic.Monitor, (core: Core, cpu: CpuState, insn: Insn) => {
  requireKernel(cpu);
  if (low(cpu, RCX)) throw new GuestFault(Vector.GP, 0);
  const linear = segmentAddress(cpu, segmentOf(insn), cpu.gpr(RAX) & addressMask(insn.code === Code.Monitorq ? 8 : insn.code === Code.Monitord ? 4 : 2), 1, false);
  core.access.read8(cpu, linear);
  const physical = core.mmu.physical(cpu.base, Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n)), memoryKind(1, MemoryKind.Read));
  armMonitor(core, cpu, core.memory.isRam(physical, 1) ? physical : undefined);
});

/**
 * MWAIT (SDM Vol. 2B): waits like HLT, and for a store to the watched line, if there has been none since MONITOR. With ECX bit 0 an
 * interrupt ends the wait also while RFLAGS.IF is clear. Hints do not matter.
 */
handle(Mnemonic.Mwait, (_core, cpu) => {
  requireKernel(cpu);
  const extensions = low(cpu, RCX);
  if (extensions > 1) throw new GuestFault(Vector.GP, 0);
  if (monitoredLine(cpu) < 0) return;
  cpu.setInt(L.MWAIT, extensions ? L.MWAIT_MASKED : L.MWAIT_OPEN);
  cpu.runState = RunState.Halted;
});

/** The segment prefix that counts: the last; in 64-bit code only FS and GS. */
function segmentOf(insn: Insn): Seg {
  const prefixes = new Map([[0x26, Seg.ES], [0x2e, Seg.CS], [0x36, Seg.SS], [0x3e, Seg.DS], [0x64, Seg.FS], [0x65, Seg.GS]]);
  let segment = Seg.DS;
  for (const byte of insn.bytes) {
    if (byte === 0x0f) break;
    segment = prefixes.get(byte) ?? segment;
  }
  return segment;
}
