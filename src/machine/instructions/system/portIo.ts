import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, Vector } from '../../core.js';
import { notePortAccess } from '../../cpu/debug.js';
import * as L from '../../cpu/layout.js';
import { Seg } from '../../cpu/layout.js';
import { isProtected, Rights } from '../../cpu/modes.js';
import type { CpuState } from '../../cpu/state.js';
import { Privilege } from '../../memory/access.js';
import type { Insn } from '../../translate/insn.js';
import { readRegister, writeRegister } from '../operands.js';
import { handle } from './registry.js';

const RDX = 2;
/** Offset of the I/O map base in a 32- or 64-bit TSS (SDM Vol. 3A, figures 7-2 and 7-11). */
const IO_MAP_BASE = 0x66;

/** #GP(0) unless CPL <= IOPL or the TSS's bitmap allows all ports of the access (SDM Vol. 1, 19.5). */
export function requirePort(core: Core, cpu: CpuState, port: number, size: number): void {
  notePortAccess(cpu, port, size);
  if (!isProtected(cpu) || cpu.cpl <= (cpu.int(L.FLAGS) >> 12 & 3)) return;
  const limit = cpu.segLimit(Seg.TR), task = cpu.segBase(Seg.TR);
  const refuse = (): never => { throw new GuestFault(Vector.GP, 0); };
  if (!(cpu.segRights(Seg.TR) & Rights.Present) || limit < IO_MAP_BASE + 1) refuse();
  const at = core.access.read16(cpu, task + BigInt(IO_MAP_BASE), Privilege.Supervisor) + (port >> 3);
  // Two bytes are read, so that an access across a byte boundary needs no second look: the map ends with a byte of ones.
  if (at + 1 > limit) refuse();
  const map = core.access.read16(cpu, task + BigInt(at), Privilege.Supervisor);
  if (map >> (port & 7) & (1 << size) - 1) refuse();
}

function portOf(cpu: CpuState, insn: Insn, n: number): number {
  const operand = insn.operands[n]!;
  return operand.kind === 'immediate' ? Number(insn.immediate & 0xffn) : Number(cpu.gpr(RDX) & 0xffffn);
}

handle(Mnemonic.In, (core, cpu, insn) => {
  const to = insn.operands[0]!, port = portOf(cpu, insn, 1);
  if (to.kind !== 'register') return;
  requirePort(core, cpu, port, to.register.size);
  writeRegister(cpu, to.register, BigInt(core.io.read(cpu, port, to.register.size)));
});
handle(Mnemonic.Out, (core, cpu, insn) => {
  const from = insn.operands[1]!, port = portOf(cpu, insn, 0);
  if (from.kind !== 'register') return;
  requirePort(core, cpu, port, from.register.size);
  core.io.write(cpu, port, from.register.size, Number(readRegister(cpu, from.register)));
});
