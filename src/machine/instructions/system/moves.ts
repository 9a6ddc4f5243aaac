import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, type Handler, Unimplemented, Vector } from '../../core.js';
import { writeCr0, writeCr3, writeCr4, writeCr8 } from '../../cpu/controlRegisters.js';
import { checkGeneralDetect, readDebugRegister, writeDebugRegister } from '../../cpu/debug.js';
import * as L from '../../cpu/layout.js';
import { CodeMode, Seg } from '../../cpu/layout.js';
import { CR4_DE, CR4_UMIP, isProtected, updateMode } from '../../cpu/modes.js';
import { loadSegment } from '../../cpu/segments.js';
import type { CpuState } from '../../cpu/state.js';
import { CONTROL_WRITE_CYCLES } from '../../cycles/model.js';
import type { Insn, Register } from '../../translate/insn.js';
import { effectiveAddress, operandSize, privilegeOf, readLinear, readOperand, writeOperand } from '../operands.js';
import { handle, handlePrivileged, requireCpl0 } from './registry.js';
import { StackCursor } from './stack.js';

function registerAt(insn: Insn, n: number): Register | undefined {
  const operand = insn.operands[n]!;
  return operand.kind === 'register' ? operand.register : undefined;
}

const CR3 = 3;
const gprField = (n: number): number => L.GPR + 8 * n;

/** MOV to and from segment, control and debug registers; the plain MOV is not written here. */
const mov: Handler = (core, cpu, insn) => {
  const to = registerAt(insn, 0), from = registerAt(insn, 1);
  // CR3 and a 64-bit register: the hot pair, without bigints.
  if (to?.class === 'control' && to.number === CR3 && from!.size === 8) {
    requireCpl0(cpu);
    writeCr3(core, cpu, cpu.int(gprField(from!.number)), cpu.int(gprField(from!.number) + 4));
    return;
  }
  if (from?.class === 'control' && from.number === CR3 && to!.size === 8) {
    requireCpl0(cpu);
    cpu.copy(gprField(to!.number), L.CR3);
    return;
  }
  if (to?.class === 'segment') loadSelector(core, cpu, to.number, Number(readOperand(core, cpu, insn, 1) & 0xffffn));
  else if (from?.class === 'segment') writeOperand(core, cpu, insn, 0, BigInt(cpu.segSelector(from.number)));
  else if (to?.class === 'control') movToControl(core, cpu, to.number, readOperand(core, cpu, insn, 1));
  else if (from?.class === 'control') writeOperand(core, cpu, insn, 0, movFromControl(core, cpu, from.number));
  else if (to?.class === 'debug') writeDebugRegister(core, cpu, debugNumber(cpu, to.number), readOperand(core, cpu, insn, 1));
  else if (from?.class === 'debug') writeOperand(core, cpu, insn, 0, readDebugRegister(cpu, debugNumber(cpu, from.number)));
  else throw new Unimplemented(`MOV at 0x${insn.ip.toString(16)} has operands that the machine does not know`);
};

/** MOV to SS and POP SS hold interrupts off for one more instruction, so that RSP can follow (SDM Vol. 3A, 6.8.3). */
function loadSelector(core: Core, cpu: CpuState, seg: Seg, selector: number): void {
  if (seg === Seg.CS) throw new GuestFault(Vector.UD);
  loadSegment(core, cpu, seg, selector);
  if (seg !== Seg.SS) return;
  cpu.setInt(L.SHADOW, L.SHADOW_STACK);
  updateMode(core, cpu);
}

function movToControl(core: Core, cpu: CpuState, number: number, value: bigint): void {
  const write = controlWriters.get(number);
  if (!write) throw new GuestFault(Vector.UD);
  requireCpl0(cpu);
  write(core, cpu, value);
}
const controlWriters = new Map<number, (core: Core, cpu: CpuState, value: bigint) => void>([
  [0, charged(writeCr0)], [2, (_core, cpu, value) => cpu.set(L.CR2, value)], [CR3, (core, cpu, value) => writeCr3(core, cpu, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)))], [4, charged(writeCr4)], [8, writeCr8],
]);
function charged(write: (core: Core, cpu: CpuState, value: bigint) => void): typeof write {
  return (core, cpu, value) => {
    write(core, cpu, value);
    cpu.charge(CONTROL_WRITE_CYCLES);
  };
}

function movFromControl(core: Core, cpu: CpuState, number: number): bigint {
  if (!controlWriters.has(number)) throw new GuestFault(Vector.UD);
  requireCpl0(cpu);
  switch (number) {
    case 0: return cpu.get(L.CR0);
    case 2: return cpu.get(L.CR2);
    case 3: return cpu.get(L.CR3);
    case 4: return cpu.get(L.CR4);
    default: return BigInt(core.apics[cpu.index]!.taskPriority >> 4);
  }
}

/** DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE is set (SDM Vol. 3B, 17.2.2). Throws what an access to the register raises. */
function debugNumber(cpu: CpuState, number: number): number {
  if (number > 7 || (number === 4 || number === 5) && cpu.get(L.CR4) & CR4_DE) throw new GuestFault(Vector.UD);
  requireCpl0(cpu);
  checkGeneralDetect(cpu);
  return number === 4 || number === 5 ? number + 2 : number;
}

handle(Mnemonic.Mov, mov);

handle(Mnemonic.Push, (core, cpu, insn) => {
  const stack = new StackCursor(core, cpu);
  stack.push(insn.operandSize, BigInt(cpu.segSelector(registerAt(insn, 0)!.number)));
  stack.commit();
});

handle(Mnemonic.Pop, (core, cpu, insn) => {
  const seg = registerAt(insn, 0)!.number as Seg, stack = new StackCursor(core, cpu);
  const selector = Number(stack.pop(insn.operandSize) & 0xffffn);
  const width = cpu.int(L.MODE);
  loadSelector(core, cpu, seg, selector);
  // The width of the stack pointer is that of before, also when SS is what was loaded.
  const now = cpu.int(L.MODE);
  cpu.setInt(L.MODE, width);
  stack.commit();
  cpu.setInt(L.MODE, now);
});

/** LDS, LES, LFS, LGS, LSS (SDM Vol. 2A): a far pointer from memory into a segment and a general register. */
for (const [mnemonic, seg] of [
  [Mnemonic.Lds, Seg.DS], [Mnemonic.Les, Seg.ES], [Mnemonic.Lfs, Seg.FS], [Mnemonic.Lgs, Seg.GS], [Mnemonic.Lss, Seg.SS],
] as const) {
  handle(mnemonic, (core, cpu, insn) => {
    const size = operandSize(insn, 0), privilege = privilegeOf(insn.memory!.segment);
    const offset = readLinear(core, cpu, effectiveAddress(cpu, insn, size), size, privilege);
    const selector = Number(readLinear(core, cpu, effectiveAddress(cpu, insn, 2, false, size), 2, privilege));
    loadSegment(core, cpu, seg, selector);
    writeOperand(core, cpu, insn, 0, offset);
    if (seg === Seg.SS) updateMode(core, cpu);
  });
}

/** CLTS, LMSW and SMSW: parts of CR0. LMSW cannot clear PE (SDM Vol. 2A). */
handlePrivileged(Mnemonic.Clts, (core, cpu) => writeCr0(core, cpu, cpu.get(L.CR0) & ~8n));
handlePrivileged(Mnemonic.Lmsw, (core, cpu, insn) => {
  const old = cpu.get(L.CR0), value = readOperand(core, cpu, insn, 0) & 15n;
  writeCr0(core, cpu, old & ~15n | value | old & 1n);
});
handle(Mnemonic.Smsw, (core, cpu, insn) => {
  refuseUserMode(cpu);
  writeOperand(core, cpu, insn, 0, cpu.get(L.CR0));
});

/** User-mode instruction prevention: with CR4.UMIP these raise #GP(0) outside CPL 0 (SDM Vol. 3A, 2.5). */
export function refuseUserMode(cpu: CpuState): void {
  if (cpu.get(L.CR4) & CR4_UMIP) requireCpl0(cpu);
}

/** #UD in real mode, where descriptor tables mean nothing. */
export function requireProtected(cpu: CpuState): void {
  if (!isProtected(cpu)) throw new GuestFault(Vector.UD);
}

export function in64BitCode(cpu: CpuState): boolean { return (cpu.int(L.MODE) & CodeMode.Long) !== 0; }
